import type { VcpuId } from '../arch/intid.ts';
import { boundMsOf, movesOf, PLACES, waitUntilSettled } from '../stress/index.ts';
import { requestedAt } from './audit.ts';
import type { ApicContext } from './context.ts';

/** How long vCPUs may take to fall asleep once all has settled, ms. */
const ASLEEP_MS = 20;

/**
 * A phase in which the driver and the devices keep still until every signal was followed by its delivery; as on arm64, where
 * the accounts are exact at rest. The driver's thread.
 */
export class ApicStillPhases {
  readonly #context: ApicContext;
  /** By source: the last signal seen when the source was found to miss a delivery. Each is told once. */
  readonly #told: Map<number, number> = new Map();

  constructor(context: ApicContext) {
    this.#context = context;
  }

  run(): void {
    const context = this.#context;
    const { still } = context.views;
    const { clock } = context.board;
    const start = clock.now();
    still.begin();
    const settled = waitUntilSettled(
      context,
      clock,
      () => this.#isSettled(),
      () => this.#moves(),
    );
    if (!settled) this.#judge();
    const tookMs = (clock.now() - start) / 1e6;
    if (this.#isSettled()) this.#takeStock(context.until(() => this.#isAtRest(), ASLEEP_MS, 0) ? 0 : PLACES);
    still.end(tookMs, boundMsOf(context));
  }

  #moves(): number {
    const { board, plan, views } = this.#context;
    return movesOf(views.proof, plan.vcpus, (vcpu) => board.control(vcpu).taken);
  }

  #isSettled(): boolean {
    const { proof, still } = this.#context.views;
    if (!still.isReached) return false;
    for (let source = 0; source < proof.sources; source++)
      if (!proof.isSettled(source) || this.#isRequested(source)) return false;
    return true;
  }

  #isRequested(source: number): boolean {
    const { board, views } = this.#context;
    return requestedAt(board, views.proof.intidOf(source)) >= 0;
  }

  /** Two looks, between which nothing has moved, in the order in which a signal goes. */
  #isAtRest(): boolean {
    const moves = this.#moves();
    return this.#looksAtRest() && this.#looksAtRest() && this.#moves() === moves;
  }

  #looksAtRest(): boolean {
    const { board, plan } = this.#context;
    if (!board.vm.irqfds.isIdle || !this.#isSettled()) return false;
    for (let vcpu: VcpuId = 0; vcpu < plan.vcpus; vcpu++) if (!board.control(vcpu).isHalted) return false;
    return true;
  }

  /** From here on each delivery has a signal of its own. @param spare - deliveries that may still be on their way */
  #takeStock(spare: number): void {
    const { proof } = this.#context.views;
    for (let source = 0; source < proof.sources; source++) proof.takeStock(source, spare);
  }

  /** Tells requested vectors that no vCPU took as stranded, and the signals without a request as lost. */
  #judge(): void {
    const { board, views } = this.#context;
    const { proof } = views;
    for (let source = 0; source < proof.sources; source++) {
      const vcpu: VcpuId = requestedAt(board, proof.intidOf(source));
      if ((proof.isSettled(source) && vcpu < 0) || this.#told.get(source) === proof.seen(source)) continue;
      this.#told.set(source, proof.seen(source));
      if (vcpu < 0) proof.violate('lost', source, proof.intidOf(source), proof.vcpuOf(source));
      else proof.violate('stranded', source, proof.intidOf(source), vcpu);
    }
  }
}
