import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { parseLog } from '../../src/measure/hdr-log.ts';
import type { LatencyResult } from '../../src/measuring/latency/latency-result.ts';
import type { ScaleResult } from '../../src/measuring/scale/scale-result.ts';
import { irqloom } from './run.ts';

/** Six boots, each with its calibration: on a machine that is busy with other tests these take minutes. */
const BOUND_MS = 240_000;
vi.setConfig({ testTimeout: BOUND_MS + 5_000 });

const measured = (args: readonly string[]) => irqloom(args, undefined, {}, process.cwd(), BOUND_MS);

const folder = mkdtempSync(join(tmpdir(), 'irqloom-latency-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

/** Two paths, in 16 blocks each, on six machines. */
const MEASURE = [
  'latency',
  '--source',
  'irqfd,sgi',
  '--dispatch',
  'inline',
  '--waiting',
  'parked',
  '-n',
  '1024',
];

describe('irqloom latency', () => {
  test('latency prints the promised result, and writes every file', async () => {
    const files = [
      '--report',
      at('r.html'),
      '--trace',
      at('t.json'),
      '--hgrm',
      at('x.hgrm'),
      '--hdr-log',
      at('x.hlog'),
    ];
    const { status, stdout, stderr } = await measured([...MEASURE, '--json', ...files]);
    expect(status, stderr).toBe(0);
    writeFileSync(at('a.json'), stdout);
    const result = JSON.parse(stdout) as LatencyResult;
    expect(result).toMatchObject({ schemaVersion: 1, command: 'latency' });
    expect(result.clock).toEqual({ costNs: expect.any(Number), resolutionNs: expect.any(Number) });
    expect(result.calibration).toMatchObject({
      spinNs: { p50: expect.any(Number), p99: expect.any(Number) },
      parkNs: { p50: expect.any(Number), p99: expect.any(Number) },
      waitAsyncNs: expect.any(Number),
      postMessageNs: expect.any(Number),
      comlinkNs: expect.any(Number),
      steady: expect.any(Boolean),
    });
    expect(result.paths.map(({ source }) => source)).toEqual(['irqfd', 'sgi']);
    for (const path of result.paths) {
      expect(path).toMatchObject({ dispatch: 'inline', waiting: 'parked', unpaired: 0 });
      // On a busy machine a block ends by its time.
      expect(path.count).toBeGreaterThan(0);
      expect(path.count).toBeLessThanOrEqual(1024);
      expect(Object.keys(path.latencyNs)).toEqual(['p50', 'p90', 'p99', 'p999', 'max']);
      expect(Object.keys(path.stagesNs)).toEqual([
        'routed',
        'pending',
        'woken',
        'acknowledged',
        'handled',
        'ended',
      ]);
      expect(path.ratio.toCalibration).toBeGreaterThan(0);
    }
    expect(readFileSync(at('r.html'), 'utf8')).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
    expect(JSON.parse(readFileSync(at('t.json'), 'utf8')).traceEvents.length).toBeGreaterThan(100);
    const log = parseLog(readFileSync(at('x.hlog'), 'utf8'));
    expect(log.intervals.map(({ tag, distribution }) => [tag, distribution.total])).toEqual([
      ['irqfd-inline-parked', result.paths[0]?.count],
      ['sgi-inline-parked', result.paths[1]?.count],
    ]);
    expect(readFileSync(at('x.irqfd-inline-parked.hgrm'), 'utf8')).toContain('TotalCount');
    expect(existsSync(at('x.sgi-inline-parked.hgrm'))).toBe(true);
  });

  /** Writes the saved run with every block as many times as slow. */
  function writeScaled(name: string, by: number): void {
    const result = JSON.parse(readFileSync(at('a.json'), 'utf8')) as LatencyResult;
    const paths = result.paths.map((path) => ({
      ...path,
      blocks: path.blocks.map(({ boot, count, p50, p99 }) => ({
        boot,
        count,
        p50: p50 * by,
        p99: p99 * by,
      })),
    }));
    writeFileSync(at(name), JSON.stringify({ ...result, paths }));
  }

  test('latency fails against a baseline that was a thousand times faster', async () => {
    writeScaled('fast.json', 1e-3);
    const past = await measured([...MEASURE, '--baseline', at('fast.json')]);
    expect(past.status, past.stderr).toBe(1);
    expect(past.stdout).toContain('2 regressions past 10 %');
  });

  test('latency holds against a baseline that was a thousand times slower', async () => {
    writeScaled('slow.json', 1e3);
    const within = await measured([...MEASURE, '--baseline', at('slow.json')]);
    expect(within.status, within.stderr).toBe(0);
    expect(within.stdout).toContain('no regression');
  });

  test('--require-steady ends with 3 where the machine changed, and otherwise changes nothing', async () => {
    const result = JSON.parse(readFileSync(at('a.json'), 'utf8')) as LatencyResult;
    const saved = (name: string, steady: boolean) =>
      writeFileSync(at(name), JSON.stringify({ ...result, calibration: { ...result.calibration, steady } }));
    saved('steady.json', true);
    saved('shaky.json', false);
    const compare = (b: string, ...words: string[]) =>
      irqloom(['compare-runs', at('steady.json'), at(b), ...words]);
    expect((await compare('steady.json', '--require-steady')).status).toBe(0);
    expect((await compare('shaky.json')).status).toBe(0);
    const { status, stdout } = await compare('shaky.json', '--require-steady');
    expect(status).toBe(3);
    expect(stdout).toContain('unsteady: the machine changed during a run');
    const shaky = await measured([...MEASURE, '--require-steady', '--json']);
    const { calibration } = JSON.parse(shaky.stdout) as LatencyResult;
    expect(shaky.status).toBe(calibration.steady ? 0 : 3);
  });

  test('compare-runs writes a table in Markdown, and a page', async () => {
    writeScaled('slow.json', 1e3);
    const files = [at('a.json'), at('slow.json')];
    const { status, stdout } = await irqloom([
      'compare-runs',
      ...files,
      '--markdown',
      '--report',
      at('c.html'),
    ]);
    expect(status).toBe(1);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^\*\*2 regressions past 10 %(?:, but a run was unsteady)?\*\*$/);
    const rows = lines.filter((line) => line.startsWith('|'));
    expect(rows).toHaveLength(4);
    expect(new Set(rows.map((row) => row.split('|').length))).toEqual(new Set([17]));
    const html = readFileSync(at('c.html'), 'utf8');
    expect(html.match(/slower: a regression/g)).toHaveLength(2);
    expect(html).toContain('2 regressions past 10 %');
    expect((await irqloom(['compare-runs', ...files, '--markdown', '--json'])).status).toBe(2);
  });

  test('latency saves the results that compare-runs compares', async () => {
    writeScaled('slow.json', 1e3);
    const compared = await irqloom(['compare-runs', at('a.json'), at('slow.json')]);
    expect(compared.status).toBe(1);
    expect((await irqloom(['compare-runs', at('a.json'), at('a.json')])).status).toBe(0);
    const back = await irqloom(['compare-runs', at('slow.json'), at('a.json'), '--json']);
    expect(back.status).toBe(0);
    expect(JSON.parse(back.stdout)).toMatchObject({
      command: 'compare-runs',
      regressions: 0,
      paths: [{ verdict: 'faster' }, { verdict: 'faster' }],
    });
  });

  test.each([
    [['latency', '--source', 'irqfs'], /did you mean irqfd\?/],
    [['latency', '--source', 'sgi', '--dispatch', 'main'], /--dispatch inline/],
    [['latency', '--rate', '-5'], /--rate/],
    [['latency', '--baseline', 'nowhere.json'], /nowhere\.json: there is no such file/],
    [['compare-runs', 'package.json', 'package.json'], /package.json, line 1/],
    [['scale', '--vcpus', '1,x'], /list of whole numbers/],
    [['stress', '-v', '1', '-s', '0.1', '--report', '/nowhere/at/all.html'], /cannot be written/],
  ])('%j is refused with what would be right', async (args, message) => {
    const { status, stderr } = await irqloom(args);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });
});

test('irqloom scale measures each size of each sweep', async () => {
  const sweeps = ['-v', '1,2', '-d', '1', '-l', '8,65536', '--base-vcpus', '1', '--base-devices', '1'];
  const { status, stdout } = await irqloom(['scale', ...sweeps, '-s', '0.3', '--json']);
  expect(status).toBe(0);
  const { points, command } = JSON.parse(stdout) as ScaleResult;
  expect(command).toBe('scale');
  expect(points.map(({ sweep, vcpus, devices, lpis, via }) => [sweep, vcpus, devices, lpis, via])).toEqual([
    ['vcpus', 1, 1, 64, 'irqfd'],
    ['vcpus', 2, 1, 64, 'irqfd'],
    ['devices', 1, 1, 64, 'irqfd'],
    ['lpis', 1, 1, 8, 'irqfd'],
    ['lpis', 1, 1, 57_344, 'signal-msi'],
  ]);
  for (const { delivered, latencyNs } of points) {
    expect(delivered).toBeGreaterThan(0);
    expect(latencyNs.p99).toBeGreaterThan(0);
  }
});

test('irqloom stress shows its state during the run, and writes metrics and a report', async () => {
  const outputs = ['--watch', '--metrics', at('m.txt'), '--report', at('s.html')];
  const { status, stderr } = await irqloom([
    'stress',
    '-v',
    '2',
    '-d',
    '1',
    '-e',
    '4',
    '-s',
    '2.6',
    ...outputs,
  ]);
  expect(status).toBe(0);
  expect(stderr.match(/injected .* delivered .* violations 0/g)?.length).toBeGreaterThanOrEqual(1);
  const metrics = readFileSync(at('m.txt'), 'utf8');
  expect(metrics).toMatch(/irqloom_interrupts_delivered_total\{vcpu="1"\} [1-9]/);
  expect(metrics.endsWith('# EOF\n')).toBe(true);
  expect(existsSync(at('m.txt.part'))).toBe(false);
  expect(readFileSync(at('s.html'), 'utf8')).toContain('No interrupt was lost');
});
