/** Whether a thread that waits polls or sleeps: the way in which it gets more done. */
import { describe, expect, test } from 'vitest';
import { PollChoice } from '../../src/base/poll-choice.ts';

const MOST_NS = 200_000;
const MS = 1e6;

/** A thread that works and waits in turn for `ms`: how long a wait takes with a poll and without; the share of its time that it polled. */
function play(choice: PollChoice, ms: number, from: number, waitNs: { polls: number; sleeps: number }) {
  let [now, work, polled] = [from, 0, 0];
  for (const end = from + ms * MS; now < end; work++) {
    const isPolling = choice.pollNs > 0;
    const waited = isPolling ? waitNs.polls : waitNs.sleeps;
    now += waited + 2_000;
    if (isPolling) polled += waited + 2_000;
    choice.waited(now, waited, work);
  }
  return { now, share: polled / (now - from), waits: work };
}

describe('the choice between polling and sleeping', () => {
  test('a thread whose polls are answered at once goes on polling', () => {
    const { share } = play(new PollChoice(MOST_NS), 5_000, 1, { polls: 1_000, sleeps: 20_000 });
    expect(share).toBeGreaterThan(0.95);
  });

  test('a thread whose polls keep the other from running comes to sleep', () => {
    const choice = new PollChoice(MOST_NS);
    const { now } = play(choice, 1_000, 1, { polls: 215_000, sleeps: 15_000 });
    expect(play(choice, 5_000, now, { polls: 215_000, sleeps: 15_000 }).share).toBeLessThan(0.1);
  });

  test('a thread that began by sleeping polls within two seconds where that is better', () => {
    const choice = new PollChoice(MOST_NS, false);
    const { now } = play(choice, 2_000, 1, { polls: 1_000, sleeps: 20_000 });
    expect(play(choice, 1_000, now, { polls: 1_000, sleeps: 20_000 }).share).toBeGreaterThan(0.9);
  });

  test('a host that was busy and is quiet again is polled on again', () => {
    const choice = new PollChoice(MOST_NS);
    let { now } = play(choice, 1_000, 1, { polls: 1_000, sleeps: 20_000 });
    ({ now } = play(choice, 500, now, { polls: 215_000, sleeps: 60_000 }));
    ({ now } = play(choice, 2_000, now, { polls: 1_000, sleeps: 20_000 }));
    expect(play(choice, 1_000, now, { polls: 1_000, sleeps: 20_000 }).share).toBeGreaterThan(0.9);
  });

  test('after a wait much longer than a poll the next one sleeps, and of eight such waits one polls', () => {
    const choice = new PollChoice(MOST_NS);
    const polls: boolean[] = [];
    for (let wait = 1; wait <= 16; wait++) {
      choice.waited(wait * 10 * MS, 9 * MS, wait);
      polls.push(choice.pollNs > 0);
    }
    expect(polls.map((poll, index) => (poll ? index + 1 : 0)).filter((wait) => wait > 0)).toEqual([8, 16]);
    choice.waited(170 * MS, 1_000, 17);
    expect(choice.pollNs).toBe(MOST_NS);
  });

  test('a thread that has next to nothing to do does not change its way', () => {
    const choice = new PollChoice(MOST_NS);
    for (let wait = 1; wait <= 200; wait++) {
      choice.waited(wait * 20 * MS, 1_000, wait);
      expect(choice.pollNs).toBe(MOST_NS);
    }
  });

  test('polls of at most 0 ns are none', () => {
    const { share } = play(new PollChoice(0), 3_000, 1, { polls: 1_000, sleeps: 20_000 });
    expect(share).toBe(0);
  });
});
