import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Fault } from '../../../src/machine/config.ts';
import { readGuestTrace } from '../../../src/scenarios/guest-trace.ts';
import type { StressOptions } from '../../../src/scenarios/stress/build.ts';
import { held } from '../../../src/scenarios/stress/result.ts';
import { runStress } from '../../../src/scenarios/stress/run.ts';

const recording = readGuestTrace(
  fileURLToPath(new URL('../../../data/guests/linux-2cpu-virtio.jsonl.gz', import.meta.url)),
);

const options: StressOptions = {
  input: recording,
  spis: 4,
  seconds: 1.5,
  iterations: 0,
  churn: 'heavy',
  dispatch: 'inline',
  seed: 1,
  fault: 'none',
};

describe('nothing is lost, doubled or misrouted', () => {
  test.each([
    ['main', 'heavy'],
    ['inline', 'heavy'],
    ['main', 'light'],
    ['inline', 'none'],
  ] as const)('the recorded guest, dispatch %s, churn %s', async (dispatch, churn) => {
    const result = await runStress({ ...options, dispatch, churn });
    expect(result.violations).toEqual([]);
    expect(held(result)).toBe(true);
    expect(result.delivered).toBeGreaterThan(0);
    expect(result.latencyNs.count).toBeGreaterThan(0);
    expect(result.config).toMatchObject({ vcpus: 2, devices: 3, events: 8, spis: 4 });
    const { moves, routeUpdates, masks, configs, remaps } = result.churn;
    if (churn === 'heavy')
      for (const done of [moves, routeUpdates, masks, configs, remaps]) expect(done).toBeGreaterThan(0);
    if (churn === 'none') expect(moves + routeUpdates + masks + configs + remaps).toBe(0);
  });

  test('a topology with more threads than cores', async () => {
    const result = await runStress({ ...options, input: { vcpus: 8, devices: 4, events: 8 }, spis: 16 });
    expect(result.violations).toEqual([]);
    expect(result.vcpus).toHaveLength(8);
    for (const { delivered } of result.vcpus) expect(delivered).toBeGreaterThan(0);
  });

  test('so many signals of each source, and no more', async () => {
    const result = await runStress({
      ...options,
      input: { vcpus: 2, devices: 2, events: 4 },
      spis: 0,
      iterations: 100,
      seconds: 30,
    });
    expect(result.injected).toBe(2 * 4 * 100);
    expect(result.injected).toBe(result.delivered + result.coalesced);
    expect(held(result)).toBe(true);
  });

  test('an aborted run gives what was seen until then', async () => {
    const abort = new AbortController();
    const run = runStress(
      { ...options, seconds: 600 },
      { signal: abort.signal, glance: () => abort.abort() },
    );
    expect(await run).toMatchObject({ interrupted: true, lost: 0 });
  });
});

/** Each broken rule, and the counter that has to show it. */
const FAULTS = [
  ['drop-kick', 'stranded'],
  ['drop-pending', 'lost'],
  ['stale-route', 'misrouted'],
  ['wrong-vcpu', 'misrouted'],
  ['double', 'spurious'],
] as const satisfies readonly (readonly [Fault, string])[];

describe('a broken rule is noticed', () => {
  test.each(FAULTS)('%s shows as %s', async (fault, counter) => {
    const result = await runStress({ ...options, spis: 0, seconds: 2.5, fault });
    expect(held(result)).toBe(false);
    expect(result[counter]).toBeGreaterThan(0);
    const named = result.violations.find((violation) => violation.kind === counter);
    expect(named).toMatchObject({ device: expect.stringMatching(/^device\d/), intid: expect.any(Number) });
  });
});
