import { lpiConfig } from '../../arch/lpi-config.ts';
import { LINUX_PRIORITY } from '../../guest/index.ts';
import type { AtRest, Chosen, Rule } from './at-rest.ts';

/** Priorities in use, the most urgent first. */
const PRIORITIES = [0x20, 0x48, 0x80, 0x90, 0xa0, 0xb0] as const;
/** Steps from the priority of one source to that of the next: no divisor of their number, so that neighbours are out of order. */
const STRIDE = 5;
const WAIT_MS = 3_000;

type Ranked = Chosen & { readonly priority: number };

/**
 * A vCPU takes its pending interrupts in the order of priorities: the rule holds a handler, other interrupts of its vCPU
 * become pending, each with a priority, and when the handler returns the vCPU takes the most urgent interrupt first.
 */
export const ORDER_RULE: Rule = {
  name: 'a vCPU takes its pending interrupts in the order of priorities',
  look: (rest) => {
    const held = rest.choose('msi');
    if (!held) return false;
    const others = ranked(rest, held);
    if (others.length < 2) return false;
    for (const each of others) prioritise(rest, each, each.priority);
    const isHeld = pendWhileHeld(rest, held, others);
    rest.context.until(() => others.every(({ source }) => !rest.isPending(source.intid)), WAIT_MS);
    rest.settle();
    rest.turns.end();
    if (isHeld) judge(rest, others);
    for (const each of others) prioritise(rest, each, LINUX_PRIORITY);
    return true;
  },
};

/** The other edges of the vCPU, each with a priority. */
function ranked({ context }: AtRest, held: Chosen): Ranked[] {
  const first = context.chance.below(PRIORITIES.length);
  const fits = ({ which, source }: Chosen) =>
    which !== held.which &&
    source.vcpu === held.source.vcpu &&
    (source.kind === 'msi' || source.kind === 'edge');
  return context.sources
    .map((source, which) => ({ which, source }))
    .filter(fits)
    .map((chosen, index) => {
      const priority = PRIORITIES[(first + index * STRIDE) % PRIORITIES.length] ?? LINUX_PRIORITY;
      return { ...chosen, priority };
    });
}

function prioritise({ context }: AtRest, { source }: Chosen, priority: number): void {
  const { intid, deviceId, eventId } = source;
  if (source.kind !== 'msi') {
    context.gic.setSpiPriority(intid, priority);
    return;
  }
  context.putConfig(intid, lpiConfig(priority));
  context.its.send({ name: 'INV', deviceId, eventId });
}

/** Signals the others while the handler of one waits; false where the handler did not begin in time. */
function pendWhileHeld(rest: AtRest, held: Chosen, others: readonly Chosen[]): boolean {
  const { turns, context } = rest;
  turns.hold(held.which);
  rest.allow(held);
  rest.signal(held);
  const isHeld = context.until(() => turns.isEntered, WAIT_MS);
  if (isHeld) {
    for (const each of others) {
      rest.allow(each);
      rest.signal(each);
    }
  }
  turns.release();
  return isHeld;
}

function judge(rest: AtRest, others: readonly Ranked[]): void {
  const taken = others.map((each) => ({ ...each, turn: rest.turns.of(each.which) }));
  taken.sort((a, b) => a.turn - b.turn);
  for (const [index, { source, priority }] of taken.entries()) {
    const before = taken[index - 1];
    if (before === undefined || before.priority <= priority) continue;
    const first = `INTID ${before.source.intid} of priority ${before.priority}`;
    rest.expect(
      false,
      `${first} was taken before INTID ${source.intid} of priority ${priority}, and both were pending`,
    );
  }
}
