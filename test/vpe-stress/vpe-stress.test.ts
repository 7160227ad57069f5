/** The stress run of a GICv4.1's vPEs: on real threads with the proof, and with a broken rule. */
import { expect, test } from 'vitest';
import type { Fault } from '../../src/board/config.ts';
import { held } from '../../src/stress/index.ts';
import { runVpeStress } from '../../src/vpe-stress/index.ts';

const OPTIONS = {
  input: { vcpus: 2, devices: 2, events: 4 },
  spis: 0,
  iterations: 0,
  churn: 'heavy',
  dispatch: 'both',
  perturb: 'mixed',
  seed: 1,
} as const;

/** Runs until a violation is seen, at most so long. */
function run(fault: Fault, seconds: number) {
  const abort = new AbortController();
  return runVpeStress(
    { ...OPTIONS, fault, seconds },
    {
      signal: abort.signal,
      glance: ({ violations }) => {
        if (violations > 0) abort.abort();
      },
    },
  );
}

test('vLPIs and vSGIs of more vPEs than vCPUs are all taken, while vPEs and events move and doorbells wake vPEs', async () => {
  const result = await run('none', 1.2);
  expect(result.violations).toEqual([]);
  expect(held(result)).toBe(true);
  expect(result.config).toMatchObject({ eventsAs: 'vlpi', events: 8, spis: 0 });
  expect(result.delivered).toBeGreaterThan(0);
  expect(result.vpes).toMatchObject({ vpes: 5, vsgis: 8 });
  const { residencies = 0, sleeps = 0, doorbells = 0 } = result.vpes ?? {};
  expect(residencies).toBeGreaterThanOrEqual(sleeps);
  expect(sleeps).toBeGreaterThanOrEqual(doorbells);
  expect(doorbells).toBeGreaterThan(0);
}, 60_000);

test('where a doorbell rings twice now and then, the run finds it', async () => {
  const result = await run('double', 20);
  expect(held(result)).toBe(false);
  expect(result.violations[0]).toMatchObject({ kind: 'spurious', source: -1 });
}, 60_000);

test('where a doorbell is forgotten, the run finds a vPE that sleeps on', async () => {
  const result = await run('drop-pending', 20);
  expect(held(result)).toBe(false);
  expect(result.violations[0]?.kind).toMatch(/stranded|lost/);
}, 60_000);

test('more events than the vLPIs of a vPE are refused', async () => {
  const wide = {
    ...OPTIONS,
    input: { vcpus: 2, devices: 50, events: 9 },
    fault: 'none',
    seconds: 1,
  } as const;
  await expect(runVpeStress(wide)).rejects.toThrow('room for 448 events, a vLPI each, not 450');
});
