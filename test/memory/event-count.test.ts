import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/index.ts';
import * as eventCount from '../../src/memory/event-count.ts';
import { load, store, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

type Module = typeof eventCount;
const { EVENT_COUNT_WORDS, EventCount, FOREVER } = eventCount;
const REGION = { at: 0, words: EVENT_COUNT_WORDS };
const WORK = EVENT_COUNT_WORDS;
const SLEEPERS = 16;

const mutated = (mistake: MistakeName) =>
  loadMutated<{ m: Module }>({ m: 'memory/event-count.ts' }, mistake).m;
const fresh = () => new Int32Array(new SharedArrayBuffer(256));

describe('an event count', () => {
  test('costs a waker no notify while no thread sleeps', () => {
    const words = fresh();
    const event = new EventCount(words, REGION);
    expect(event.asleep).toBe(false);
    expect(event.signal()).toBe(false);
    expect(load(words, 0)).toBe(0);
  });

  test('makes a ticket out of date by a signal after it was drawn, and by none before', () => {
    const event = new EventCount(fresh(), REGION);
    const ticket = event.announce();
    expect(event.asleep).toBe(true);
    expect(event.signal()).toBe(true);
    expect(event.park(ticket)).toBe(true);
    expect(event.asleep).toBe(false);
    expect(event.park(event.announce(), 0)).toBe(false);
    expect(event.asleep).toBe(false);
  });

  test('keeps count of sleepers over withdrawals and timeouts', () => {
    const words = fresh();
    const event = new EventCount(words, REGION);
    event.announce();
    const ticket = event.announce();
    event.withdraw();
    expect(event.asleep).toBe(true);
    expect(event.park(ticket, 1)).toBe(false);
    expect(event.asleep).toBe(false);
    expect(load(words, SLEEPERS)).toBe(0);
  });

  test('wakes a sleeper with an event loop', async () => {
    const event = new EventCount(fresh(), REGION);
    // A pending promise holds no reference: this timer keeps the process, and bounds the wait.
    const bound = setTimeout(() => event.signal(), 10_000);
    const woken = event.parkAsync(event.announce());
    expect(event.signal(FOREVER)).toBe(true);
    await woken;
    clearTimeout(bound);
    expect(event.asleep).toBe(false);
    const late = event.announce();
    event.signal();
    await event.parkAsync(late);
    expect(event.asleep).toBe(false);
  });
});

/** Sleeps until there is work, as every user of an event count does. */
function sleepUntilWork(event: InstanceType<Module['EventCount']>, words: Words): void {
  while (load(words, WORK) === 0) {
    const ticket = event.announce();
    if (load(words, WORK) !== 0) event.withdraw();
    else event.park(ticket);
  }
}

function scenario(module: Module, sleepers: number): Scenario<Words> {
  const sleeper = (words: Words) => sleepUntilWork(new module.EventCount(words, REGION), words);
  return {
    name: 'signal-against-park',
    words: EVENT_COUNT_WORDS + 1,
    threads: {
      waker: (words) => {
        store(words, WORK, 1);
        new module.EventCount(words, REGION).signal();
      },
      ...Object.fromEntries(Array.from({ length: sleepers }, (_, n) => [`sleeper${n}`, sleeper])),
    },
    finally: (words) => expect(load(words, SLEEPERS)).toBe(0),
  };
}

describe('no wake-up is lost', () => {
  test.each([1, 2, 3])('whatever the order, with %i sleepers', (sleepers) => {
    expect(passesEvery(scenario(eventCount, sleepers)).schedules).toBeGreaterThan(sleepers);
  });

  test('a signal that does not move the count is slept through', () => {
    const module = mutated('waker-moves-count: not moved');
    isCaught(scenario(module, 1), 'lost-wakeup');
  });

  test('a sleeper that is not counted is not woken', () => {
    const module = mutated('sleeper-counts-itself: not counted');
    isCaught(scenario(module, 1), ['assertion', 'orphan-wait']);
  });

  test('a signal without a notify leaves its sleeper behind', () => {
    const module = mutated('waker-notifies: not notified');
    isCaught(scenario(module, 1), 'missed-notify');
  });

  test('a withdrawal that is not counted is found at the end', () => {
    const module = mutated('withdrawal-is-counted: not counted');
    isCaught(scenario(module, 1), 'assertion');
  });

  test('a waker that signals before it publishes its work is not heard', () => {
    const wrong: Scenario<Words> = {
      ...scenario(eventCount, 1),
      threads: {
        ...scenario(eventCount, 1).threads,
        waker: (words) => {
          new EventCount(words, REGION).signal();
          store(words, WORK, 1);
        },
      },
    };
    isCaught(wrong, ['lost-wakeup', 'orphan-wait']);
  });

  test('a sleeper that looks for work before it announces itself sleeps through it', () => {
    const wrong: Scenario<Words> = {
      ...scenario(eventCount, 1),
      threads: {
        ...scenario(eventCount, 1).threads,
        sleeper0: (words) => {
          const event = new EventCount(words, REGION);
          if (load(words, WORK) === 0) event.park(event.announce());
        },
      },
    };
    isCaught(wrong, ['lost-wakeup', 'orphan-wait']);
  });
});
