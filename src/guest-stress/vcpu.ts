import type { Machine } from '../board/machine.ts';
import { type BootTask, vcpuProgram } from '../boot/threads.ts';
import type { VcpuRun } from '../boot/vcpu-loop.ts';
import type { Plan } from '../stress/index.ts';
import { threadProgram } from '../threads/programs.ts';
import { proofFrame } from './proof-frame.ts';

/** Parameters of a vCPU's thread whose guest has the proof as a device. */
export type ProvedTask = BootTask & { readonly stress: Plan };

/** A vCPU's thread of a stress run with a guest: the board's, with the proof as an additional device. */
export function provedVcpu(machine: Machine, options: ProvedTask): { run(): VcpuRun } {
  return vcpuProgram(machine, options, () => [proofFrame(machine, options.stress)]);
}

export const provedVcpuThread = threadProgram(import.meta.url, provedVcpu);
