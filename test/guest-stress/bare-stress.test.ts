import { describe, expect, test } from 'vitest';
import { type BareOptions, type GuestStressResult, runBareStress } from '../../src/guest-stress/bare.ts';
import { stressText } from '../../src/report/stress-text.ts';
import { held } from '../../src/stress/stress-result.ts';

/** A short run on two vCPUs; the driver makes hundreds of changes a second even on a busy machine. */
const SHORT: BareOptions = {
  input: { vcpus: 2, devices: 2, events: 4 },
  spis: 4,
  seconds: 1.5,
  iterations: 0,
  churn: 'heavy',
  dispatch: 'inline',
  seed: 1,
  fault: 'none',
};

describe('stress with the bare-metal guest', () => {
  test('loses nothing while its driver moves, masks and renames; guest and proof count the same', async () => {
    for (const dispatch of ['inline', 'main'] as const) {
      const result = await runBareStress({ ...SHORT, dispatch });
      expect(result.violations).toEqual([]);
      expect(held(result)).toBe(true);
      expect(result.delivered).toBeGreaterThan(100);
      expect(result.churn.moves).toBeGreaterThan(10);
      expect(result.guest).toMatchObject({ counted: result.delivered, differing: 0 });
      // The guest's own driver is not followed: no figure, rather than a zero.
      expect(result.coverage).toBeNull();
      expect(stressText(result)).not.toContain('covered by the driver');
    }
  });

  test.each(['drop-pending', 'stale-route', 'wrong-vcpu', 'double'] as const)(
    'finds the fault %s',
    async (fault) => {
      const results: GuestStressResult[] = [];
      // Each run has its chance; the fault shows within the first in nearly every case.
      for (let seed = 1; seed <= 4 && results.every(held); seed++)
        results.push(await runBareStress({ ...SHORT, seconds: 2.5, fault, seed }));
      expect(results.some((result) => !held(result))).toBe(true);
    },
  );

  test.each([
    ['inline', 'light'],
    ['main', 'none'],
  ] as const)(
    'finds a kick that is forgotten: the vCPU that was not rung is stranded; dispatch %s, churn %s',
    async (dispatch, churn) => {
      const result = await runBareStress({ ...SHORT, fault: 'drop-kick', dispatch, churn });
      expect(result.lost).toBe(0);
      expect(result.stranded).toBeGreaterThan(0);
    },
  );

  test.each(['drop-pending', 'none'] as const)(
    'tells a lost interrupt for which the driver waits from a driver that has finished: %s',
    async (fault) => {
      const result = await runBareStress({ ...SHORT, fault, churn: 'none', dispatch: 'main', seed: 2 });
      expect(result.lost > 0).toBe(fault === 'drop-pending');
    },
  );

  test('finds a driver that sends INV before it unmasks: the LPI stays masked', async () => {
    const result = await runBareStress({ ...SHORT, bug: 2 });
    expect(held(result)).toBe(false);
  });

  test('refuses a topology that the guest has no room for', async () => {
    const input = { vcpus: 17, devices: 1, events: 1 };
    await expect(runBareStress({ ...SHORT, input })).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: 'the bare-metal guest has room for 16 vCPUs, not 17',
    });
  });
});
