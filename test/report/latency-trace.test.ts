import { describe, expect, test } from 'vitest';
import type { Path } from '../../src/measuring/latency/latency-result.ts';
import { runLatency } from '../../src/measuring/latency/latency-run.ts';
import { latencyTrace } from '../../src/report/latency-trace.ts';
import type { TraceEvent } from '../../src/report/trace-events.ts';
import { traceFaults } from './trace-faults.ts';

describe('a trace of latencies', () => {
  const paths: Path[] = [
    { source: 'irqfd', dispatch: 'inline', waiting: 'parked' },
    { source: 'signal-msi', dispatch: 'main', waiting: 'parked' },
    { source: 'sgi', dispatch: 'inline', waiting: 'parked' },
  ];
  const measured = runLatency({
    paths,
    vcpus: 2,
    devices: 2,
    background: 'none',
    others: 0,
    handlerNs: 0,
    samples: 32,
    rate: 0,
    seconds: 20,
  });

  test('a trace of latencies has a named track for each thread, slices that nest, and an arrow from each signal to its handler', async () => {
    const { pictures } = await measured;
    const { traceEvents } = latencyTrace(pictures.plan, paths, pictures.deliveries);
    expect(traceFaults(traceEvents)).toEqual([]);
    const tracks = traceEvents.filter(({ name }) => name === 'thread_name').map(({ args }) => args?.name);
    expect(tracks).toEqual(['main thread', 'vCPU 0', 'vCPU 1', 'vCPU 2, sends SGIs', 'device 0', 'device 1']);
    const signals = pictures.deliveries.reduce((sum, { length }) => sum + length, 0);
    expect(signals).toBe(3 * 32);
    expect(traceEvents.filter(({ ph }) => ph === 's')).toHaveLength(signals);
    expect(traceEvents.filter(({ name }) => name === 'handler')).toHaveLength(signals);
    expect(traceEvents.filter(({ ph }) => ph === 't')).toHaveLength(32);
  });

  test('a wrong trace is found faulty', async () => {
    const { pictures } = await measured;
    const { traceEvents } = latencyTrace(pictures.plan, paths, pictures.deliveries);
    const moved = (name: string, change: (event: TraceEvent) => TraceEvent) => {
      const which = traceEvents.findIndex((event) => event.name === name);
      return traceEvents.map((event, index) => (index === which ? change(event) : event));
    };
    expect(traceFaults(moved('EOI', (event) => ({ ...event, dur: 1e9 })))).not.toEqual([]);
    expect(traceFaults(moved('signal', (event) => ({ ...event, ts: 1e12 })))).not.toEqual([]);
    expect(traceFaults(traceEvents.filter(({ ph }) => ph !== 'f'))).not.toEqual([]);
    expect(traceFaults(traceEvents.filter(({ ph }) => ph !== 'M'))).not.toEqual([]);
  });
});
