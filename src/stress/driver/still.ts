import type { Intid, VcpuId } from '../../arch/intid.ts';
import { isOnItsWay, isPending as isPendingState } from '../../gic/state.ts';
import { PLACES } from '../proof.ts';
import { boundMsOf, movesOf, waitUntilSettled } from '../quiet.ts';
import type { DriverContext } from './context.ts';

/** How long vCPUs may take to fall asleep once all has settled, ms; where they do not, the phase says less. */
const ASLEEP_MS = 20;

/**
 * A phase in which the driver and the devices keep still until every signal was followed by its delivery. A signal that is
 * not delivered in the quiet is a violation, also where a later change would bring the delivery forth. The driver's thread.
 */
export class StillPhases {
  readonly #context: DriverContext;
  readonly #atRest: () => void;
  /** By source: the last signal seen when the source was found to miss a delivery. Each is told once. */
  readonly #told: Map<number, number> = new Map();

  readonly #isBusy: () => boolean;
  readonly #isPending: (source: number) => boolean;
  readonly #isOnItsWay: (source: number) => boolean;

  /**
   * @param atRest - called when no signal is under way
   * @param isBusy - whether a handler runs that may take longer than a wake-up: no delivery is missing before its end
   * @param isPending - whether the interrupt of a source is pending: by the driver's doing perhaps, and then no device waits for the
   * delivery. Left out: as the GIC says of its INTID.
   */
  constructor(
    context: DriverContext,
    atRest: () => void = () => undefined,
    isBusy: () => boolean = () => false,
    isPending?: (source: number) => boolean,
  ) {
    this.#context = context;
    this.#atRest = atRest;
    this.#isBusy = isBusy;
    const { machine, views } = context;
    const { interrupts } = machine.gic;
    const stateOf = (source: number) => interrupts.state(interrupts.find(0, views.proof.intidOf(source)));
    this.#isPending = isPending ?? ((source) => isPendingState(stateOf(source)));
    this.#isOnItsWay = isPending ?? ((source) => isOnItsWay(stateOf(source)));
  }

  /**
   * Keeps still until all has settled, or nothing has moved for as long as a wake-up may take. Where the run ends at a violation,
   * devices keep still from there on.
   */
  run(): void {
    const context = this.#context;
    const { still } = context.views;
    const { clock } = context.machine;
    const start = clock.now();
    still.begin();
    context.meetings.meeting.isClosed = true;
    const settled = waitUntilSettled(
      context,
      clock,
      () => this.#isSettled(),
      () => this.#moves(),
      this.#isBusy,
    );
    if (!settled && this.#judge() && context.plan.endsAtViolation) {
      context.stop();
      return;
    }
    const tookMs = (clock.now() - start) / 1e6;
    const comesToRest = () => this.#isSettled() && context.until(() => this.#isAtRest(), ASLEEP_MS);
    if (comesToRest()) {
      this.#atRest();
      // The look at a rule signals by itself: the proof allows for the deliveries that may still come.
      if (comesToRest()) this.#takeStock();
      else this.#allowForMore();
    }
    context.meetings.meeting.isClosed = false;
    still.end(tookMs, boundMsOf(context));
  }

  #moves(): number {
    const { views, machine, plan } = this.#context;
    return movesOf(views.proof, plan.vcpus, (vcpu) => machine.control(vcpu).taken);
  }

  #isSettled(): boolean {
    const { proof, sgis, still } = this.#context.views;
    if (!still.isReached) return false;
    for (let source = 0; source < proof.sources; source++)
      if (!proof.isSettled(source) || this.#isPending(source)) return false;
    for (let pair = 0; pair < sgis.sources; pair++) if (!sgis.isSettled(pair)) return false;
    return true;
  }

  /** Whether an SGI is pending: by the driver's doing perhaps, and the vCPU that was rung may not run yet. */
  #isAnySgiPending(): boolean {
    const { machine, views } = this.#context;
    const { interrupts } = machine.gic;
    for (let pair = 0; pair < views.sgis.sources; pair++) {
      const at = interrupts.find(views.sgis.vcpuOf(pair), views.sgis.intidOf(pair));
      if (isPendingState(interrupts.state(at))) return true;
    }
    return false;
  }

  /**
   * Whether no signal is under way. Two looks, between which no count has moved: a signal that one thread passed on behind
   * the first look, such as an SGI out of a handler, has moved a count before the second look, or the second look sees the
   * signal.
   */
  #isAtRest(): boolean {
    const moves = this.#moves();
    return this.#looksAtRest() && this.#looksAtRest() && this.#moves() === moves;
  }

  /** In the order in which a signal goes: left to the main thread, pending, taken by a vCPU that does not sleep. */
  #looksAtRest(): boolean {
    const { machine, plan } = this.#context;
    if (!machine.vm.irqfds.isIdle || !this.#isSettled() || this.#isAnySgiPending()) return false;
    for (let vcpu: VcpuId = 0; vcpu < plan.vcpus; vcpu++) if (!machine.control(vcpu).isHalted) return false;
    return true;
  }

  /**
   * At rest the accounts are exact: from here on each delivery has a signal of its own. And an interrupt without an owner is
   * not pending: an LPI that no event maps keeps no latch.
   */
  #takeStock(): void {
    const { views, machine, spareLpis } = this.#context;
    const { interrupts } = machine.gic;
    for (let source = 0; source < views.proof.sources; source++) views.proof.takeStock(source);
    for (let pair = 0; pair < views.sgis.sources; pair++) views.sgis.takeStock(pair);
    for (const lpi of spareLpis) {
      const at = interrupts.find(0, lpi);
      if (!isPendingState(interrupts.state(at)) || this.#told.get(-lpi) !== undefined) continue;
      this.#told.set(-lpi, 0);
      views.proof.violate('spurious', -1, lpi, -1);
    }
  }

  /** The accounts as at rest, with room for a signal in each place. */
  #allowForMore(): void {
    const { proof, sgis } = this.#context.views;
    for (let source = 0; source < proof.sources; source++) proof.takeStock(source, PLACES);
    for (let pair = 0; pair < sgis.sources; pair++) sgis.takeStock(pair, PLACES);
  }

  /**
   * Tells pending interrupts that no vCPU took as stranded, and the signals that are pending nowhere as lost. Returns whether
   * there are any.
   */
  #judge(): boolean {
    let isAny = false;
    const { views, machine } = this.#context;
    const { proof, sgis } = views;
    const { interrupts } = machine.gic;
    const judge = (key: number, source: number, seen: number, vcpu: VcpuId, intid: Intid) => {
      if (this.#told.get(key) === seen) return;
      this.#told.set(key, seen);
      isAny = true;
      const isThere =
        source >= 0 ? this.#isOnItsWay(source) : isOnItsWay(interrupts.state(interrupts.find(vcpu, intid)));
      proof.violate(isThere ? 'stranded' : 'lost', source, intid, vcpu);
    };
    for (let source = 0; source < proof.sources; source++)
      if (!proof.isSettled(source) || this.#isPending(source))
        judge(source, source, proof.seen(source), proof.vcpuOf(source), proof.intidOf(source));
    for (let pair = 0; pair < sgis.sources; pair++)
      if (!sgis.isSettled(pair))
        judge(proof.sources + pair, -1, sgis.seen(pair), sgis.vcpuOf(pair), sgis.intidOf(pair));
    return isAny;
  }
}
