import type { Machine } from '../board/machine.ts';
import { vcpuProgram } from '../boot/threads.ts';
import type { VcpuRun } from '../boot/vcpu-loop.ts';
import type { Plan } from '../stress/stress-plan.ts';
import { proofFrame } from './proof-frame.ts';

/** A vCPU's thread of a stress run with a guest: the board's own, and the proof as a device beside. */
export function provedVcpu(machine: Machine, options: unknown): { run(): VcpuRun } {
  const { stress } = options as { readonly stress: Plan };
  return vcpuProgram(machine, options, () => [proofFrame(machine, stress)]);
}
