import { describe, expect, test } from 'vitest';
import { loadReplay, replayTrace } from '../../../src/recorded/replay/replay.ts';
import { Planner } from '../../../src/recorded/replay/replay-plan.ts';
import { isFaithful } from '../../../src/recorded/replay/replay-result.ts';
import { replayThreaded } from '../../../src/recorded/replay/threaded-replay.ts';
import { randomGuest } from '../random-guest.ts';

const SEEDS = (process.env.RANDOM_GUESTS ?? '1,2,3,4').split(',').map(Number);

describe('random guests', () => {
  test.each(SEEDS)('seed %i: event by event and on threads', async (seed) => {
    const guest = randomGuest({ seed, cpus: 2 + (seed % 3), steps: 600, splitEnds: seed % 4 === 3 });
    const single = replayTrace(guest);
    expect(single.differences).toEqual([]);
    expect(single.delivered).toBeGreaterThan(40);
    const threaded = await replayThreaded(guest, { seed, runs: 2, patienceMs: 3000 });
    expect(threaded.differences).toEqual([]);
    expect(isFaithful(threaded)).toBe(true);
    expect(threaded.delivered).toBe(single.delivered);
  });

  test.each(SEEDS)('seed %i: mostly MSIs and INT commands that coalesce', async (seed) => {
    const guest = randomGuest({ seed, cpus: 2 + (seed % 3), steps: 600, ints: true });
    const single = replayTrace(guest);
    expect(single.differences).toEqual([]);
    const { machine, packed } = loadReplay(guest);
    expect(new Planner(machine, guest, packed).plan().script.loose.length).toBeGreaterThan(0);
    const threaded = await replayThreaded(guest, { seed, runs: 2, patienceMs: 3000 });
    expect(threaded.differences).toEqual([]);
    expect(isFaithful(threaded)).toBe(true);
    expect(threaded.delivered).toBe(single.delivered);
  });
});
