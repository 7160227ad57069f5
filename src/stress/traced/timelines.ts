import type { VcpuId } from '../../arch/intid.ts';
import { MAIN_THREAD } from '../../board/board.ts';
import { Machine } from '../../board/machine.ts';
import { type Plan, stressViews } from '../stress-plan.ts';
import { type Slice, SliceRing } from './slices.ts';

/** Which thread of a run. */
export type Role =
  | { readonly main: true }
  | { readonly vcpu: VcpuId }
  | { readonly device: number }
  | { readonly driver: true };

/** What one thread did last, and how much more it had done before. */
export type Track = {
  readonly role: Role;
  /** In the order in which they ended. */
  readonly slices: readonly Slice[];
  /** Slices that were overwritten by later ones. */
  readonly dropped: number;
};

/** The ring of a thread; to write it, the thread itself. Only in a run that has slices. */
export function ringOf(machine: Machine, plan: Plan, role: Role): SliceRing {
  const thread = threadOf(machine, plan, role);
  const region = stressViews(machine, plan).slices[thread];
  if (!region) throw new RangeError(`thread ${thread} keeps no slices: the plan says ${plan.slices}`);
  return new SliceRing(machine.words, region);
}

/** What every thread of a run that has come to rest has kept: the main one, vCPUs, devices, the driver. */
export function readTracks(machine: Machine, plan: Plan): Track[] {
  const roles: Role[] = [
    { main: true },
    ...Array.from({ length: plan.vcpus }, (_, vcpu) => ({ vcpu })),
    ...Array.from({ length: plan.devices }, (_, device) => ({ device })),
    { driver: true },
  ];
  return roles.map((role) => ({ role, ...ringOf(machine, plan, role).read() }));
}

function threadOf(machine: Machine, plan: Plan, role: Role): number {
  if ('vcpu' in role) return Machine.threadOfVcpu(role.vcpu);
  if ('device' in role) return machine.otherThread(role.device);
  return 'driver' in role ? machine.otherThread(plan.devices) : MAIN_THREAD;
}
