import type { Intid } from '../../arch/intid.ts';
import type { Machine } from '../../board/machine.ts';
import type { Guest, Vcpu } from '../../board/vcpu.ts';
import { guestProgram } from '../../threads/programs.ts';
import { VIOLATIONS } from '../proof.ts';
import { type GuestWatch, stressGuest } from '../stress-guest.ts';
import { type Plan, stressViews } from '../stress-plan.ts';
import { kindOf } from './slices.ts';
import { ringOf } from './timelines.ts';

const HANDLER = kindOf('handler');
const SAW = kindOf('saw');
const PARKED = kindOf('parked');
const POLLED = kindOf('polled');
const VIOLATION = kindOf('violation');

/**
 * The guest of a stress run on a vCPU whose thread keeps its actions: each handler, with the last signal of its source that
 * the handler saw, and each stretch of idleness.
 */
export function tracedGuest(machine: Machine, vcpu: Vcpu, plan: Plan): Guest {
  const { proof, lines } = stressViews(machine, plan);
  const { clock } = machine;
  const { control } = vcpu;
  const ring = ringOf(machine, plan, { vcpu: vcpu.cpu.vcpu });
  const isLevel = plan.sources.map(({ kind }) => kind === 'level');
  const sharers = plan.sources.map((_, source) =>
    (lines.find(({ sources }) => sources.includes(source))?.sources ?? []).filter(
      (other) => other !== source,
    ),
  );
  const markViolation = (source: number, intid: Intid) => {
    const kind = VIOLATIONS.indexOf(proof.violations().at(-1)?.kind ?? 'spurious');
    const now = clock.now();
    ring.record(VIOLATION, source, kind, intid, now, now);
  };
  /** When the vCPU became idle, and how often the vCPU had slept by then: a number that a closure changes is allocated. */
  const idle = new Float64Array(2);

  /** Also the handlers that preempt another. */
  const watch: GuestWatch = (handle) => (intid) => {
    const source = proof.ownerOf(intid);
    if (source < 0) {
      handle(intid);
      return;
    }
    // An edge that comes after this look is delivered again; a level need not be, so the handler reads a level's signal at
    // its end.
    const before = proof.sent(source);
    const from = clock.now();
    const violations = proof.violated;
    handle(intid);
    if (proof.violated !== violations) markViolation(source, intid);
    const saw = isLevel[source] ? proof.seen(source) : before;
    for (const sharer of sharers[source] ?? [])
      ring.record(SAW, sharer, proof.seen(sharer), 0, from, clock.now());
    ring.record(HANDLER, source, saw, intid, from, clock.now());
  };
  const guest = stressGuest(machine, vcpu, plan, watch);

  return {
    ...guest,
    finished() {
      guest.finished?.();
      idle[0] = clock.now();
      idle[1] = control.halts;
      return false;
    },
    resumed() {
      const from = idle[0] ?? 0;
      if (from > 0) ring.record(control.halts === idle[1] ? POLLED : PARKED, 0, 0, 0, from, clock.now());
      guest.resumed?.();
    },
  };
}

export const tracedGuestProgram = guestProgram(import.meta.url, tracedGuest);
