import type { Machine } from '../board/machine.ts';
import { type BootTask, vcpuProgram } from '../boot/threads.ts';
import type { VcpuRun } from '../boot/vcpu-loop.ts';
import type { Plan } from '../stress/index.ts';
import { threadProgram } from '../threads/programs.ts';
import { proofFrame } from './proof-frame.ts';

/** What the thread of a vCPU is given when the proof is a device of its guest. */
export type ProvedTask = BootTask & { readonly stress: Plan };

/** A vCPU's thread of a stress run with a guest: the board's own, and the proof as a device beside. */
export function provedVcpu(machine: Machine, options: ProvedTask): { run(): VcpuRun } {
  return vcpuProgram(machine, options, () => [proofFrame(machine, options.stress)]);
}

export const provedVcpuThread = threadProgram(import.meta.url, provedVcpu);
