import type { VcpuId } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import type { Machine } from '../board/machine.ts';
import { REQUEST_PAUSE } from '../board/vcpu-control.ts';
import { Tally } from '../stress/index.ts';
import type { Harness } from '../threads/harness.ts';
import { eventOf } from './build.ts';
import { Judge } from './judge.ts';
import type { HarnessPlan, HarnessViews } from './plan.ts';
import { awaitDeliveries } from './rest.ts';
import { type MachineStats, readStats } from './stats.ts';

/** How a run ended: all counts, and the length of the run. */
export type RunResult = MachineStats & {
  /** From the start of the run to the last delivery. */
  readonly seconds: number;
  /** Events whose last signal is left pending, because their vCPU has stopped. */
  readonly left: number;
  /** Events that were not judged, because the caller has changed their route. */
  readonly unjudged: number;
};

/** Between two looks at the counters, which wrap, and at the vCPUs. */
const WATCH_MS = 250;

/**
 * vCPUs in their guests and devices in their programs, and the watch on them. The first failure ends the run, and tells the
 * devices to stop. The main thread.
 */
export class Run {
  readonly tally: Tally;
  readonly judge: Judge;
  readonly #harness: Harness;
  readonly #machine: Machine;
  readonly #plan: HarnessPlan;
  readonly #views: HarnessViews;
  readonly #boundMs: number;
  readonly #vcpus = new Map<VcpuId, Promise<void>>();
  readonly #devices = new Set<string>();
  readonly #inCall: { call: string; taken: number; since: number }[] = [];
  readonly #failed: Promise<never>;
  #reject: (error: unknown) => void = () => undefined;
  #failure: unknown;
  #watch: NodeJS.Timeout | undefined;
  #over = false;

  constructor(harness: Harness, plan: HarnessPlan, views: HarnessViews, boundMs: number) {
    this.#harness = harness;
    this.#machine = harness.machine;
    this.#plan = plan;
    this.#views = views;
    this.#boundMs = boundMs;
    this.judge = new Judge(plan.sources.map(eventOf), views);
    this.tally = new Tally(harness.machine, views.proof);
    this.#failed = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    this.#failed.catch(() => undefined);
    harness.dispatching.catch((error: unknown) => this.#fail(error));
  }

  /** The error that ended the run, or that came after its end. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Names of the devices whose `run` has not returned. */
  get runningDevices(): readonly string[] {
    return [...this.#devices];
  }

  get stats(): MachineStats {
    return readStats(this.#machine, this.#plan, this.#views, this.tally);
  }

  /** Runs everything; once. */
  start(): Promise<RunResult> {
    this.#watch = setInterval(() => this.#look(), WATCH_MS);
    this.enterAll();
    const devices = [...this.#harness.programs].map(async ([name, thread]) => {
      this.#devices.add(name);
      await thread.run().catch((error: unknown) => this.#fail(error));
      this.#devices.delete(name);
    });
    const complete = this.#complete(devices).catch((error: unknown) => {
      this.#fail(error);
      throw error;
    });
    return Promise.race([complete, this.#failed]);
  }

  /** The machine is closing: devices are to return, and a later error is no failure of the run. */
  end(): void {
    this.#views.stop();
    clearInterval(this.#watch);
    this.#fail(new IrqError('ERR_WAIT_ABORTED', 'the machine was closed before its run had finished'));
    this.#over = true;
  }

  /** KVM_RUN on every vCPU that its guest has not stopped. */
  enterAll(): void {
    for (let vcpu: VcpuId = 0; vcpu < this.#plan.vcpus; vcpu++)
      if (!this.#views.places.hasStopped(vcpu)) this.#vcpus.set(vcpu, this.#enter(vcpu));
  }

  /** Makes every vCPU leave its guest. @throws IrqError `ERR_THREAD_SILENT`, naming the vCPU that does not leave */
  async pauseAll(): Promise<void> {
    const inside = [...this.#vcpus];
    for (const [vcpu] of inside) this.#machine.vcpu(vcpu).kick(REQUEST_PAUSE);
    for (const [vcpu, left] of inside)
      await this.#harness.vcpus[vcpu]?.within('leave the guest', left, this.#boundMs);
  }

  async #enter(vcpu: VcpuId): Promise<void> {
    try {
      await this.#harness.vcpus[vcpu]?.run();
    } catch (error) {
      this.#fail(this.#placed(vcpu, error));
    }
    this.#vcpus.delete(vcpu);
    const { places } = this.#views;
    const all = Array.from({ length: this.#plan.vcpus }, (_, each) => places.hasStopped(each));
    if (all.every((hasStopped) => hasStopped)) this.#views.stop();
  }

  async #complete(devices: readonly Promise<void>[]): Promise<RunResult> {
    const start = performance.now();
    await Promise.all(devices);
    const { left } = await awaitDeliveries({
      machine: this.#machine,
      plan: this.#plan,
      views: this.#views,
      boundMs: this.#boundMs,
      unjudged: this.judge.moved,
      hasLeft: (vcpu) => !this.#vcpus.has(vcpu),
      isOver: () => this.#failure !== undefined,
    });
    if (this.#failure !== undefined) throw this.#failure;
    const { breach } = this.judge;
    if (breach) throw breach;
    const seconds = (performance.now() - start) / 1000;
    return { ...this.stats, seconds, left, unjudged: this.judge.moved.size };
  }

  /** Tells in which of its functions a guest was when its thread died. */
  #placed(vcpu: VcpuId, error: unknown): unknown {
    const call = this.#views.places.callOf(vcpu);
    if (!(error instanceof IrqError) || call === undefined || error.message.includes(call)) return error;
    return new IrqError(error.code, `${error.message}, in ${call}`, { cause: error });
  }

  #fail(error: unknown): void {
    if (this.#over || this.#failure !== undefined) return;
    this.#failure = error;
    this.#views.stop();
    this.#reject(error);
  }

  /** Keeps up with the counters; finds a delivery that should not be, and a handler that does not return. */
  #look(): void {
    this.tally.update();
    const { breach } = this.judge;
    if (breach) this.#fail(breach);
    const now = performance.now();
    for (let vcpu: VcpuId = 0; vcpu < this.#plan.vcpus; vcpu++) {
      const { taken } = this.#machine.control(vcpu);
      const call = this.#views.places.callOf(vcpu) ?? '';
      const before = this.#inCall[vcpu];
      if (before === undefined || before.call !== call || before.taken !== taken)
        this.#inCall[vcpu] = { call, taken, since: now };
      else if (call !== '' && now - before.since > this.#boundMs)
        this.#fail(
          new IrqError(
            'ERR_THREAD_SILENT',
            `vcpu${vcpu} has not returned from ${call} within ${this.#boundMs} ms`,
          ),
        );
    }
  }
}
