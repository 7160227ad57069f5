/** Every order in which threads can meet on one interrupt, and beside each rule the version of it that fails. */
import { describe, expect, test } from 'vitest';
import type { ThreadBody } from '../../src/explore/loading/scenario.ts';
import { exploreAll } from '../../src/explore/search/explore.ts';
import { type InterruptRegions, interruptRegions } from '../../src/gic/interrupt-regions.ts';
import { Interrupts } from '../../src/gic/interrupts.ts';
import { type LevelAckRegions, LevelAcks, levelAckRegions } from '../../src/gic/level-acks.ts';
import { reroute, setForwarding, unqueue } from '../../src/gic/queueing.ts';
import {
  ACTIVE,
  EDGE,
  ENABLED,
  GROUP1,
  isDeliverable,
  LATCH,
  NO_TARGET,
  TARGET,
  TARGET_SHIFT,
  UNQUEUED,
} from '../../src/gic/state.ts';
import { Layout } from '../../src/memory/layout.ts';
import { add, load, store, type Words } from '../../src/memory/word.ts';

const SPI = 32;
const NO_LPIS = { forEachMapped: () => {} };
type Shared = { readonly words: Words; readonly regions: InterruptRegions; readonly taken: number };
/** A thread's own view of what all of them share. */
type View = {
  readonly interrupts: Interrupts;
  readonly at: number;
  readonly words: Words;
  readonly taken: number;
};

function view({ words, regions, taken }: Shared): View {
  const interrupts = new Interrupts(words, regions);
  return { interrupts, at: interrupts.find(0, SPI), words, taken };
}

type Story = {
  readonly name: string;
  /** The state of SPI 32 at first, beside ENABLED, EDGE and GROUP1. */
  readonly state?: number;
  readonly forwarding?: number;
  readonly threads: Readonly<Record<string, (view: View) => void>>;
  readonly finally: (view: View) => void;
};

/** Explores a story with one SPI, two vCPUs and no LPIs. */
function exploreStory({ name, state = 0, forwarding = 3, threads, finally: check }: Story) {
  const bodies = Object.entries(threads).map(([thread, body]): [string, ThreadBody<Shared>] => [
    thread,
    (shared) => body(view(shared)),
  ]);
  return exploreAll<Shared>(
    {
      name,
      setup: () => {
        const layout = new Layout();
        const regions = interruptRegions(layout, { vcpus: 2, spis: 1, idBits: 13 });
        const taken = layout.region('taken', 1).at;
        const words = new Int32Array(new SharedArrayBuffer(layout.words * 4));
        new Interrupts(words, regions).resize(regions.spis.words);
        const { interrupts, at } = view({ words, regions, taken });
        interrupts.setForwarding(forwarding);
        interrupts.change(at, SPI, TARGET, ENABLED | EDGE | GROUP1 | state);
        return { words, regions, taken };
      },
      threads: Object.fromEntries(bodies),
      finally: (shared) => check(view(shared)),
    },
    { seconds: 55 },
  );
}

/** Takes what vCPU 0 (or another) can have, and counts it. */
function takeAll({ interrupts, words, taken }: View, vcpu = 0): void {
  for (let intid = interrupts.best(vcpu, -1); intid >= 0; intid = interrupts.best(vcpu, -1)) {
    if (interrupts.take(vcpu, intid) === 0) continue;
    interrupts.deactivate(interrupts.find(vcpu, intid), intid);
    add(words, taken, 1);
  }
}

/** At rest: what is deliverable is found by its vCPU, and one that comes anew is delivered. */
function comesAnew(v: View, vcpu = 0): void {
  takeAll(v, vcpu);
  if (isDeliverable(v.interrupts.state(v.at))) throw new Error('deliverable, and not to be found');
  const before = load(v.words, v.taken);
  v.interrupts.latch(v.at, SPI);
  takeAll(v, vcpu);
  if (load(v.words, v.taken) !== before + 1) throw new Error('it came anew, and was not delivered');
}

