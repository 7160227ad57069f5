import type { VcpuId } from '../arch/intid.ts';
import type { ApicBoard } from '../board/apic-board.ts';
import { type Plan, stressViews, type ViolationKind } from '../stress/index.ts';
import { stressMachineOf } from './plan.ts';

/** A vCPU at which a vector is requested, or -1. Any thread. */
export function requestedAt({ apic }: ApicBoard, vector: number): VcpuId {
  return apic.local.findIndex((local) => local.isRequested(vector));
}

/** Whether nothing moves any more: every vCPU sleeps, and the main thread has nothing to dispatch. The main thread. */
export function isAtRest(board: ApicBoard): boolean {
  if (board.vm.irqfds.anyPending) return false;
  return board.apic.local.every(({ id }) => board.control(id).isHalted);
}

/**
 * Finds the faults that show only at rest: a signal that no handler saw is stranded where its vector is requested, and lost
 * elsewhere; a line that is up while no device asserts the line is stuck. Leaves out the faults that a still phase has told.
 * The main thread.
 * @returns how many lines are stuck
 */
export function auditApics(board: ApicBoard, plan: Plan): number {
  const { proof, lines } = stressViews(stressMachineOf(board), plan);
  const known = new Set(proof.violations().map(({ kind, source, seen }) => `${kind} ${source} ${seen}`));
  const violate = (kind: ViolationKind, source: number, vcpu: VcpuId) => {
    if (known.has(`${kind} ${source} ${proof.seen(source)}`)) return;
    proof.violate(kind, source, proof.intidOf(source), vcpu);
  };
  for (let source = 0; source < proof.sources; source++) {
    const vcpu: VcpuId = requestedAt(board, proof.intidOf(source));
    if (vcpu >= 0) violate('stranded', source, vcpu);
    else if (!proof.isSettled(source)) violate('lost', source, proof.vcpuOf(source));
  }
  const isUp = (source: number) =>
    ((board.apic.ioapic.pending >>> (plan.sources[source]?.gsi ?? 0)) & 1) !== 0;
  const resampled = lines.map(({ sources }) => sources);
  const driven = plan.sources.flatMap(({ kind, resamplefd }, source) =>
    kind === 'level' && resamplefd < 0 ? [[source]] : [],
  );
  const stuck = [...resampled, ...driven].filter(
    (sharers) => isUp(sharers[0] ?? 0) && sharers.every((source) => proof.isSettled(source)),
  );
  for (const [source = 0] of stuck) violate('stranded', source, -1);
  return stuck.length;
}
