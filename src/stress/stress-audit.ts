import { FIRST_SPI, type Intid, type VcpuId } from '../arch/intid.ts';
import type { Machine } from '../board/machine.ts';
import { NONE } from '../gic/interrupts.ts';
import { isDeliverable, isOnItsWay, targetOf } from '../gic/state.ts';
import type { Violation, ViolationKind } from './proof.ts';
import { type Plan, stressViews } from './stress-plan.ts';

/** Whether nothing moves any more: every vCPU sleeps, and the main thread has nothing to dispatch. */
export function isAtRest(machine: Machine): boolean {
  if (machine.vm.irqfds.anyPending) return false;
  for (let vcpu: VcpuId = 0; vcpu < machine.config.vcpus; vcpu++)
    if (!machine.control(vcpu).isHalted) return false;
  return true;
}

/** Whether an interrupt waits for its vCPU. With every vCPU asleep, either a wake-up is on its way or the interrupt is stranded. */
export function isAnyWaiting({ gic: { interrupts, vpes } }: Machine): boolean {
  if (vpes?.isAnySignalled) return true;
  for (let intid: Intid = FIRST_SPI; intid < interrupts.idLimit; intid++) {
    const at = interrupts.find(0, intid);
    if (at !== NONE && isDeliverable(interrupts.state(at))) return true;
  }
  return false;
}

const keyOf = ({ kind, source, intid, seen }: Pick<Violation, 'kind' | 'source' | 'intid' | 'seen'>) =>
  `${kind} ${source} ${intid} ${seen}`;

/**
 * Finds the faults that show only at rest: an interrupt that a sleeping vCPU should take is stranded; a signal that no
 * handler saw, and that is pending nowhere, is lost; a line that is up while no device asserts the line is stuck. The main
 * thread. Leaves out the faults that a still phase has told already. Returns how many lines are stuck.
 */
export function audit(machine: Machine, plan: Plan): number {
  const { proof, account, sgis } = stressViews(machine, plan);
  const { interrupts, vpes } = machine.gic;
  const stranded = new Set<number>();
  const known = new Set(proof.violations().map(keyOf));
  const violate = (kind: ViolationKind, source: number, intid: Intid, vcpu: VcpuId) => {
    const seen = source < 0 ? -1 : proof.seen(source);
    if (!known.has(keyOf({ kind, source, intid, seen }))) proof.violate(kind, source, intid, vcpu);
  };
  for (let intid: Intid = 0; intid < interrupts.idLimit; intid++) {
    const at = intid < 32 ? NONE : interrupts.find(0, intid);
    const state = at === NONE ? 0 : interrupts.state(at);
    if (!isDeliverable(state)) continue;
    stranded.add(intid);
    violate('stranded', proof.ownerOf(intid), intid, targetOf(state));
  }
  for (let source = 0; source < proof.sources; source++) {
    const [intid, vcpu] = [proof.intidOf(source), proof.vcpuOf(source)];
    if (!proof.isSettled(source) && !stranded.has(intid))
      violate(vpes?.at(vcpu)?.isPending(intid) ? 'stranded' : 'lost', source, intid, vcpu);
  }
  for (let pair = 0; pair < sgis.sources; pair++)
    if (!sgis.isSettled(pair)) {
      const [vcpu, intid] = [sgis.vcpuOf(pair), sgis.intidOf(pair)];
      const isThere = isOnItsWay(interrupts.state(interrupts.find(vcpu, intid)));
      violate(isThere ? 'stranded' : 'lost', NONE, intid, vcpu);
    }
  const stuck = account.stuck(interrupts, (source) => proof.isSettled(source));
  for (const { intid } of stuck)
    if (!stranded.has(intid)) violate('stranded', proof.ownerOf(intid), intid, NONE);
  return stuck.length;
}
