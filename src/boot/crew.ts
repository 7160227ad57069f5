import { WorkerPool } from '../base/pool.ts';
import { Machine } from '../board/machine.ts';
import { Dispatcher } from '../threads/dispatcher.ts';
import type { ProgramName } from '../threads/task.ts';
import { Thread } from '../threads/thread.ts';
import type { GuestBoard } from './guest-board.ts';
import { type BootTask, deviceThread, vcpuThread } from './threads.ts';
import type { VcpuRun } from './vcpu-loop.ts';

/** Programs beside the board's own: by name, each in a thread. */
export type MorePrograms = {
  /** In the place of the board's own vCPU program. */
  readonly vcpu?: (task: BootTask) => ProgramName;
  readonly programs?: Readonly<Record<string, ProgramName>>;
};

/**
 * The threads of a booted guest: one for each vCPU, one for each device, those of the caller, and the main thread's
 * dispatcher. Made and used on the main thread; always to be closed.
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

  /** Starts every thread and loads its program; none runs yet. @throws IrqError if one dies or is silent; then all are ended */
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

  /** Runs the guest to its end: what each vCPU has done. Rejects when a thread dies. */
  async run(): Promise<VcpuRun[]> {
    const devices = Promise.all(this.devices.map((thread) => thread.run()));
    const vcpus = Promise.all(this.vcpus.map(async (thread) => (await thread.run()) as VcpuRun));
    // A device that fails ends the run; devices that have ended wait for the vCPUs.
    await Promise.race([vcpus, devices.then(() => vcpus)]);
    return vcpus;
  }

  /** Ends every thread in good order, the guest as well if it still runs. */
  async close(): Promise<void> {
    this.board.end.say('stopped');
    this.board.wakeAll();
    await this.#dispatcher.stop();
    await Promise.all(this.threads.map((thread) => thread.close()));
    await this.#pool.destroy();
  }

  /** Ends every thread by force. */
  async destroy(): Promise<void> {
    await this.#dispatcher.stop();
    await this.#pool.destroy();
  }
}

/**
 * Waits until every vCPU of a guest that was told to end has left the guest.
 * @throws IrqError `ERR_THREAD_SILENT` that names a vCPU that does not
 */
export async function leaveGuest(crew: Crew, guest: Promise<VcpuRun[]>): Promise<VcpuRun[]> {
  await Promise.all(crew.vcpus.map((thread) => thread.within('leave the guest', guest)));
  return guest;
}