describe('an edge while another thread enables the distributor', () => {
  test('an edge while the distributor is being enabled is unqueued or delivered, and the next edge is delivered', () => {
    const result = exploreStory({
      name: 'turn-on',
      forwarding: 0,
      threads: {
        guest: ({ interrupts }) => setForwarding(interrupts, NO_LPIS, 3, false),
        device: ({ interrupts, at }) => interrupts.latch(at, SPI),
      },
      finally: comesAnew,
    });
    expect(result).toMatchObject({ verdict: 'pass', exhausted: true });
    expect(result.schedules).toBeGreaterThan(2);
  });

  test('without the second pass, an edge latched between the passes is lost for good', () => {
    const result = exploreStory({
      name: 'turn-on-once',
      forwarding: 0,
      threads: {
        guest: ({ interrupts }) => interrupts.setForwarding(3),
        device: ({ interrupts, at }) => interrupts.latch(at, SPI),
      },
      finally: comesAnew,
    });
    expect(result.verdict).toBe('fail');
  });

  test('with requeues, an edge while the distributor is being enabled is never lost', () => {
    const result = exploreStory({
      name: 'turn-on-requeues',
      forwarding: 0,
      threads: {
        guest: ({ interrupts }) => setForwarding(interrupts, NO_LPIS, 3, true),
        device: ({ interrupts, at }) => interrupts.latch(at, SPI),
        vcpu: (v) => takeAll(v),
      },
      finally: (v) => {
        takeAll(v);
        if (load(v.words, v.taken) !== 1) throw new Error(`${load(v.words, v.taken)} taken`);
      },
    });
    expect(result).toMatchObject({ verdict: 'pass', exhausted: true });
  });
});

describe('an edge while another thread unqueues the interrupt', () => {
  const threads = (holds: (v: View) => void) => ({
    guest: holds,
    device: ({ interrupts, at }: View) => interrupts.latch(at, SPI),
    vcpu: ({ interrupts }: View) => void interrupts.best(0, -1),
  });

  // All three at once are more schedules than a test has time for.
  test.each(['guest', 'device', 'vcpu'] as const)(
    'counts as before or as after, and the next one is delivered: all but the %s',
    (left) => {
      const all = threads(({ interrupts, at }) => unqueue(interrupts, at, SPI));
      const two = Object.fromEntries(Object.entries(all).filter(([name]) => name !== left));
      const result = exploreStory({ name: 'unqueue', state: LATCH, threads: two, finally: comesAnew });
      expect(result).toMatchObject({ verdict: 'pass', exhausted: true });
    },
  );

  test('without the second look at the state, an edge during unqueue is lost for good', () => {
    const result = exploreStory({
      name: 'unqueue-blindly',
      state: LATCH,
      threads: threads(({ interrupts, at }) => {
        const state = interrupts.state(at);
        if (isDeliverable(state)) interrupts.replace(at, state, (state & ~LATCH) | UNQUEUED);
        interrupts.unlist(0, SPI);
      }),
      finally: comesAnew,
    });
    expect(result.verdict).toBe('fail');
  });
});

describe('an edge while another thread reroutes the interrupt', () => {
  const delivered = (v: View) => {
    takeAll(v, 0);
    takeAll(v, 1);
    if (load(v.words, v.taken) !== 1) throw new Error(`${load(v.words, v.taken)} taken`);
  };

  const withItsNewVcpu = ({ interrupts, at }: View) => {
    interrupts.best(0, -1);
    const target = (interrupts.state(at) & TARGET) >>> TARGET_SHIFT;
    if (interrupts.best(target, -1) !== SPI) throw new Error('not with its vCPU');
  };

  test('an edge during a reroute is delivered once, to one of the two vCPUs', () => {
    const result = exploreStory({
      name: 'reroute',
      threads: {
        guest: ({ interrupts, at }) => reroute(interrupts, at, SPI, 1),
        device: ({ interrupts, at }) => interrupts.latch(at, SPI),
        vcpu: (v) => takeAll(v, 0),
      },
      finally: delivered,
    });
    expect(result).toMatchObject({ verdict: 'pass', exhausted: true });
  });

  test('a level-triggered interrupt raised during a reroute is delivered once, to one of the two vCPUs', () => {
    const result = exploreStory({
      name: 'reroute-level',
      threads: {
        guest: ({ interrupts, at }) => reroute(interrupts, at, SPI, 1),
        device: ({ interrupts, at }) => {
          interrupts.amend(at, EDGE, 0);
          interrupts.drive(at, SPI, true);
        },
      },
      finally: withItsNewVcpu,
    });
    expect(result).toMatchObject({ verdict: 'pass', exhausted: true });
  });

  test('an edge during a reroute from no target is delivered or unqueued', () => {
    const result = exploreStory({
      name: 'reroute-from-nowhere',
      state: NO_TARGET << TARGET_SHIFT,
      threads: {
        guest: ({ interrupts, at }) => reroute(interrupts, at, SPI, 1),
        device: ({ interrupts, at }) => interrupts.latch(at, SPI),
      },
      finally: (v) => comesAnew(v, 1),
    });
    expect(result).toMatchObject({ verdict: 'pass', exhausted: true });
  });

  test('a reroute that reads the old list before it unlists the interrupt loses a level', () => {
    const result = exploreStory({
      name: 'reroute-in-two-looks',
      threads: {
        guest: ({ interrupts, at }) => {
          const before = interrupts.state(at);
          if (!interrupts.replace(at, before, (before & ~TARGET) | (1 << TARGET_SHIFT))) return;
          const queued = interrupts.isListed(0, SPI);
          interrupts.unlist(0, SPI);
          if (queued) interrupts.list(1, SPI);
        },
        device: ({ interrupts, at }) => {
          interrupts.amend(at, EDGE, 0);
          interrupts.drive(at, SPI, true);
        },
      },
      finally: withItsNewVcpu,
    });
    expect(result.verdict).toBe('fail');
  });

  test('a reroute that does not pass on a listed interrupt loses an edge', () => {
    const result = exploreStory({
      name: 'reroute-blindly',
      threads: {
        guest: ({ interrupts, at }) => {
          interrupts.amend(at, TARGET, 1 << TARGET_SHIFT);
          interrupts.unlist(0, SPI);
        },
        device: ({ interrupts, at }) => interrupts.latch(at, SPI),
      },
      finally: delivered,
    });
    expect(result.verdict).toBe('fail');
  });
});

