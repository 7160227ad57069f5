import { IrqError } from '../base/irq-error.ts';
import { takeSnapshot } from '../board/snapshot.ts';
import type { Harness } from '../threads/harness.ts';
import type { Built } from './build.ts';
import { MachineCalls } from './calls.ts';
import type { HarnessViews } from './plan.ts';
import type { Run, RunResult } from './run.ts';
import type { MachineStats } from './stats.ts';

/**
 * A booted machine with its threads. Used on the main thread, and always to be closed: `await using machine = await boot(…)`
 * closes the machine where the language has `await using`.
 */
export class BootedMachine extends MachineCalls implements AsyncDisposable {
  readonly #harness: Harness;
  readonly #views: HarnessViews;
  readonly #run: Run;
  readonly #finished: Promise<RunResult>;
  #finish: (result: RunResult | Promise<RunResult>) => void = () => undefined;
  #isStarted = false;
  #hasFinished = false;
  #closed: Promise<void> | undefined;
  #snapshots: Promise<unknown> = Promise.resolve();

  constructor(built: Built, harness: Harness, run: Run, views: HarnessViews) {
    super(built, run.judge);
    this.#harness = harness;
    this.#run = run;
    this.#views = views;
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#finished.catch(() => undefined);
  }

  /**
   * Lets the vCPUs take interrupts and calls `run` of every device. A second call changes nothing. The vCPUs go on
   * afterwards, until {@link close}.
   * @returns the promise of {@link finished}
   */
  run(): Promise<RunResult> {
    if (!this.#isStarted && this.#closed === undefined) {
      this.#isStarted = true;
      this.#finish(this.#started());
    }
    return this.#finished;
  }

  async #started(): Promise<RunResult> {
    const result = await this.#run.start();
    this.#hasFinished = true;
    return result;
  }

  /**
   * Resolves once every device has returned and a delivery has followed every signal. Never settles before {@link run} or
   * {@link close} is called.
   *
   * Rejects with an IrqError: `ERR_DELIVERY` for an interrupt that was lost, doubled or misrouted; `ERR_THREAD_DIED` where a
   * function of the guest or of a device throws, or its thread dies; `ERR_THREAD_SILENT` past the bound;
   * `ERR_WAIT_ABORTED` where the machine is closed first.
   */
  get finished(): Promise<RunResult> {
    return this.#finished;
  }

  /** Counts since boot; also while the machine runs. */
  stats(): MachineStats {
    return this.#run.stats;
  }

  /**
   * Copies the whole machine; `restoreSnapshot` makes a machine of the copy. Running vCPUs are paused meanwhile.
   * @throws IrqError `ERR_SNAPSHOT` while devices run; `ERR_THREAD_SILENT` where a vCPU does not leave its guest
   */
  snapshot(): Promise<Uint8Array> {
    const taken = this.#snapshots.then(() => this.#snapshot());
    this.#snapshots = taken.catch(() => undefined);
    return taken;
  }

  async #snapshot(): Promise<Uint8Array> {
    if (this.#isStarted && !this.#hasFinished) {
      const running = this.#run.runningDevices.join(', ') || 'the machine';
      throw new IrqError('ERR_SNAPSHOT', `${running} still runs: await machine.finished first`);
    }
    await this.#run.pauseAll();
    try {
      return takeSnapshot(this.board);
    } finally {
      if (this.#isStarted && this.#closed === undefined) this.#run.enterAll();
    }
  }

  /**
   * Ends every thread within a few seconds, by force where a function does not return. Further calls return the same promise.
   * @throws IrqError `ERR_THREAD_SILENT` that names the threads ended by force, or the failure of a thread after the run had
   * finished; no error where {@link finished} has rejected with the failure already
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { failure } = this.#run;
    this.#run.end();
    if (!this.#isStarted) this.#finish(Promise.reject(this.#run.failure));
    const forced = await this.#harness.close();
    if (failure !== undefined && !this.#hasFinished) return;
    if (failure !== undefined) throw failure;
    if (forced.length > 0) throw silent(forced, this.#views);
  }
}

function silent(forced: readonly string[], { places }: HarnessViews): IrqError {
  const named = forced.map((name) => {
    const vcpu = /^vcpu(\d+)$/.exec(name)?.[1];
    const call = vcpu === undefined ? 'run(device)' : places.callOf(Number(vcpu));
    return call === undefined ? name : `${name} in ${call}`;
  });
  const were = forced.length === 1 ? 'was' : 'were';
  return new IrqError(
    'ERR_THREAD_SILENT',
    `close: ${named.join(', ')} did not return, and ${were} ended by force`,
  );
}
