import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  CLOCK_WORDS,
  Clock,
  LATENCY_PROBE_WORDS,
  LatencyProbe,
  Layout,
  latencyTask,
  startClock,
} from '../../src/measure/index.ts';

function makeProbe() {
  const layout = new Layout();
  const clockAt = layout.region('clock', CLOCK_WORDS);
  const probeAt = layout.region('probe', LATENCY_PROBE_WORDS);
  const words = new Int32Array(new SharedArrayBuffer(4 * layout.words));
  startClock(words, clockAt);
  const clock = new Clock(words, clockAt);
  return { probe: new LatencyProbe(words, probeAt, clock), clock };
}

describe('a latency probe', () => {
  test('says how long it took to arrive, not how long it took to notice', () => {
    const { probe, clock } = makeProbe();
    const spin = (ns: number) => {
      for (const end = clock.now() + ns; clock.now() < end; );
    };
    let arrivedAt = 0;
    const start = clock.now();
    const seen = probe.measure(() => {
      spin(200_000);
      probe.arrived();
      arrivedAt = clock.now();
      spin(50_000_000);
    });
    expect(seen).toBeGreaterThanOrEqual(200_000);
    expect(seen).toBeLessThanOrEqual(arrivedAt - start);
    expect(clock.now() - start).toBeGreaterThan(50_000_000);
  });

  test('is given up when nothing arrives', () => {
    const { probe } = makeProbe();
    expect(() => probe.measure(() => undefined, 20)).toThrow(
      expect.objectContaining({ code: 'ERR_THREAD_SILENT' }),
    );
    // What arrived before the question does not count as its answer.
    probe.arrived();
    expect(() => probe.measure(() => undefined, 20)).toThrow();
  });

  test('gives tinybench the latency in ms, in place of the duration of the call', () => {
    const { probe } = makeProbe();
    const task = latencyTask(probe, () => probe.arrived());
    const { overriddenDuration } = task();
    expect(overriddenDuration).toBeGreaterThanOrEqual(0);
    expect(Object.keys(task())).toEqual(['overriddenDuration']);
  });
});

test('the example runs, through the package’s own name', async () => {
  const file = fileURLToPath(new URL('../../examples/measure.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 50_000 });
  expect(stdout).toMatch(/spinning round trip: half within \d+ ns/);
  expect(stdout).toMatch(/store, then notify: half within \d+ ns, [\d.]+ times/);
  expect(stdout).toMatch(/Value +Percentile TotalCount/);
  expect(stdout).toMatch(/Total count +=\s+500\]/);
});
