import type { Machine } from '../board/machine.ts';
import type { SharedMemory } from '../cpu/index.ts';
import type { Frame } from '../platform/bus.ts';
import { threadProgram } from '../threads/programs.ts';
import { GuestBoard } from './guest-board.ts';
import type { BootPlan } from './plan.ts';
import { VcpuLoop, type VcpuRun } from './vcpu-loop.ts';

/** Parameters of a thread of a booted guest. */
export type BootTask = {
  readonly plan: BootPlan;
  readonly memory: SharedMemory;
  /** Index of the thread's vCPU or device. */
  readonly index: number;
};

/** A vCPU's thread. @param frames - additional frames, made with the views of this thread */
export function vcpuProgram(
  machine: Machine,
  options: BootTask,
  frames?: (board: GuestBoard) => readonly Frame[],
): { run(): VcpuRun } {
  const { plan, memory, index } = options;
  const board = new GuestBoard(machine, plan, { memory, ...(frames ? { frames } : {}) });
  return new VcpuLoop(board, index);
}

/** A virtio device's thread. */
export function deviceProgram(machine: Machine, options: BootTask): { run(): number } {
  const { plan, memory, index } = options;
  const board = new GuestBoard(machine, plan, { memory });
  const device = board.platform.devices[index];
  if (!device) throw new RangeError(`there is no device ${index}`);
  return {
    run() {
      device.run(() => board.end.hasCome);
      return device.registers.count('signals');
    },
  };
}

export const vcpuThread = threadProgram(import.meta.url, vcpuProgram);
export const deviceThread = threadProgram(import.meta.url, deviceProgram);
