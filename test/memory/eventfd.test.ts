import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { Scenario } from '../../src/explore/index.ts';
import * as eventfd from '../../src/memory/eventfd.ts';
import { add, load, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

type Module = typeof eventfd;
const { EVENTFD_MAX, EVENTFD_WORDS, EventFd } = eventfd;
const REGION = { at: 0, words: EVENTFD_WORDS };
const READ = EVENTFD_WORDS;
const WORDS = EVENTFD_WORDS + 16;
/** The first count that does not fit into the low word. */
const LARGE = 2n ** 30n;
const LIMB = 2n ** 60n;

const mutated = (mistake: MistakeName) => loadMutated<{ m: Module }>({ m: 'memory/eventfd.ts' }, mistake).m;
const make = (count: number | bigint = 0, semaphore = false) => {
  const fd = new EventFd(new Int32Array(new SharedArrayBuffer(WORDS * 4)), REGION);
  fd.init(count, semaphore);
  return fd;
};

describe('eventfd(2)', () => {
  test('adds up what is written, and gives all of it at once', () => {
    const fd = make();
    expect(fd.readable).toBe(false);
    expect(fd.tryRead()).toBe(0n);
    fd.write(3);
    fd.write();
    fd.write(0);
    expect(fd.readable).toBe(true);
    expect(fd.read()).toBe(4n);
    expect(fd.tryRead()).toBe(0n);
  });

  test('gives one at a time in semaphore mode', () => {
    const fd = make(2, true);
    expect([fd.tryRead(), fd.tryRead(), fd.tryRead()]).toEqual([1n, 1n, 0n]);
    fd.write(LARGE);
    expect(fd.tryRead()).toBe(1n);
    expect(fd.drain()).toBe(true);
    expect(fd.tryRead()).toBe(0n);
  });

  test('counts to 2^64 - 2 and no further', () => {
    const fd = make();
    expect(fd.tryWrite(EVENTFD_MAX)).toBe(true);
    expect(fd.tryWrite(1)).toBe(false);
    expect(fd.tryWrite(0)).toBe(true);
    expect(fd.write(1, 1)).toBe(false);
    expect(fd.read()).toBe(EVENTFD_MAX);
    expect(fd.tryWrite(EVENTFD_MAX - 1n)).toBe(true);
    expect(fd.tryWrite(2)).toBe(false);
    expect(fd.tryWrite(1)).toBe(true);
    expect(fd.drain()).toBe(true);
    expect(fd.drain()).toBe(false);
  });

  test('waits no longer than it is told to', () => {
    const fd = make();
    expect(fd.read(1)).toBe(0n);
    fd.write(1);
    expect(fd.read(1)).toBe(1n);
  });

  /** How long each sleep of a wait of 5 ms is, where the thread is woken for nothing after 2 ms, twice. */
  function sleeps(module: Module, wait: (fd: InstanceType<Module['EventFd']>) => unknown): number[] {
    const fd = new module.EventFd(new Int32Array(new SharedArrayBuffer(WORDS * 4)), REGION);
    fd.init(EVENTFD_MAX);
    const asked: number[] = [];
    const sleep = (_words: Words, _at: number, _value: number, timeoutMs: number): string => {
      asked.push(timeoutMs);
      return asked.length < 3 ? 'ok' : 'timed-out';
    };
    const native = Atomics.wait;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => 100 + 2 * asked.length);
    Object.assign(Atomics, { wait: sleep });
    try {
      expect(wait(fd)).toBeFalsy();
    } finally {
      Object.assign(Atomics, { wait: native });
      clock.mockRestore();
    }
    return asked;
  }
  const reading = (fd: InstanceType<Module['EventFd']>) => {
    fd.drain();
    return fd.read(5);
  };

  test('nor any longer for being woken for nothing', () => {
    expect(sleeps(eventfd, (fd) => fd.write(1, 5))).toEqual([5, 3, 1]);
    expect(sleeps(eventfd, reading)).toEqual([5, 3, 1]);
    const module = mutated('wait-ends-at-bound: begins anew');
    expect(sleeps(module, reading)).toEqual([5, 5, 5]);
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, -1n, 2n ** 64n - 1n])(
    'does not take %s',
    (value) => {
      const fd = make(1);
      expect(() => fd.tryWrite(value)).toThrow(
        expect.objectContaining({ code: 'ERR_EVENTFD_VALUE', message: expect.stringContaining(`${value}`) }),
      );
      expect(fd.tryRead()).toBe(1n);
    },
  );
});

/** An eventfd as one number. */
class PlainEventFd {
  count = 0n;
  readonly semaphore: boolean;

  constructor(count: bigint, semaphore: boolean) {
    this.count = count;
    this.semaphore = semaphore;
  }

  tryWrite(value: bigint): boolean {
    if (this.count + value > EVENTFD_MAX) return false;
    this.count += value;
    return true;
  }

