/**
 * The fixed variants are the machine's own code. Each of them fails when the line is taken out that guards against its
 * race: so what passes elsewhere is not a program that could not fail.
 */
import { describe, expect, test } from 'vitest';
import type { FailureKind } from '../../src/explore/index.ts';
import { RACES, type Race } from '../../src/races/index.ts';
import { isCaught } from '../exploring.ts';
import { loadMutated, type Mutation } from '../mutate.ts';

type Guard = {
  readonly slug: string;
  readonly without: string;
  readonly mutations: readonly Mutation[];
  readonly kinds: readonly FailureKind[];
};

const SLEEPS: readonly FailureKind[] = ['lost-wakeup', 'missed-notify', 'orphan-wait'];

const GUARDS: readonly Guard[] = [
  {
    slug: 'check-then-halt',
    without: 'moving the count, so that a ticket goes out of date',
    mutations: [
      {
        file: 'memory/event-count.ts',
        from: '    add(this.#words, this.#count, 1);\n    Atomics.notify',
        to: '    Atomics.notify',
      },
    ],
    kinds: SLEEPS,
  },
  {
    slug: 'compare-then-enqueue',
    without: 'the look at the count after the ticket was drawn',
    mutations: [
      {
        file: 'memory/eventfd.ts',
        from: 'if (load(this.#words, this.#low) !== 0) this.#moved.withdraw();',
        to: 'if (timeoutMs === 0) this.#moved.withdraw();',
      },
    ],
    kinds: SLEEPS,
  },
  {
    slug: 'kick-without-request',
    without: 'the ring after the interrupt was listed',
    mutations: [{ file: 'gic/interrupts.ts', from: '    this.ring(vcpu);\n', to: '' }],
    kinds: SLEEPS,
  },
  {
    slug: 'request-mode-dekker',
    without: 'the ring after the request',
    mutations: [{ file: 'gic/interrupts.ts', from: 'this.#bells[vcpu]?.signal();', to: '' }],
    kinds: SLEEPS,
  },
  {
    slug: 'waiter-count-dekker',
    without: 'being counted as a sleeper before the look',
    mutations: [
      { file: 'memory/event-count.ts', from: '    add(this.#words, this.#sleepers, 1);\n', to: '' },
      {
        file: 'memory/event-count.ts',
        from: 'const outcome = Atomics.wait',
        to: 'add(this.#words, this.#sleepers, 1);\n    const outcome = Atomics.wait',
      },
    ],
    kinds: SLEEPS,
  },
  {
    slug: 'clear-after-drain',
    without: 'the look at the count after the ticket was drawn',
    mutations: [
      {
        file: 'memory/eventfd.ts',
        from: 'if (load(this.#words, this.#low) !== 0) this.#moved.withdraw();',
        to: 'if (timeoutMs === 0) this.#moved.withdraw();',
      },
    ],
    kinds: SLEEPS,
  },
  {
    slug: 'migrate-without-kick',
    without: 'the ring for an interrupt that was passed on',
    mutations: [{ file: 'gic/interrupts.ts', from: '    this.ring(vcpu);\n', to: '' }],
    kinds: SLEEPS,
  },
  {
    slug: 'shared-recursion-guard',
    without: 'adding to the count in one step',
    mutations: [
      {
        file: 'memory/eventfd.ts',
        from: 'if (replace(this.#words, this.#low, low, sum)) {',
        to: 'store(this.#words, this.#low, sum);\n        {',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'torn-route-entry',
    without: 'the second look at the sequence count',
    mutations: [
      {
        file: 'memory/sequence.ts',
        from: 'return (seen & 1) !== 0 || load(words, at) !== seen;',
        to: 'return load(words, at) !== load(words, at);',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'stale-route-after-deassign',
    without: 'refreshing the copies of irqfds',
    mutations: [
      {
        file: 'kvm/generic-vm.ts',
        from: 'if (!this.#keepsStaleRoutes) this.irqfds.refreshAll();',
        to: '',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'mask-removes-route',
    without: 'the look at the count when an irqfd is assigned',
    mutations: [
      { file: 'kvm/irqfds.ts', from: 'if (this.#eventfds[fd]?.drain()) this.#defer(slot);', to: '' },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'poll-before-attach',
    without: 'the look at the count when an irqfd is assigned',
    mutations: [
      { file: 'kvm/irqfds.ts', from: 'if (this.#eventfds[fd]?.drain()) this.#defer(slot);', to: '' },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'hangup-during-assign',
    without: 'taking the irqfd away when its eventfd is closed',
    mutations: [
      {
        file: 'kvm/irqfds.ts',
        from: 'hook = this.#unhook(fd, undefined);\n      // In one',
        to: '// In one',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'flush-before-unhook',
    without: 'waiting for the writers that have seen the hook',
    mutations: [
      {
        file: 'kvm/irqfds.ts',
        from: '    this.#readers.synchronize();\n    this.#runWork(slot);',
        to: '    this.#runWork(slot);',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'cache-hit-vs-discard',
    without: 'waiting for the readers of the cache',
    mutations: [
      {
        file: 'its/state.ts',
        from: '  readers.synchronize();\n  lpis.unmap(events.lpiOf(event));\n  events.free(event);',
        to: '  lpis.unmap(events.lpiOf(event));\n  events.free(event);',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'double-put-on-invalidate',
    without: 'dropping a reference with its mapping only',
    mutations: [
      {
        file: 'its/state.ts',
        from: '  lpis.unmap(events.lpiOf(event));\n  events.free(event);',
        to: '  lpis.unmap(events.lpiOf(event));\n  lpis.unmap(events.lpiOf(event));\n  events.free(event);',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'duplicate-lpi-insert',
    without: 'the lock over the last mapping',
    mutations: [
      {
        file: 'gic/lpis.ts',
        from: 'unmap(lpi: Intid): void {\n    this.#lock.lock();',
        to: 'unmap(lpi: Intid): void {\n    this.#lock.tryLock();',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'wrong-list-lock',
    without: 'listing it at the vCPU that it was sent to, and passing on what is listed elsewhere',
    mutations: [
      {
        file: 'gic/list-walk.ts',
        from: 'if (isDeliverable(state)) this.#owner.relist(targetOf(state), intid);\n    else this.#owner.bury(at, state);',
        to: 'if (!isDeliverable(state)) this.#owner.bury(at, state);',
      },
      {
        file: 'gic/interrupts.ts',
        from: '    if (isDeliverable(after)) this.list(targetOf(after), intid);\n    return before;\n',
        to: '    return before;\n',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'edge-during-retarget',
    without: 'one step for what a taking clears and what an edge sets',
    mutations: [
      {
        file: 'gic/interrupts.ts',
        from: 'if (!replace(this.words, at, before, taken(before, isLpi, this.#keepsLevelLatch))) continue;',
        to: 'store(this.words, at, taken(before, isLpi, this.#keepsLevelLatch));',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'line-or-race',
    without: 'the lock',
    mutations: [{ file: 'races/line-or-race.ts', from: '  lock.lock(FOREVER);\n', to: '' }],
    kinds: ['assertion'],
  },
  {
    slug: 'split-deassert',
    without: 'lowering the line once, before any device is told',
    mutations: [
      {
        file: 'kvm/resamplers.ts',
        from: 'for (; slot !== 0; slot = load(this.#words, this.#links + slot)) tell(slot);',
        to: 'for (; slot !== 0; slot = load(this.#words, this.#links + slot)) { lower(gsi); tell(slot); }',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'stale-pending-at-unmask',
    without: 'taking the latch away at the unmasking',
    mutations: [
      {
        file: 'races/stale-pending-at-unmask.ts',
        from: 'pin & ~(MASKED | LATCHED)',
        to: 'pin & ~MASKED',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'resample-reentry',
    without: 'taking an acknowledgement before it is passed on',
    mutations: [
      {
        file: 'kvm/resamplers.ts',
        from: '      served++;\n',
        to: '      served++;\n      if (served < 3) this.#ends.again(pin);\n',
      },
      {
        file: 'kvm/vgic/gic-irqchip.ts',
        from: '  take(): number {\n',
        to: '  again(pin: number): void {\n    this.#acks.note(pin + FIRST_SPI);\n  }\n\n  take(): number {\n',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'pause-flag-shared',
    without: 'changing a state in one step',
    mutations: [
      {
        file: 'gic/holding.ts',
        from: 'const after = interrupts.rerouted(intid, before & ~ACTIVE);\n    if (!interrupts.replace(at, before, after)) continue;',
        to: 'const after = interrupts.rerouted(intid, before & ~ACTIVE);\n    interrupts.amend(at, ~after, after);',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'ready-flag-too-early',
    without: 'storing the flag last',
    mutations: [
      {
        file: 'kvm/vm.ts',
        from: 'const { initialRoutes, table } = this.design;',
        to: 'this.vgic.initialise();\n    const { initialRoutes, table } = this.design;',
      },
    ],
    kinds: ['assertion'],
  },
  {
    slug: 'flush-under-lock',
    without: 'a worker that takes no lock of the removal',
    mutations: [
      {
        file: 'kvm/irqfds.ts',
        from: '    this.#lock.unlock();\n    return this.#shutDown(hook);',
        to: '    try {\n      return this.#shutDown(hook);\n    } finally {\n      this.#lock.unlock();\n    }',
      },
      {
        file: 'kvm/irqfds.ts',
        from: '    if (!this.#work.claim(slot)) return false;\n',
        to: '    if (!this.#work.claim(slot)) return false;\n    this.#lock.lock(Infinity);\n    this.#lock.unlock();\n',
      },
      {
        file: 'kvm/irqfds.ts',
        from: '#runWork(slot: number): boolean {\n    this.#workLock.lock();',
        to: '#runWork(slot: number): boolean {\n    this.#workLock.lock(Infinity);',
      },
    ],
    kinds: ['deadlock'],
  },
];

/** Fixed variants that are written out with the machine's primitives, because the machine has no such thing. */
const WRITTEN_OUT = ['doorbell-overwrites-pending', 'aborted-entry-drops-lr', 'retarget-on-dying-vpe'];

describe.each(GUARDS)('$slug', ({ slug, without, mutations, kinds }) => {
  test(`fails without ${without}`, () => {
    const { m } = loadMutated<{ m: Record<string, Race> }>({ m: `races/${slug}.ts` }, ...mutations);
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
