import { describe, expect, test } from 'vitest';
import { isFaithful } from '../../../src/recorded/replay/replay-result.ts';
import { replayThreaded } from '../../../src/recorded/replay/threaded-replay.ts';
import { readGuestTrace } from '../../../src/recorded/trace/guest-trace.ts';
import { handMade, RECORDING, renumbered, variant } from '../recordings.ts';

describe('on real threads', () => {
  test('the recorded guest: the same deliveries, whatever the seed', async () => {
    const result = await replayThreaded(readGuestTrace(RECORDING), { seed: 11, runs: 3 });
    expect(result.differences).toEqual([]);
    expect(isFaithful(result)).toBe(true);
    expect(result).toMatchObject({ delivered: 3663, msis: 1660, reads: { checked: 364, differ: 0 } });
    expect(result.runs).toHaveLength(3);
    for (const run of result.runs ?? [])
      expect(run).toMatchObject({
        delivered: 3663,
        extras: 0,
        undone: 0,
        acknowledges: { checked: 3663, differ: 0 },
      });
    // The threads are free, and make use of it.
    expect(Math.max(...(result.runs ?? []).map(({ reordered }) => reordered))).toBeGreaterThan(0);
  });

  test('other devices and LPIs', async () => {
    const result = await replayThreaded(renumbered(), { seed: 5, runs: 1 });
    expect(result).toMatchObject({ differences: [], delivered: 3663 });
  });

  test.each([3, 4])(
    'a guest written by hand for %i vCPUs: signals that coalesce, that move, that go to no vCPU',
    async (cpus) => {
      const result = await replayThreaded(handMade(cpus), { seed: 77, runs: 2 });
      expect(result.differences).toEqual([]);
      expect(isFaithful(result)).toBe(true);
      expect(result.delivered).toBeGreaterThan(300);
    },
  );
});

describe('a wrong machine or recording is found on threads', () => {
  test.each([
    ['drop-pending', renumbered()],
    ['double', handMade(3)],
    ['wrong-vcpu', handMade(3)],
  ] as const)('a machine with the fault %s', async (fault, guest) => {
    const result = await replayThreaded(guest, { seed: 3, runs: 1, fault, patienceMs: 1000 });
    expect(isFaithful(result)).toBe(false);
  });

  test('a recording that is wrong is not run on threads at all', async () => {
    const altered = variant((line) =>
      line.op === 'iar' && line.intid === 8193 ? { ...line, intid: 8192 } : line,
    );
    const result = await replayThreaded(altered, { seed: 1, runs: 3 });
    expect(result.runs).toEqual([]);
    expect(result.acknowledges.differ).toBeGreaterThan(0);
    expect(isFaithful(result)).toBe(false);
  });
});
