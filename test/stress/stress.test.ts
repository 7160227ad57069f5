import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Fault } from '../../src/board/config.ts';
import { PERTURBATIONS } from '../../src/memory/perturbation/timing.ts';
import { readGuestTrace } from '../../src/recorded/trace/guest-trace.ts';
import { recordedWorkload, shapeOf } from '../../src/recorded/workload.ts';
import type { ViolationKind } from '../../src/stress/proof.ts';
import { buildStress, type StressOptions } from '../../src/stress/stress-build.ts';
import { held, type StressDetail, type StressResult } from '../../src/stress/stress-result.ts';
import { runStress, type StressGlance } from '../../src/stress/stress-run.ts';
import { DESIGN_NAMES } from '../../src/vmm/design.ts';
import { DESIGNS } from '../../src/vmm/designs.ts';

const recording = readGuestTrace(
  fileURLToPath(new URL('../../data/guests/linux-2cpu-virtio.jsonl.gz', import.meta.url)),
);

const options: StressOptions = {
  input: recordedWorkload(recording),
  spis: 4,
  lines: 'irq-line',
  abi: 'merged',
  seconds: 1.5,
  iterations: 0,
  churn: 'heavy',
  dispatch: 'inline',
  perturb: 'mixed',
  seed: 1,
  fault: 'none',
};

/** Runs until the run has the counts that `seen` asks for, on any busy machine; 60 s at most. */
async function runUntil(
  options: StressOptions,
  seen: (detail: StressDetail) => boolean,
): Promise<StressResult> {
  const abort = new AbortController();
  const glance = ({ detail }: StressGlance) => {
    if (seen(detail())) abort.abort();
  };
  return runStress({ ...options, seconds: 60 }, { signal: abort.signal, glance });
}

const wasDelivered = ({ devices }: StressDetail) => devices.every(({ delivered }) => delivered > 0);

describe('no interrupt is lost, doubled or misrouted', () => {
  test.each([
    ['main', 'heavy'],
    ['inline', 'heavy'],
    ['main', 'light'],
    ['inline', 'none'],
  ] as const)('the recorded guest, dispatch %s, churn %s', async (dispatch, churn) => {
    const kinds = churn === 'heavy' ? (['moves', 'routeUpdates', 'masks', 'configs', 'remaps'] as const) : [];
    const result = await runUntil(
      { ...options, dispatch, churn },
      (detail) =>
        kinds.every((kind) => detail.churn[kind] > 0) &&
        (churn === 'none' || detail.stillPhases > 0) &&
        wasDelivered(detail),
    );
    expect(result.violations).toEqual([]);
    expect(held(result)).toBe(true);
    expect(result.delivered).toBeGreaterThan(0);
    expect(result.latencyNs.count).toBeGreaterThan(0);
    expect(result.config).toMatchObject({ vcpus: 2, devices: 3, events: 8, spis: 4 });
    const { moves, routeUpdates, masks, configs, remaps } = result.churn;
    if (churn === 'heavy')
      for (const done of [moves, routeUpdates, masks, configs, remaps]) expect(done).toBeGreaterThan(0);
    if (churn === 'none') expect(moves + routeUpdates + masks + configs + remaps).toBe(0);
    expect(result.sgis === null).toBe(churn === 'none');
    expect(result.stillness === null).toBe(churn === 'none');
    if (result.sgis) expect(result.sgis.delivered).toBeGreaterThan(0);
  });

  test.each(PERTURBATIONS)('delays: %s', async (perturb) => {
    const result = await runStress({ ...options, spis: 8, lines: 'both', perturb });
    expect(result.violations).toEqual([]);
    expect(result.config.perturb).toBe(perturb);
    if (perturb === 'off') expect(result.perturbation).toBeNull();
    else expect(result.perturbation?.delays).toBeGreaterThan(0);
    expect(Atomics.load.toString()).toContain('native code');
  });

  test.each([4, 1])(
    'with guests of %i list registers, which are too few now and then',
    async (listRegisters) => {
      const input = { vcpus: 2, devices: 2, events: 6 };
      const result = await runStress({ ...options, input, spis: 8, listRegisters, seconds: 4 });
      expect(result).toMatchObject({
        lost: 0,
        misrouted: 0,
        spurious: 0,
        stranded: 0,
        config: { listRegisters },
      });
      expect(result.listRegisters?.overflows).toBeGreaterThan(0);
      expect(result.listRegisters?.maintenance).toBeGreaterThan(0);
    },
  );

  test('in a topology of two ITSes', async () => {
    const input = { vcpus: 2, devices: 3, events: 4, itses: 2 };
    const result = await runStress({ ...options, input, spis: 4 });
    expect(result.violations).toEqual([]);
    expect(result.rules).toMatchObject({ broken: 0 });
    expect(result.config.itses).toBe(2);
    for (const { delivered } of result.devices) expect(delivered).toBeGreaterThan(0);
  });

  test('in a topology with more threads than cores', async () => {
    const result = await runStress({ ...options, input: { vcpus: 8, devices: 4, events: 8 }, spis: 16 });
    expect(result.violations).toEqual([]);
    expect(result.vcpus).toHaveLength(8);
    for (const { delivered } of result.vcpus) expect(delivered).toBeGreaterThan(0);
  });

  test('--iterations bounds the signals of each source', async () => {
    const result = await runStress({
      ...options,
      input: { vcpus: 2, devices: 2, events: 4 },
      spis: 0,
      iterations: 100,
      seconds: 30,
    });
    expect(result.injected).toBe(2 * 4 * 100);
    expect(result.injected + result.raised).toBe(result.delivered + result.coalesced);
    expect(held(result)).toBe(true);
  });

  test('an aborted run gives the counts so far', async () => {
    const abort = new AbortController();
    const run = runStress(
      { ...options, seconds: 600 },
      { signal: abort.signal, glance: () => abort.abort() },
    );
    expect(await run).toMatchObject({ interrupted: true, lost: 0 });
  });

  test('an aborted run gives its result before its threads have ended', async () => {
    const abort = new AbortController();
    const ports = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    const early: { result: StressResult; ports: number }[] = [];
    const result = await runStress(
      { ...options, seconds: 60 },
      {
        signal: abort.signal,
        glance: () => abort.abort(),
        ended: (result) => early.push({ result, ports: ports() }),
      },
    );
    expect(early).toHaveLength(1);
    expect(early[0]?.result).toBe(result);
    expect(early[0]?.ports).toBeGreaterThan(ports());
  });
});