describe('an edge while the interrupt is active', () => {
  const end = (ends: (v: View) => void) => ({
    name: 'end-of-interrupt',
    state: LATCH,
    threads: {
      vcpu: (v: View) => {
        if (v.interrupts.best(0, -1) !== SPI || v.interrupts.take(0, SPI) === 0) return;
        add(v.words, v.taken, 1);
        ends(v);
      },
      device: ({ interrupts, at }: View) => interrupts.latch(at, SPI),
    },
    finally: comesAnew,
  });

  test('an edge while the interrupt is active is delivered after its EOI', () => {
    const result = exploreStory(end(({ interrupts, at }) => void interrupts.deactivate(at, SPI)));
    expect(result).toMatchObject({ verdict: 'pass', exhausted: true });
  });

  test('an EOI that unlists the interrupt without reading its state again loses an edge', () => {
    const result = exploreStory(
      end(({ interrupts, at }) => {
        interrupts.unlist(0, SPI);
        interrupts.best(0, -1);
        interrupts.amend(at, ACTIVE, 0);
      }),
    );
    expect(result.verdict).toBe('fail');
  });
});

describe('a note of a level-triggered SPI that has ended', () => {
  type Notes = { readonly words: Words; readonly regions: LevelAckRegions; readonly taken: number };
  const drain = ({ words, regions, taken }: Notes) => {
    const acks = new LevelAcks(words, regions);
    for (let intid = acks.take(); intid >= 0; intid = acks.take()) add(words, taken, 1);
  };
  const story = (note: (acks: LevelAcks, shared: Notes) => void) =>
    exploreAll<Notes>(
      {
        name: 'level-acks',
        setup: () => {
          const layout = new Layout();
          const regions = levelAckRegions(layout);
          const taken = layout.region('taken', 1).at;
          return { words: new Int32Array(new SharedArrayBuffer(layout.words * 4)), regions, taken };
        },
        threads: {
          ender: (shared) => note(new LevelAcks(shared.words, shared.regions), shared),
          one: drain,
          other: drain,
        },
        finally: (shared) => {
          drain(shared);
          if (load(shared.words, shared.taken) !== 1)
            throw new Error(`${load(shared.words, shared.taken)} taken`);
        },
      },
      { seconds: 55 },
    );

  test('exactly one of several threads takes the note of an ended SPI', () => {
    expect(story((acks) => acks.note(SPI))).toMatchObject({ verdict: 'pass', exhausted: true });
  });

  test('a producer that sets the flag before the note loses the note', () => {
    const result = story((acks, { words, regions }) => {
      store(words, regions.acked.at, 1);
      add(words, regions.acked.at + 16 + 1, 1);
      acks.bell.signal();
    });
    expect(result.verdict).toBe('fail');
  });
});
