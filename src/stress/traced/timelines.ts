import type { VcpuId } from '../../arch/intid.ts';
import { MAIN_THREAD } from '../../board/board.ts';
import { Machine } from '../../board/machine.ts';
import { VIOLATIONS } from '../proof.ts';
import { type Plan, stressViews } from '../stress-plan.ts';
import { kindOf, type Slice, SliceRing } from './slices.ts';

/** Which thread of a run. */
export type Role =
  | { readonly main: true }
  | { readonly vcpu: VcpuId }
  | { readonly device: number }
  | { readonly driver: true };

/** The last slices of one thread, and how many more came before them. */
export type Track = {
  readonly role: Role;
  /** In the order in which they ended. */
  readonly slices: readonly Slice[];
  /** Slices that were overwritten by later ones. */
  readonly dropped: number;
  /** Whether its thread did more after the last of them, because a violation had been found. */
  readonly ended: boolean;
};

/** The ring of a thread; only the thread itself may write there. Only in a run that has slices. */
export function ringOf(machine: Machine, plan: Plan, role: Role): SliceRing {
  const thread = threadOf(machine, plan, role);
  const { slices, proof } = stressViews(machine, plan);
  const region = slices[thread];
  if (!region) throw new RangeError(`thread ${thread} keeps no slices: the plan says ${plan.slices}`);
  return new SliceRing(machine.words, region, proof.violatedAt);
}

/** Notes in the main thread's ring that a violation has been found, with the first of them. The main thread, once. */
export function noteViolation(machine: Machine, plan: Plan): void {
  const [first] = stressViews(machine, plan).proof.violations();
  const { kind = 'lost', source = 0, intid = 0 } = first ?? {};
  const now = machine.clock.now();
  const ring = ringOf(machine, plan, { main: true });
  ring.recordAlways(kindOf('violation'), source, VIOLATIONS.indexOf(kind), intid, now, now);
}

/** The slices of every thread of a run that has come to rest: the main thread, vCPUs, devices, the driver. */
export function readTracks(machine: Machine, plan: Plan): Track[] {
  const roles: Role[] = [
    { main: true },
    ...Array.from({ length: plan.vcpus }, (_, vcpu) => ({ vcpu })),
    ...Array.from({ length: plan.devices }, (_, device) => ({ device })),
    { driver: true },
  ];
  return roles.map((role) => {
    const ring = ringOf(machine, plan, role);
    return { role, ...ring.read(), ended: ring.hasEnded };
  });
}

function threadOf(machine: Machine, plan: Plan, role: Role): number {
  if ('vcpu' in role) return Machine.threadOfVcpu(role.vcpu);
  if ('device' in role) return machine.otherThread(role.device);
  return 'driver' in role ? machine.otherThread(plan.devices) : MAIN_THREAD;
}