describe('every design of the debate keeps its promises', () => {
  test.each(DESIGN_NAMES)('%s, with wires of both kinds', async (abi) => {
    const lpis = DESIGNS[abi].msi === 'lpi';
    const input = lpis ? options.input : shapeOf(recording);
    const kinds = ['moves', 'routeUpdates', 'masks'] as const;
    const result = await runUntil(
      { ...options, input, abi, spis: 6, lines: 'resample' },
      (detail) => kinds.every((kind) => detail.churn[kind] > 0) && wasDelivered(detail),
    );
    expect(result.violations).toEqual([]);
    expect(result.config).toMatchObject({ abi, eventsAs: lpis ? 'lpi' : 'spi', lines: 'resample' });
    expect(result.delivered).toBeGreaterThan(0);
    const { moves, routeUpdates, masks } = result.churn;
    for (const done of [moves, routeUpdates, masks]) expect(done).toBeGreaterThan(0);
    expect(result.lines).toMatchObject({ lines: 2, shared: 1, stuck: 0, lostLevels: 0 });
  });

  test('a design without a way to the ITS refuses a recorded guest, and more events than the GIC has SPIs', () => {
    expect(() => buildStress({ ...options, abi: 'unrouted' })).toThrow(/no irqfd leads to the ITS/);
    const input = { vcpus: 1, devices: 2, events: 500 };
    expect(() => buildStress({ ...options, input, abi: 'msi-spi' })).toThrow(/1000 events and 4 wires/);
  });
});

/** Each broken rule, and the counter that has to show it. */
const FAULTS = [
  ['drop-kick', 'stranded'],
  ['drop-pending', 'lost'],
  ['stale-route', 'misrouted'],
  ['wrong-vcpu', 'misrouted'],
  ['double', 'spurious'],
] as const satisfies readonly (readonly [Fault, ViolationKind])[];

describe('a run with a broken rule fails', () => {
  test.each(['drop-kick', 'drop-pending', 'wrong-vcpu'] as const)(
    '%s, of guests with list registers',
    async (fault) => {
      const input = { vcpus: 2, devices: 2, events: 6 };
      const result = await runUntil({ ...options, input, listRegisters: 4, fault }, ({ violations }) =>
        Object.values(violations).some((count) => count > 0),
      );
      expect(held(result)).toBe(false);
    },
  );

  test('lost-ack shows as a line that vCPUs take again and again', async () => {
    const input = { vcpus: 2, devices: 2, events: 1 };
    const lines = { lines: 'resample', spis: 8 } as const;
    const result = await runStress({ ...options, input, ...lines, seconds: 1.5, fault: 'lost-ack' });
    expect(result.spurious).toBeGreaterThan(0);
    expect(result.lines?.mostIdleInARow).toBeGreaterThan(14);
  });

  test.each(FAULTS)('%s shows as %s', async (fault, counter) => {
    const result = await runStress({ ...options, spis: 0, seconds: 2.5, fault });
    expect(held(result)).toBe(false);
    expect(result[counter]).toBeGreaterThan(0);
    const named = result.violations.find(({ kind }) => kind === counter);
    // An SGI is no device's.
    const device = (named?.intid ?? 0) < 32 ? 'none' : expect.stringMatching(/^device\d/);
    expect(named).toMatchObject({ device, intid: expect.any(Number) });
  });

  test.each([
    ['inline', 'heavy'],
    ['main', 'light'],
  ] as const)(
    'stale-route, on a topology with few signals of each source, dispatch %s, churn %s',
    async (dispatch, churn) => {
      const input = { vcpus: 4, devices: 4, events: 16 };
      const result = await runStress({
        ...options,
        input,
        spis: 0,
        dispatch,
        churn,
        seconds: 2.5,
        fault: 'stale-route',
      });
      expect(result.misrouted).toBeGreaterThan(0);
    },
  );
});
