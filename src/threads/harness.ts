import type { VcpuId } from '../arch/intid.ts';
import { WorkerPool } from '../base/pool.ts';
import { untilAborted } from '../base/until-aborted.ts';
import { MAIN_THREAD } from '../board/board.ts';
import { Machine } from '../board/machine.ts';
import type { ExitReason } from '../board/vcpu.ts';
import { REQUEST_EXIT } from '../board/vcpu-control.ts';
import { type PerturbationPlan, perturb } from '../memory/perturbation/perturb.ts';
import { Deadline } from './deadline.ts';
import { type Dispatched, Dispatcher } from './dispatcher.ts';
import { silentThreads } from './silent.ts';
import type { ProgramName } from './task.ts';
import { ANSWER_BOUND_MS, Thread } from './thread.ts';

/** The programs of a machine: a guest on every vCPU, and programs on threads of their own. */
export type Cast = {
  readonly guest: ProgramName;
  /** By name: `device0`, `driver`. */
  readonly programs: Readonly<Record<string, ProgramName>>;
  /** The events that the main thread serves; left out, the irqfds. */
  readonly dispatched?: Dispatched;
  /** Delays every thread, the main thread too, at its shared operations; left out, threads run freely. */
  readonly perturbation?: PerturbationPlan | undefined;
};

/**
 * A machine with its threads: a worker for each vCPU, one for each program, and the main thread's dispatcher. Main
 * thread only. The caller always closes the harness, also after an error.
 */
export class Harness {
  readonly machine: Machine;
  readonly vcpus: readonly Thread[];
  readonly programs: ReadonlyMap<string, Thread>;
  readonly #pool: WorkerPool;
  readonly #dispatcher: Dispatcher;
  #dispatching: Promise<void> = Promise.resolve();
  /** Ends the perturbation of the main thread. */
  #release: () => void = () => undefined;

  private constructor(machine: Machine, cast: Cast) {
    const programs = Object.entries(cast.programs);
    const { buffer, config } = machine;
    const { perturbation } = cast;
    this.machine = machine;
    this.#pool = new WorkerPool(config.vcpus + programs.length);
    this.#dispatcher = new Dispatcher(cast.dispatched ?? machine.vm.irqfds, machine.clock);
    this.vcpus = Array.from({ length: config.vcpus }, (_, vcpu) => {
      const thread = Machine.threadOfVcpu(vcpu);
      return Thread.start(this.#pool, 'vcpu', {
        name: `vcpu${vcpu}`,
        buffer,
        thread,
        program: cast.guest,
        perturbation,
      });
    });
    this.programs = new Map(
      programs.map(([name, program], index) => {
        return [
          name,
          Thread.start(this.#pool, 'program', {
            name,
            buffer,
            thread: machine.otherThread(index),
            program,
            perturbation,
          }),
        ];
      }),
    );
  }

  /**
   * Starts every thread and loads its program; none runs yet.
   * @param boundMs - how long a thread may take for that, where not as usual
   * @param signal - where this aborts first, not every thread has started: the caller ends them by {@link destroy}
   * @throws IrqError if a thread dies or is silent; then all are ended
   */
  static async boot(machine: Machine, cast: Cast, boundMs?: number, signal?: AbortSignal): Promise<Harness> {
    const harness = new Harness(machine, cast);
    try {
      await untilAborted(Promise.all(harness.threads.map((thread) => thread.boot(boundMs))), signal);
      const { words, layout } = machine;
      if (cast.perturbation !== undefined)
        harness.#release = perturb(words, layout, cast.perturbation, MAIN_THREAD);
      harness.#dispatching = harness.#dispatcher.start();
      return harness;
    } catch (error) {
      await harness.destroy();
      throw error;
    }
  }

  /** Resolves when the dispatcher has ended; rejects with an error thrown while the dispatcher served. */
  get dispatching(): Promise<void> {
    return this.#dispatching;
  }

  get threads(): Thread[] {
    return [...this.vcpus, ...this.programs.values()];
  }

  /** KVM_RUN on every vCPU. Resolves when all have left their guests; rejects when a thread dies or a guest throws. */
  runVcpus(): Promise<ExitReason[]> {
    return Promise.all(this.vcpus.map(async (thread) => (await thread.run()) as ExitReason));
  }

  /**
   * Waits for work that the machine's threads must do.
   * @param what - names the work in the error: `stop`, `run a block`
   * @throws IrqError `ERR_THREAD_SILENT` past the bound, with the place of each thread
   */
  async within<T>(what: string, work: Promise<T>, boundMs = ANSWER_BOUND_MS): Promise<T> {
    const deadline = new Deadline(boundMs, () =>
      silentThreads(`the threads did not ${what} within ${boundMs} ms`, this.threads),
    );
    deadline.begin();
    try {
      return await Promise.race([work, deadline.missed]);
    } finally {
      deadline.end();
    }
  }

  /** Makes every vCPU leave its guest, and waits for all. @param vcpus - the result of {@link runVcpus} */
  async leaveGuests(vcpus: Promise<ExitReason[]>): Promise<ExitReason[]> {
    this.kickAll();
    return this.within('leave their guests', vcpus);
  }

  /** Makes every vCPU leave its guest. */
  kickAll(request: number = REQUEST_EXIT): void {
    for (let vcpu: VcpuId = 0; vcpu < this.vcpus.length; vcpu++) this.machine.vcpu(vcpu).kick(request);
  }

  /**
   * Ends every thread; uses force on a thread that does not end within its bound.
   * @returns the names of the threads that were ended by force
   */
  async close(): Promise<string[]> {
    this.kickAll();
    const forced: string[] = [];
    const end = async (thread: Thread) => {
      if (!(await thread.close())) forced.push(thread.name);
    };
    this.#release();
    try {
      await this.#dispatcher.stop();
    } finally {
      await Promise.all(this.threads.map(end));
      await this.#pool.destroy();
    }
    return forced;
  }

  /** Ends every thread by force. */
  async destroy(): Promise<void> {
    this.#release();
    await this.#dispatcher.stop();
    await this.#pool.destroy();
    for (const thread of this.threads) thread.release();
  }
}
