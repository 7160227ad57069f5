import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Path, SIGNALS } from '../../src/measuring/latency/latency-result.ts';
import { type LatencyOptions, runLatency } from '../../src/measuring/latency/latency-run.ts';
import { runScale } from '../../src/measuring/scale/scale-run.ts';
import { irqloom } from '../cli/run.ts';

const path = (name: string) => fileURLToPath(new URL(`../harness/fixtures/${name}`, import.meta.url));
const example = (name: string) => fileURLToPath(new URL(`../../examples/own-guest/${name}`, import.meta.url));
const DEVICE = path('again-and-again.mjs');

const PATHS: readonly Path[] = SIGNALS.filter((source) => source !== 'sgi').flatMap((source) =>
  (['inline', 'main'] as const).map((dispatch): Path => ({ source, dispatch, waiting: 'parked' })),
);
const IRQFD: readonly Path[] = [{ source: 'irqfd', dispatch: 'inline', waiting: 'polling' }];

const latency = (guest: string | undefined, device: string | undefined, more: Partial<LatencyOptions> = {}) =>
  runLatency({
    paths: IRQFD,
    vcpus: 2,
    devices: 2,
    background: 'none',
    others: 0,
    handlerNs: 0,
    samples: 64,
    rate: 0,
    seconds: 20,
    own: { guest, device, sharedBytes: 4096 },
    ...more,
  });

const scale = (guest: string | undefined, device: string | undefined) =>
  runScale({
    base: { vcpus: 2, devices: 2, lpis: 8 },
    sweeps: { vcpus: [2], devices: [], lpis: [] },
    dispatch: 'inline',
    seconds: 0.4,
    own: { guest, device, sharedBytes: 4096 },
  });

describe('latency with a guest and devices of the user', () => {
  test('latency times each signal of a user device to the user handler, on every path', async () => {
    const { result } = await latency(example('guest.mjs'), DEVICE, { paths: PATHS });
    expect(result.config).toMatchObject({ guest: example('guest.mjs'), device: DEVICE });
    for (const { count, staged, unpaired, lines } of result.paths) {
      expect(unpaired).toBe(0);
      expect(count).toBe(64);
      expect(staged.count).toBe(64);
      for (const line of lines) expect(line.count).toBe(16);
    }
  });

  test('the time of a user handler is in the stage "handled"', async () => {
    const [own, ours] = [
      await latency(path('slow-guest.mjs'), undefined),
      await latency(undefined, undefined),
    ];
    const handled = ({ result }: typeof own) => result.paths[0]?.stagesNs.handled.p50 ?? 0;
    expect(handled(own)).toBeGreaterThan(1e6);
    expect(handled(ours)).toBeLessThan(1e6);
    expect(own.result.config).not.toHaveProperty('device');
  });

  test('a user guest learns the event of an INTID', async () => {
    const { result } = await latency(path('asking-guest.mjs'), undefined);
    expect(result.paths[0]?.count).toBe(64);
    await expect(
      latency(path('asking-guest.mjs'), undefined, {
        paths: [{ source: 'irq-line', dispatch: 'inline', waiting: 'parked' }],
      }),
    ).rejects.toThrow(/vcpu\d threw in interrupt\(cpu, \d+\).*is no event/);
  });

  test('a handler that throws ends the measurement with an error that names the place', async () => {
    await expect(latency(path('throwing-guest.mjs'), undefined)).rejects.toMatchObject({
      code: 'ERR_THREAD_DIED',
      message: expect.stringMatching(/vcpu\d threw in interrupt.*throwing-guest\.mjs:2.*at fault/),
    });
  });

  test('a device that sends no signal, is asynchronous or signals by MSI is refused', async () => {
    await expect(latency(undefined, path('idle-device.mjs'))).rejects.toMatchObject({
      code: 'ERR_SCENARIO',
      message: expect.stringContaining('without a signal'),
    });
    await expect(latency(undefined, path('promising-device.mjs'))).rejects.toMatchObject({
      code: 'ERR_SCENARIO',
    });
    await expect(latency(undefined, path('one-by-one.mjs'))).rejects.toThrow('--source signal-msi');
  });
});

describe('scale with a guest and devices of the user', () => {
  test('a user device keeps its LPIs in flight to a user guest', async () => {
    const { config, points } = await scale(example('guest.mjs'), example('device.mjs'));
    expect(config).toMatchObject({ guest: example('guest.mjs'), device: example('device.mjs') });
    expect(points[0]?.delivered).toBeGreaterThan(0);
  });

  test('a user guest takes the signals of built-in devices, and knows each event', async () => {
    const { points } = await scale(path('asking-guest.mjs'), undefined);
    expect(points[0]?.delivered).toBeGreaterThan(0);
  });

  test('a handler that throws, and a device that sends no signal, end the run', async () => {
    await expect(scale(path('throwing-guest.mjs'), undefined)).rejects.toMatchObject({
      code: 'ERR_THREAD_DIED',
    });
    await expect(scale(undefined, path('idle-device.mjs'))).rejects.toThrow('without a signal');
  });
});

describe('irqloom latency --guest --device', () => {
  test.each([
    [['latency', '--guest', 'gone.mjs'], 'there is no file "gone.mjs"'],
    [['scale', '--device', 'gone.mjs'], 'there is no file "gone.mjs"'],
    [['latency', '--guest', example('guest.mjs'), '--handler', '5'], '--handler'],
    [['latency', '--device', example('device.mjs'), '--rate', '5'], '--rate'],
    [['latency', '--device', example('device.mjs'), '--source', 'sgi,irqfd'], 'leave sgi out'],
  ])('%j is refused', async (args, says) => {
    const { status, stdout, stderr } = await irqloom(args);
    expect(stderr).toContain(says);
    expect([status, stdout]).toEqual([2, '']);
  });

  test('measures the example, and names its files in the result', async () => {
    const files = ['--guest', example('guest.mjs'), '--device', example('device.mjs')];
    const { status, stdout } = await irqloom(['latency', ...files, '-n', '64', '--boots', '1']);
    expect(stdout).toContain(`guest ${example('guest.mjs')}, device ${example('device.mjs')}`);
    expect(stdout).not.toContain('sgi');
    expect(status).toBe(0);
  });
});