  tryRead(): bigint {
    const taken = this.semaphore && this.count > 0n ? 1n : this.count;
    this.count -= taken;
    return taken;
  }

  drain(): boolean {
    const any = this.count > 0n;
    this.count = 0n;
    return any;
  }

  get readable(): boolean {
    return this.count > 0n;
  }
}

/** Counts of every size, and those at the edges of the three limbs above all. */
const edge = fc
  .tuple(fc.constantFrom(0n, 1n, LARGE, LIMB, EVENTFD_MAX), fc.bigInt({ min: -2n, max: 2n }))
  .map(([near, off]) => near + off)
  .filter((value) => value >= 0n && value <= EVENTFD_MAX);
const count = fc.oneof(edge, fc.bigInt({ min: 0n, max: EVENTFD_MAX }));
const step = fc.oneof(
  count.map((value) => ({ op: 'tryWrite', value }) as const),
  fc.constantFrom({ op: 'tryRead' } as const, { op: 'drain' } as const, { op: 'readable' } as const),
);

function agreesWithPlainOne({ EventFd }: Module): void {
  const steps = fc.array(step, { maxLength: 20 });
  fc.assert(
    fc.property(count, fc.boolean(), steps, (first, semaphore, list) => {
      const real = new EventFd(new Int32Array(new SharedArrayBuffer(WORDS * 4)), REGION);
      const plain = new PlainEventFd(first, semaphore);
      real.init(first, semaphore);
      for (const each of list) {
        if (each.op === 'tryWrite') {
          const { value } = each;
          const number = value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
          expect(real.tryWrite(number)).toBe(plain.tryWrite(value));
        } else if (each.op === 'readable') expect(real.readable).toBe(plain.readable);
        else expect(real[each.op]()).toBe(plain[each.op]());
      }
      expect(real.tryRead()).toBe(plain.tryRead());
    }),
    { numRuns: 500, seed: 5 },
  );
}

describe('any sequence of calls does what one big number would do', () => {
  test('with counts of all sizes, in both modes', () => agreesWithPlainOne(eventfd));

  test.each([
    'count-has-limit: one more',
    'limbs-before-unlock: a large one not marked',
    'small-count-is-small: a large one',
    'semaphore-gives-one: gives all',
    'high-limb-is-stored: left out',
  ] as const)('the check fails with %s', (mistake) => {
    const module = mutated(mistake);
    expect(() => agreesWithPlainOne(module)).toThrow();
  });
});

type Story = {
  /** What every value is a multiple of. */
  readonly unit?: bigint;
  readonly first?: bigint;
  readonly semaphore?: boolean;
  /** What each writer writes, in order. */
  readonly writers: readonly (readonly bigint[])[];
  /** By reader: how many reads. Blocking, or not. */
  readonly readers: readonly { readonly reads: number; readonly blocking: boolean }[];
};

/**
 * Writers and readers at one eventfd. What was read is added up, in units that fit: nothing may be lost or doubled.
 */
function scenario({ EventFd }: Module, story: Story): Scenario<Words> {
  const { unit = 1n } = story;
  const view = (words: Words) => new EventFd(words, REGION);
  const keep = (words: Words, taken: bigint) => add(words, READ, Number(taken / unit));
  const named = <T, U>(name: string, list: readonly T[], make: (item: T) => U) =>
    list.map((item, n) => [`${name}${n}`, make(item)] as const);
  const total = (story.first ?? 0n) + story.writers.flat().reduce((sum, value) => sum + value, 0n);
  return {
    name: 'eventfd',
    setup: () => {
      const words = new Int32Array(new SharedArrayBuffer(WORDS * 4));
      view(words).init(story.first ?? 0n, story.semaphore);
      return words;
    },
    threads: Object.fromEntries([
      ...named('writer', story.writers, (values) => (words: Words) => {
        // As a number where it fits: that is the way without a lock.
        for (const value of values) view(words).write(value < LARGE ? Number(value) : value);
      }),
      ...named('reader', story.readers, ({ reads, blocking }) => (words: Words) => {
        for (let n = 0; n < reads; n++) keep(words, blocking ? view(words).read() : view(words).tryRead());
      }),
    ]),
    finally: (words) => {
      const fd = view(words);
      const isSemaphore = story.semaphore === true;
      for (let left = fd.tryRead(); left > 0n; left = isSemaphore ? fd.tryRead() : 0n) keep(words, left);
      expect(load(words, READ)).toBe(Number(total / unit));
      // No thread is left among the sleepers.
      expect(load(words, 32)).toBe(0);
    },
  };
}

const blocking = (reads: number) => ({ reads, blocking: true });
const polling = (reads: number) => ({ reads, blocking: false });

