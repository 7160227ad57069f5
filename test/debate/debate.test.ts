import { describe, expect, test } from 'vitest';
import { measureInjection } from '../../src/debate/debate-measure.ts';
import type { CompareResult } from '../../src/debate/debate-result.ts';
import { runCompare } from '../../src/debate/debate-run.ts';
import { measureFates, measureUpdates } from '../../src/debate/update-costs.ts';
import { compareFindings } from '../../src/report/compare-findings.ts';
import { compareHtml } from '../../src/report/compare-html.ts';
import { compareText } from '../../src/report/compare-text.ts';

const topology = { vcpus: 1, devices: 1, events: 4 };

describe('what a design costs', () => {
  test('a table costs nothing where the irqfd remembers the LPI, and by its cached route two loads', () => {
    const [merged, direct] = [measureInjection('merged'), measureInjection('direct')];
    expect(merged.injection).toMatchObject({ ...direct.injection, ns: expect.any(Number) });
    expect(merged.byRoute.loads - direct.byRoute.loads).toBe(2);
    expect(merged.byRoute.loads - merged.injection.loads).toBeGreaterThan(2);
    expect([merged.byRoute.stores, merged.byRoute.updates]).toEqual([
      direct.byRoute.stores,
      direct.byRoute.updates,
    ]);
  });

  test('a table is handed over whole, a call is not', () => {
    const [merged] = measureUpdates('merged', [64]);
    expect(merged).toMatchObject({
      vectors: 64,
      maskByIrqFd: { calls: 2, entries: 0 },
      maskByRoute: { calls: 2, entries: 95 + 96 },
      reroute: { calls: 1, entries: 96 },
    });
    const [direct] = measureUpdates('direct', [64]);
    expect(direct).toMatchObject({ maskByRoute: null, reroute: { calls: 2, entries: 0 } });
  });

  test('no more vectors than the design can have: SPIs without a table, routes with one', () => {
    expect(measureUpdates('unrouted', [1024, 4096]).map(({ vectors }) => vectors)).toEqual([988]);
    expect(measureUpdates('rfc', [4096]).map(({ vectors }) => vectors)).toEqual([4064]);
  });
});

describe('the fate of signals during a change', () => {
  test('masked by the route they are lost, masked by the irqfd they are late', () => {
    const { maskByIrqFd, maskByRoute } = measureFates('merged', 12);
    expect(maskByIrqFd).toMatchObject({ moments: 12, lost: 0, gaps: [{ by: 'old', late: true }] });
    expect(maskByRoute?.gaps).toEqual([{ by: 'none', late: false }]);
  });

  test.each(['unrouted', 'direct', 'msi-spi'] as const)(
    '%s loses none, by the old name or the new',
    (abi) => {
      const { reroute } = measureFates(abi, 16);
      expect(reroute).toMatchObject({ lost: 0, both: 0 });
      expect(reroute.old + reroute.new).toBe(reroute.moments);
    },
  );
});

describe('a comparison', () => {
  let result: CompareResult;

  test('has figures of both dispatches for each design, each measured twice', async () => {
    result = await runCompare({ ...topology, abi: ['direct', 'merged'], seconds: 1.5 });
    expect(result.designs.map(({ name }) => name)).toEqual(['direct', 'merged']);
    for (const { dispatch } of result.designs) {
      for (const how of [dispatch.main, dispatch.inline]) {
        expect(how.violations).toBe(0);
        expect(how.latencyNs.count).toBeGreaterThan(0);
        expect(how.perSecond).toBeGreaterThan(0);
        expect(how.toCalibration).toBeGreaterThan(0);
      }
    }
    expect(result.designs[0]?.dispatch.inline.passes).toHaveLength(2);
    expect(result.noise?.inline.latency).toBeGreaterThanOrEqual(1);
    expect(compareText(result)).toMatch(/direct +\(D\) +LPI/);
    expect(compareHtml(result)).toContain('<title>The designs of the debate, compared');
    for (const steady of [true, false]) {
      const as: CompareResult = { ...result, calibration: { ...result.calibration, steady } };
      expect(compareHtml(as).includes('the machine was unsteady')).toBe(!steady);
      expect(compareFindings(as).join().includes('(unsteady)')).toBe(!steady);
    }
  });

  test('the findings follow the figures', () => {
    const [direct, merged] = result.designs;
    if (!direct || !merged) throw new Error('no figures');
    const slow = structuredClone(merged) as { injection: { loads: number } };
    slow.injection.loads += 100;
    const findings = (designs: unknown) =>
      compareFindings({ ...result, designs } as CompareResult).join('\n');
    expect(findings([direct, merged])).toContain('makes 0 loads more');
    expect(findings([direct, slow])).toContain('makes 100 loads more');
    expect(findings([direct, slow])).toContain('paid with each signal');
    const slower = structuredClone(merged) as { dispatch: { inline: { latencyNs: { p50: number } } } };
    slower.dispatch.inline.latencyNs.p50 *= 1e9;
    expect(findings([direct, slower])).toContain('more than can be explained');
    expect(findings([direct])).not.toContain('With a table');
    // The cost of the main thread is judged over all designs, in whichever order they were measured.
    const through = (p50s: readonly (readonly [number, number])[]) =>
      p50s.map(([inline, main], index) => {
        const design = structuredClone(index === 0 ? direct : merged) as unknown as {
          dispatch: Record<'inline' | 'main', { latencyNs: { p50: number } }>;
        };
        design.dispatch.inline.latencyNs.p50 = inline;
        design.dispatch.main.latencyNs.p50 = main;
        return design;
      });
    const cheap = through([
      [100, 400],
      [100, 110],
    ]);
    for (const designs of [cheap, cheap.toReversed()])
      expect(findings(designs)).toMatch(
        /matters more than the choice of a design: .* 1\.1\d* × as long as inline in merged, and 4\S* × in direct\./,
      );
    const apart = through([
      [100, 110],
      [1000, 1200],
    ]);
    expect(findings(apart)).toContain('matters less than the choice of a design');
    expect(findings([])).toBe('');
  });

  test('that is interrupted has what was done', async () => {
    const abort = new AbortController();
    abort.abort();
    const early = await runCompare({ ...topology, abi: ['merged'], seconds: 60 }, { signal: abort.signal });
    expect(early).toMatchObject({ interrupted: true, designs: [], noise: null });
  });
});
