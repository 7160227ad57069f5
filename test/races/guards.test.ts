/**
 * The fixed variants are the machine's own code. Each of them fails when the line is taken out that guards against its
 * race: so what passes elsewhere is not a program that could not fail.
 */
import { describe, expect, test } from 'vitest';
import type { FailureKind } from '../../src/explore/index.ts';
import { RACES, type Race } from '../../src/races/index.ts';
import { isCaught } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

type Guard = {
  readonly slug: string;
  readonly without: string;
  readonly mistake: MistakeName;
  readonly kinds: readonly FailureKind[];
};

const SLEEPS: readonly FailureKind[] = ['lost-wakeup', 'missed-notify', 'orphan-wait'];

const GUARDS: readonly Guard[] = [
  {
    slug: 'check-then-halt',
    without: 'moving the count, so that a ticket goes out of date',
    mistake: 'waker-moves-count: not moved',
    kinds: SLEEPS,
  },
  {
    slug: 'compare-then-enqueue',
    without: 'the look at the count after the ticket was drawn',
    mistake: 'reader-looks-before-sleep: no look',
    kinds: SLEEPS,
  },
  {
    slug: 'kick-without-request',
    without: 'the ring after the interrupt was listed',
    mistake: 'ring-after-list: no ring',
    kinds: SLEEPS,
  },
  {
    slug: 'request-mode-dekker',
    without: 'the ring after the request',
    mistake: 'ring-signals-bell: no signal',
    kinds: SLEEPS,
  },
  {
    slug: 'waiter-count-dekker',
    without: 'being counted as a sleeper before the look',
    mistake: 'sleeper-counts-itself: counted after its look',
    kinds: SLEEPS,
  },
  {
    slug: 'clear-after-drain',
    without: 'the look at the count after the ticket was drawn',
    mistake: 'reader-looks-before-sleep: no look',
    kinds: SLEEPS,
  },
  {
    slug: 'doorbell-overwrites-pending',
    without: 'the look at what is pending when the vPE has left',
    mistake: 'vpe-leaves-before-look: looks first',
    kinds: SLEEPS,
  },
  {
    slug: 'migrate-without-kick',
    without: 'the ring for an interrupt that was passed on',
    mistake: 'ring-after-list: no ring',
    kinds: SLEEPS,
  },
  {
    slug: 'shared-recursion-guard',
    without: 'adding to the count in one step',
    mistake: 'write-adds-in-one-step: in two steps',
    kinds: ['assertion'],
  },
  {
    slug: 'torn-route-entry',
    without: 'the second look at the sequence count',
    mistake: 'torn-copy-is-refused: never refused',
    kinds: ['assertion'],
  },
  {
    slug: 'stale-route-after-deassign',
    without: 'refreshing the copies of irqfds',
    mistake: 'table-refreshes-irqfds: not told',
    kinds: ['assertion'],
  },
  {
    slug: 'mask-removes-route',
    without: 'the look at the count when an irqfd is assigned',
    mistake: 'assignment-drains: no drain',
    kinds: ['assertion'],
  },
  {
    slug: 'poll-before-attach',
    without: 'the look at the count when an irqfd is assigned',
    mistake: 'assignment-drains: no drain',
    kinds: ['assertion'],
  },
  {
    slug: 'hangup-during-assign',
    without: 'taking the irqfd away when its eventfd is closed',
    mistake: 'close-unhooks: left there',
    kinds: ['assertion'],
  },
  {
    slug: 'flush-before-unhook',
    without: 'waiting for the writers that have seen the hook',
    mistake: 'deassignment-waits-for-writers: no wait',
    kinds: ['assertion'],
  },
  {
    slug: 'cache-hit-vs-discard',
    without: 'waiting for the readers of the cache',
    mistake: 'unmapping-waits-for-injectors: no wait',
    kinds: ['assertion'],
  },
  {
    slug: 'double-put-on-invalidate',
    without: 'dropping a reference with its mapping only',
    mistake: 'event-ends-mapping-once: twice',
    kinds: ['assertion'],
  },
  {
    slug: 'duplicate-lpi-insert',
    without: 'the lock over the last mapping',
    mistake: 'unmap-takes-lock: tries it only',
    kinds: ['assertion'],
  },
  {
    slug: 'wrong-list-lock',
    without: 'listing it at the vCPU that it was sent to, and passing on what is listed elsewhere',
    mistake: 'unlisted-is-passed-on: dropped, and a change lists nothing',
    kinds: ['assertion'],
  },
  {
    slug: 'edge-during-retarget',
    without: 'one step for what a taking clears and what an edge sets',
    mistake: 'take-is-one-step: in two steps',
    kinds: ['assertion'],
  },
  {
    slug: 'line-or-race',
    without: 'the lock',
    mistake: 'wire-has-lock: without the lock',
    kinds: ['assertion'],
  },
  {
    slug: 'split-deassert',
    without: 'lowering the line once, before anybody is told',
    mistake: 'line-lowered-before-telling: lowered for each',
    kinds: ['assertion'],
  },
  {
    slug: 'stale-pending-at-unmask',
    without: 'taking the latch away at the unmasking',
    mistake: 'unmask-takes-latch: leaves the latch',
    kinds: ['assertion'],
  },
  {
    slug: 'resample-reentry',
    without: 'taking an acknowledgement before it is passed on',
    mistake: 'end-is-served-once: noted again',
    kinds: ['assertion'],
  },
  {
    slug: 'pause-flag-shared',
    without: 'changing a state in one step',
    mistake: 'active-ends-in-one-step: in two steps',
    kinds: ['assertion'],
  },
  {
    slug: 'ready-flag-too-early',
    without: 'storing the flag last',
    mistake: 'ready-flag-is-last: said first',
    kinds: ['assertion'],
  },
  {
    slug: 'retarget-on-dying-vpe',
    without: 'the look whether the vPE is mapped',
    mistake: 'dying-vpe-stays: moved all the same',
    kinds: ['assertion'],
  },
  {
    slug: 'flush-under-lock',
    without: 'a worker that takes no lock of the removal',
    mistake: 'unhooking-ends-lock: waits with the lock',
    kinds: ['deadlock'],
  },
  {
    slug: 'freed-while-pruned',
    without: 'the look at the state of an LPI that is to end',
    mistake: 'orphan-ends-by-its-state: as it was',
    kinds: ['assertion'],
  },
  {
    slug: 'pruned-after-flush',
    without: 'listing anew what is taken off the list and has to be on one',
    mistake: 'unlisted-is-passed-on: dropped, and a change lists nothing',
    kinds: ['assertion'],
  },
  {
    slug: 'last-lr-without-reference',
    without: 'the look at whether the interrupt is still in the list register',
    mistake: 'fold-looks-at-loaded: looks at the target alone',
    kinds: ['assertion'],
  },
  {
    slug: 'lpis-off-in-guest',
    without: 'the look at the state that an acknowledge takes',
    mistake: 'acknowledge-looks-again: never',
    kinds: ['assertion'],
  },
];

/** Fixed variants that are written out with the machine's primitives, because the machine has no such thing. */
const WRITTEN_OUT = ['aborted-entry-drops-lr'];

describe.each(GUARDS)('$slug', ({ slug, without, mistake, kinds }) => {
  test(`fails without ${without}`, () => {
    const { m } = loadMutated<{ m: Record<string, Race> }>({ m: `races/${slug}.ts` }, mistake);
    const [race] = Object.values(m);
    if (race === undefined) throw new Error(`races/${slug}.ts exports no race`);
    const failure = isCaught(race.fixed, kinds);
    expect(failure.message).not.toBe('');
  });
});

test('every race has its guard here, but those that the machine has no code for', () => {
  const guarded = [...GUARDS.map(({ slug }) => slug), ...WRITTEN_OUT];
  expect(guarded.sort()).toEqual(RACES.map(({ slug }) => slug).sort());
});