/** The stories whose every schedule is run. */
const STORIES = {
  'two writers, a reader that sleeps': { writers: [[1n], [2n]], readers: [blocking(1)] },
  'a semaphore, two readers of which one sleeps': {
    first: 1n,
    writers: [[1n]],
    readers: [blocking(1), polling(1)],
    semaphore: true,
  },
  'a semaphore, two readers that sleep': {
    writers: [[2n]],
    readers: [blocking(1), blocking(1)],
    semaphore: true,
  },
  'two writes, two reads': { writers: [[1n, 1n]], readers: [polling(2)] },
} as const satisfies Record<string, Story>;

/** Counts past 2^30, and so the LOCK bit; values are multiples of 2^29. */
const HALF = LARGE / 2n;
const LARGE_STORIES = {
  'two writers whose sum does not fit into the low word': {
    unit: HALF,
    writers: [[HALF], [HALF]],
    readers: [polling(1)],
  },
  'a writer of a large count, a reader that sleeps': {
    unit: LARGE,
    writers: [[LARGE]],
    readers: [blocking(1)],
  },
  'a large count is taken while it is added to': {
    unit: HALF,
    first: LARGE,
    writers: [[HALF]],
    readers: [polling(1)],
  },
  'two readers of a large count': {
    unit: LIMB,
    first: 4n * LIMB,
    writers: [],
    readers: [polling(1), polling(1)],
  },
} as const satisfies Record<string, Story>;

describe('no written count is lost or read twice, and no thread sleeps for good', () => {
  test.each(Object.entries<Story>(STORIES))('whatever the order: %s', (_, story) => {
    expect(passesEvery(scenario(eventfd, story)).schedules).toBeGreaterThan(4);
  });

  test.each(Object.entries<Story>(LARGE_STORIES))('whatever the order: %s', (_, story) => {
    expect(passesEvery(scenario(eventfd, story)).schedules).toBeGreaterThan(2);
  });

  const full: Story = { unit: EVENTFD_MAX, first: EVENTFD_MAX, writers: [[1n]], readers: [polling(1)] };
  const blocked = (module: Module): Scenario<Words> => ({
    ...scenario(module, full),
    finally: (words) => {
      expect(new module.EventFd(words, REGION).tryRead()).toBe(1n);
      expect(load(words, READ)).toBe(1);
    },
  });

  test('whatever the order: a writer that sleeps until there is room', () => {
    expect(passesEvery(blocked(eventfd)).schedules).toBeGreaterThan(2);
  });

  const sleeping = STORIES['two writers, a reader that sleeps'];
  test.each([
    {
      title: 'a write in two steps',
      mistake: 'write-adds-in-one-step: in two steps',
      story: sleeping,
      kinds: ['assertion', 'missed-notify', 'orphan-wait', 'lost-wakeup'],
    },
    {
      title: 'a write that wakes no reader',
      mistake: 'write-wakes-reader: nobody woken',
      story: sleeping,
      kinds: ['orphan-wait'],
    },
    {
      title: 'a reader that sleeps without another look',
      mistake: 'reader-looks-before-sleep: no look',
      story: sleeping,
      kinds: ['orphan-wait', 'lost-wakeup'],
    },
    {
      title: 'a read in two steps',
      mistake: 'read-takes-in-one-step: in two steps',
      story: STORIES['two writes, two reads'],
      kinds: ['assertion'],
    },
  ] as const)('not so with $title', ({ mistake, story, kinds }) => {
    isCaught(scenario(mutated(mistake), story), kinds);
  });

  test.each([
    {
      title: 'a lock that two can take',
      mistake: 'count-lock-excludes: locked twice',
      story: LARGE_STORIES['two readers of a large count'],
      kinds: ['assertion'],
    },
    {
      title: 'a lock that is given back before the upper limbs are stored',
      mistake: 'limbs-before-unlock: unlocked first',
      story: LARGE_STORIES['two readers of a large count'],
      kinds: ['assertion'],
    },
    {
      title: 'a write of a large count that wakes no reader',
      mistake: 'large-write-wakes-reader: nobody woken',
      story: LARGE_STORIES['a writer of a large count, a reader that sleeps'],
      kinds: ['orphan-wait'],
    },
    {
      title: 'a write that takes a locked count for a small one',
      mistake: 'small-count-is-small: a locked one',
      story: LARGE_STORIES['a large count is taken while it is added to'],
      kinds: ['assertion', 'stuck-spin', 'deadlock', 'livelock'],
    },
  ] as const)('not so with $title', ({ mistake, story, kinds }) => {
    isCaught(scenario(mutated(mistake), story), kinds);
  });

  test('not so with a read of a large count that tells no writer of the room', () => {
    const module = mutated('large-read-wakes-writer: nobody woken');
    isCaught(blocked(module), 'orphan-wait');
  });

  test('not so with a writer that does not look again before it sleeps', () => {
    const module = mutated('writer-tries-before-sleep: not tried');
    isCaught(blocked(module), ['orphan-wait', 'lost-wakeup']);
  });
});
