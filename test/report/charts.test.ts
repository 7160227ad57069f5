import { describe, expect, test } from 'vitest';
import { elapsed, linear } from '../../src/report/html/axis.ts';
import { tableCard } from '../../src/report/html/figure.ts';
import { horizontalAxis } from '../../src/report/html/frame.ts';
import { DELIVERIES, type HeatMap, heatMap } from '../../src/report/html/heat-map.ts';
import { pairsMaps } from '../../src/report/stress-pairs.ts';
import { stepsOf } from '../../src/report/stress-time-line.ts';
import { rate } from '../../src/report/units.ts';
import type { StressResult } from '../../src/stress/stress-result.ts';

describe('a heat map', () => {
  const map = (values: readonly (number | null)[]): HeatMap => ({
    id: 'map',
    title: 'Map',
    text: 'Of something.',
    scale: DELIVERIES,
    rowName: 'device',
    columnName: 'vCPU',
    cells: values.map((value, column) => ({ row: 0, column, value, further: ['1 µs'] })),
    further: ['p50'],
  });
  const shades = (html: string) =>
    [...html.matchAll(/class="(?:fill (s\d)|(hole))"/g)].map(([, a, b]) => a ?? b);

  test('a heat map goes from the first shade to the last by the logarithm', () => {
    expect(shades(heatMap(map([1, 10, 100, 1000])))).toEqual(['s0', 's2', 's4', 's6']);
  });

  test('a heat map shows nearly equal values in its middle shades', () => {
    expect(shades(heatMap(map([100, 101, 100])))).toEqual(['s3', 's3', 's3']);
    expect(heatMap(map([100, 101]))).toContain('100 to 101</li>');
    expect(heatMap(map([100, 900]))).toContain('few: 100</li>');
  });

  test('a heat map leaves zeros and unknown values empty, and says so', () => {
    const html = heatMap(map([5, 0, null]));
    expect(shades(html)).toEqual(['s3', 'hole', 'hole']);
    expect(html).toContain('<title>device 0, vCPU 1: delivered 0, p50 1 µs</title>');
    expect(html).toContain('<title>device 0, vCPU 2: delivered –, p50 1 µs</title>');
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
    expect(heatMap(map([0, 0]))).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('the map of a stress run with many vCPUs and devices', () => {
  /** Cell (vcpu, device) got `vcpu + 1` deliveries. */
  const resultOf = (vcpus: number, devices: number) =>
    ({
      vcpus: Array.from({ length: vcpus }, (_, vcpu) => ({
        devices: Array.from({ length: devices }, () => ({ delivered: vcpu + 1, latencyNs: null })),
      })),
      devices: Array.from({ length: devices }, () => ({})),
    }) as unknown as StressResult;
  const firstMap = (result: StressResult) => pairsMaps(result)[0] ?? '';
  const said = (html: string) =>
    [...html.matchAll(/<title>(device [^<]*)<\/title>/g)].map(([, text]) => text);

  test('the map of many vCPUs and devices has neighbours share a cell, and loses none of them', () => {
    const cells = said(firstMap(resultOf(70, 40)));
    expect(cells).toHaveLength(24 * 20);
    expect(cells[0]).toBe('device 0–1, vCPU 0–2: delivered 12');
    // The last column has one vCPU left: 69.
    expect(cells.at(-1)).toBe('device 38–39, vCPU 69: delivered 140');
    const sum = cells.reduce(
      (all, text = '') => all + Number(text.replace(/.*delivered /, '').replace(',', '')),
      0,
    );
    expect(sum).toBe((40 * 70 * 71) / 2);
  });

  test('the map of few vCPUs and devices has a cell for each pair', () => {
    expect(said(firstMap(resultOf(3, 2)))).toHaveLength(6);
    expect(firstMap(resultOf(3, 2))).not.toContain('Neighbours');
    expect(firstMap(resultOf(33, 2))).toContain('Neighbours');
  });
});

describe('the steps of a time line', () => {
  const at = (...seconds: number[]) =>
    seconds.map((s) => ({ seconds: s, injected: 100 * s, delivered: 10 * s }));
  const times = (...seconds: number[]) => stepsOf(at(...seconds)).map((step) => step.seconds);

  test('a tiny step at the end becomes part of the step before', () => {
    expect(times(0.25, 0.5, 0.75, 1, 1.01)).toEqual([0.25, 0.5, 0.75, 1.01]);
    expect(times(0.25, 0.5, 0.75, 0.9)).toEqual([0.25, 0.5, 0.75, 0.9]);
  });

  test('a moment right behind a late moment becomes part of its step', () => {
    expect(times(0.25, 0.6, 0.61, 0.86, 1.11)).toEqual([0.25, 0.6, 0.86, 1.11]);
  });

  test('a long run has no more than a line can show, and ends where it ended', () => {
    const long = times(...Array.from({ length: 4 * 3600 }, (_, index) => (index + 1) / 4));
    expect(long.length).toBeLessThanOrEqual(240);
    expect(long.at(-1)).toBe(3600);
  });

  test('a run that is over at once has one step', () => {
    expect(times(0.05)).toEqual([0.05]);
    expect(times()).toEqual([]);
  });
});

describe('axes', () => {
  test('the axis of a run ends with the run, the axis of a scale at a round number', () => {
    expect(elapsed(4.003, [0, 400], String).at(4.003)).toBeCloseTo(400);
    expect(elapsed(4.003, [0, 400], String).ticks.map(({ text }) => text)).toEqual(['0', '1', '2', '3', '4']);
    expect(linear(4.003, [0, 400], String, 5).at(4.003)).toBeCloseTo(320.2, 0);
  });

  test('marks have no more digits than they need', () => {
    expect(linear(7_400, [0, 1], rate).ticks.map(({ text }) => text)).toEqual([
      '0',
      '2 k/s',
      '4 k/s',
      '6 k/s',
      '8 k/s',
    ]);
    expect(linear(2_000, [0, 1], rate).ticks.map(({ text }) => text)).toContain('1.5 k/s');
  });

  test('marks that would touch are left out, the last one never, and none leaves the chart', () => {
    const plot = { left: 0, right: 400, top: 0, bottom: 100 };
    const axis = (places: readonly number[]) => ({
      at: (x: number) => x,
      ticks: places.map((value) => ({ value, text: '57,344' })),
    });
    const written = (places: readonly number[]) =>
      [...horizontalAxis(axis(places), plot).matchAll(/<text x="([\d.]+)"/g)].map(([, x]) => Number(x));
    expect(written([0, 200, 400])).toEqual([0, 200, 389.2]);
    expect(written([0, 30, 200, 360, 400])).toEqual([0, 200, 389.2]);
  });
});

test('a table of more than 50 rows is folded, and a shorter one is not', () => {
  const card = (rows: number) =>
    tableCard('windows', 'Windows', 'All.', {
      head: ['window'],
      rows: Array.from({ length: rows }, (_, row) => [`window ${row}`]),
    });
  expect(card(51)).toContain('<details><summary>51 rows</summary>');
  expect(card(51).match(/<tr>/g)).toHaveLength(52);
  expect(card(50)).not.toContain('<details>');
});
