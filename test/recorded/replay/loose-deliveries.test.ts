import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../../src/explore/index.ts';
import { EVENT_COUNT_WORDS, EventCount } from '../../../src/memory/event-count.ts';
import { exchange, load, store, type Words } from '../../../src/memory/word.ts';
import {
  LooseDeliveries,
  type Signals,
  type Verdict,
} from '../../../src/recorded/replay/loose-deliveries.ts';
import { BEGUN, DONE } from '../../../src/recorded/replay/script.ts';
import { isCaught, passesEvery } from '../../exploring.ts';

const LPI = 8192;
const LATCH = 0;
const FIRST_SIGNAL = 1;
const MOST_SIGNALS = 3;
const BELL = { at: 16, words: EVENT_COUNT_WORDS };

/** Deliveries of one group, judged as they come: `before` is what was done ahead of the acknowledge, `after` what is after it. */
function judged(...deliveries: readonly { before: Signals; after: Signals; pending?: boolean }[]): Verdict[] {
  let now: Signals = { signals: 0, begun: 0, done: 0 };
  let isPending = false;
  const judge = new LooseDeliveries({ loose: () => now, isPending: () => isPending, wait: () => true }, LPI);
  return deliveries.map(({ before, after, pending = false }) => {
    now = before;
    judge.before(0);
    now = after;
    isPending = pending;
    return judge.judge(0);
  });
}

const of = (signals: number, begun: number, done: number): Signals => ({ signals, begun, done });

describe('signals that were one delivery in the recording', () => {
  test('may be one here', () => {
    expect(judged({ before: of(2, 2, 2), after: of(2, 2, 2) })).toEqual(['last']);
  });

  test('may be as many as there are', () => {
    expect(
      judged(
        { before: of(3, 0, 0), after: of(3, 1, 1) },
        { before: of(3, 1, 1), after: of(3, 3, 2), pending: true },
        { before: of(3, 3, 3), after: of(3, 3, 3) },
      ),
    ).toEqual(['apart', 'apart', 'last']);
  });

  test('begin anew with the next delivery of the recording', () => {
    const once = { before: of(2, 2, 2), after: of(2, 2, 2) };
    expect(judged(once, once)).toEqual(['last', 'last']);
  });

  test('are not delivered again once they were all done before an acknowledge', () => {
    const all = of(2, 2, 2);
    expect(
      judged({ before: all, after: all, pending: true }, { before: all, after: all, pending: false }),
    ).toEqual(['apart', 'extra']);
  });

  test('are not delivered more often than they are', () => {
    const underWay = of(2, 1, 0);
    expect(judged({ before: underWay, after: underWay }, { before: underWay, after: underWay })).toEqual([
      'apart',
      'extra',
    ]);
  });

  test('are not delivered before any has begun', () => {
    expect(judged({ before: of(2, 0, 0), after: of(2, 0, 0) })).toEqual(['extra']);
  });
});

type Rules = {
  /** The signal that has no effect, and the acknowledge that leaves the interrupt pending; none if not given. */
  readonly drops?: number;
  readonly doubles?: number;
};

/** Devices that latch one interrupt, each once, and the vCPU that takes it until the recorded delivery is over. */
function group(signals: number, { drops, doubles }: Rules = {}): Scenario<Words> {
  const device = (which: number) => (words: Words) => {
    store(words, FIRST_SIGNAL + which, BEGUN);
    if (which !== drops) store(words, LATCH, 1);
    store(words, FIRST_SIGNAL + which, DONE);
    new EventCount(words, BELL).signal();
  };
  const vcpu = (words: Words) => {
    const bell = new EventCount(words, BELL);
    const wait = (until: () => boolean) => {
      while (!until()) {
        const ticket = bell.announce();
        if (until()) bell.withdraw();
        else bell.park(ticket);
      }
      return true;
    };
    const loose = () => {
      const states = Array.from({ length: signals }, (_, which) => load(words, FIRST_SIGNAL + which));
      const begun = states.filter((state) => state !== 0).length;
      return { signals, begun, done: states.filter((state) => state === DONE).length };
    };
    const judge = new LooseDeliveries({ loose, isPending: () => load(words, LATCH) === 1, wait }, LPI);
    for (let taken = 0, verdict: Verdict = 'apart'; verdict !== 'last'; taken++) {
      wait(() => load(words, LATCH) === 1);
      judge.before(0);
      exchange(words, LATCH, taken === doubles ? 1 : 0);
      verdict = judge.judge(0);
      if (verdict === 'extra') throw new Error('a delivery of no signal');
    }
  };
  const devices = Array.from({ length: signals }, (_, which) => [`device${which}`, device(which)] as const);
  return {
    name: `loose-deliveries-${signals}`,
    words: BELL.at + BELL.words,
    threads: { ...Object.fromEntries(devices), vcpu },
    finally(words) {
      if (load(words, LATCH) !== 0) throw new Error('over, and another delivery comes');
    },
  };
}

describe('whatever the order', () => {
  test('a machine that works is not accused, and the recorded delivery ends', () => {
    expect(passesEvery(group(2)).schedules).toBeGreaterThan(100);
  });

  test('a signal that is dropped leaves the vCPU waiting', () => {
    isCaught(group(2, { drops: 1 }), ['orphan-wait', 'deadlock']);
    isCaught(group(MOST_SIGNALS, { drops: 0 }), ['orphan-wait', 'deadlock']);
  });

  test('a delivery that is doubled is one of no signal, or comes when all is over', () => {
    isCaught(group(2, { doubles: 0 }), 'exception');
    isCaught(group(MOST_SIGNALS, { doubles: 1 }), 'exception');
  });
});
