import { describe, expect, test } from 'vitest';
import { runFree } from '../../../src/explore/real/free.ts';
import { fixture, litmus } from './sources.ts';

describe('free threads', () => {
  test('free threads find nothing in a right program, in any meeting', async () => {
    for (const name of ['futex-correct', 'futex-mutex-3', 'store-buffer']) {
      const { scenario, source } = litmus(name);
      const result = await runFree(scenario, source, { runs: 1200, seconds: 20 });
      expect(result).toMatchObject({ executor: 'free', verdict: 'pass', runs: 1200, failures: 0, kinds: {} });
    }
  });

  test('free threads count each failure, and say how the first one failed', async () => {
    const { scenario, source } = await fixture('always-fails.mjs');
    const result = await runFree(scenario, source, { runs: 700 });
    expect(result).toMatchObject({ verdict: 'fail', runs: 700, failures: 700, kinds: { exception: 700 } });
    expect(result.first).toMatchObject({ run: 1, kind: 'exception', message: 'thrower: I always do' });
    expect(result.first?.sites[0]).toMatch(/always-fails\.mjs:9:13$/);
    const late = await fixture('every-operation.mjs');
    const ended = await runFree(late.scenario, late.source, { runs: 30 });
    expect(ended).toMatchObject({
      failures: 30,
      first: { run: 1, message: expect.stringMatching(/^after the last thread/) },
    });
  });

  test('all asleep is a deadlock, and the next run starts afresh', async () => {
    const { scenario, source } = await fixture('sleeps-for-good.mjs');
    const result = await runFree(scenario, source, { runs: 60, seconds: 20 });
    expect(result).toMatchObject({ verdict: 'fail', runs: 60, failures: 60, kinds: { deadlock: 60 } });
    expect(result.first?.message).toBe('all that have not ended sleep: a on s.words[0]; b on s.big[0]');
  });

  test('a run that never ends is given up, and its threads are replaced', async () => {
    const { scenario, source } = await fixture('never-ends.mjs');
    const result = await runFree(scenario, source, { runs: 2, hangSeconds: 0.3 });
    expect(result).toMatchObject({ verdict: 'fail', runs: 2, failures: 2, kinds: { livelock: 2 } });
    expect(result.first).toMatchObject({ run: 1, message: 'no end within 0.3 s: a' });
  });

  test('outcomes are counted', async () => {
    const { scenario, source } = await fixture('outcomes.mjs');
    const { outcomes = {}, verdict } = await runFree(scenario, source, { runs: 600 });
    expect(verdict).toBe('pass');
    expect(Object.values(outcomes).reduce((sum, times) => sum + times, 0)).toBe(600);
    expect(['0,1', '1,0', '1,1']).toEqual(expect.arrayContaining(Object.keys(outcomes)));
  });

  test('what is over in time is told from what is not', async () => {
    const { scenario, source } = litmus('futex-correct');
    const result = await runFree(scenario, source, { runs: 1e9, seconds: 0.3 });
    expect(result.verdict).toBe('unknown');
    expect(result.runs).toBeGreaterThan(0);
    expect(result.seconds).toBeLessThan(20);
  });
});
