import { WorkerPool } from '../base/pool.ts';
import { Machine } from '../board/machine.ts';
import { Dispatcher } from '../threads/dispatcher.ts';
import type { ProgramName } from '../threads/task.ts';
import { Thread } from '../threads/thread.ts';
import type { GuestBoard } from './guest-board.ts';
import { type BootTask, deviceThread, vcpuThread } from './threads.ts';
import type { VcpuRun } from './vcpu-loop.ts';

/** Additional programs, by name, each in a thread. */
export type MorePrograms = {
  /** Replaces the board's vCPU program. */
  readonly vcpu?: (task: BootTask) => ProgramName;
  readonly programs?: Readonly<Record<string, ProgramName>>;
};

/**
 * The threads of a booted guest: one for each vCPU, one for each device, those of the caller, and the main thread's dispatcher. The main
 * thread creates and uses the crew, and must close it.
 */
export class Crew {
  readonly board: GuestBoard;
  readonly vcpus: readonly Thread[];
  readonly devices: readonly Thread[];
  readonly programs: ReadonlyMap<string, Thread>;
  readonly #pool: WorkerPool;
  readonly #dispatcher: Dispatcher;

  private constructor(board: GuestBoard, more: MorePrograms) {
    const { machine, plan, memory } = board;
    const { buffer } = machine;
    const others = Object.entries(more.programs ?? {});
    const devices = plan.platform.devices.length;
    const task = (index: number): BootTask => ({ plan, memory, index });
    const vcpuProgram = more.vcpu ?? vcpuThread;
    this.board = board;
    this.#pool = new WorkerPool(plan.vcpus + devices + others.length);
    this.#dispatcher = new Dispatcher(machine.vm.irqfds, machine.clock);
    this.vcpus = Array.from({ length: plan.vcpus }, (_, vcpu) =>
      Thread.start(this.#pool, 'program', {
        name: `vcpu${vcpu}`,
        buffer,
        thread: Machine.threadOfVcpu(vcpu),
        program: vcpuProgram(task(vcpu)),
      }),
    );
    this.devices = Array.from({ length: devices }, (_, device) =>
      Thread.start(this.#pool, 'program', {
        name: `virtio${device + 1}`,
        buffer,
        thread: machine.otherThread(device),
        program: deviceThread(task(device)),
      }),
    );
    this.programs = new Map(
      others.map(([name, program], index) => [
        name,
        Thread.start(this.#pool, 'program', {
          name,
          buffer,
          thread: machine.otherThread(devices + index),
          program,
        }),
      ]),
    );
  }

  /** Starts every thread and loads its program without running it. @throws IrqError if a thread dies or is silent; all are ended then */
  static async start(board: GuestBoard, more: MorePrograms = {}): Promise<Crew> {
    const crew = new Crew(board, more);
    try {
      await Promise.all(crew.threads.map((thread) => thread.boot()));
    } catch (error) {
      await crew.destroy();
      throw error;
    }
    crew.#dispatcher.start();
    return crew;
  }

  get threads(): Thread[] {
    return [...this.vcpus, ...this.devices, ...this.programs.values()];
  }

  /** Runs the guest to its end. Returns the figures of each vCPU. Rejects if a thread dies. */
  async run(): Promise<VcpuRun[]> {
    const devices = Promise.all(this.devices.map((thread) => thread.run()));
    const vcpus = Promise.all(this.vcpus.map(async (thread) => (await thread.run()) as VcpuRun));
    // A failed device rejects; after all devices have ended, the vCPUs decide.
    await Promise.race([vcpus, devices.then(() => vcpus)]);
    return vcpus;
  }

  /** Ends the guest if it still runs, then every thread in order. */
  async close(): Promise<void> {
    this.board.end.say('stopped');
    this.board.wakeAll();
    await this.#dispatcher.stop();
    await Promise.all(this.threads.map((thread) => thread.close()));
    await this.#pool.destroy();
  }

  /** Terminates every thread. */
  async destroy(): Promise<void> {
    await this.#dispatcher.stop();
    await this.#pool.destroy();
  }
}

/**
 * Waits until every vCPU has left a guest that was told to end.
 * @throws IrqError `ERR_THREAD_SILENT`, which names a vCPU that does not leave
 */
export async function leaveGuest(crew: Crew, guest: Promise<VcpuRun[]>): Promise<VcpuRun[]> {
  await Promise.all(crew.vcpus.map((thread) => thread.within('leave the guest', guest)));
  return guest;
}
