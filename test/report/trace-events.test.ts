import { describe, expect, test } from 'vitest';
import { type TraceEvent, traceFile } from '../../src/report/trace-events.ts';
import type { Path } from '../../src/scenarios/latency/plan.ts';
import { runLatency } from '../../src/scenarios/latency/run.ts';

/** Rounding of times that are written in µs. */
const SLACK_US = 1e-6;

/** What is wrong with a trace: slices of a track that overlap without nesting, arrows without an end or out of order. */
function faults(events: readonly TraceEvent[]): string[] {
  const found: string[] = [];
  const tracks = new Map<number, TraceEvent[]>();
  for (const event of events.filter(({ ph }) => ph === 'X')) {
    if (!((event.dur ?? -1) >= 0)) found.push(`${event.name} ends before it begins`);
    tracks.set(event.tid, [...(tracks.get(event.tid) ?? []), event]);
  }
  for (const slices of tracks.values()) {
    slices.sort((a, b) => (a.ts ?? 0) - (b.ts ?? 0) || (b.dur ?? 0) - (a.dur ?? 0));
    const open: number[] = [];
    for (const { name, ts = 0, dur = 0 } of slices) {
      while (open.length > 0 && (open.at(-1) ?? 0) <= ts + SLACK_US) open.pop();
      if (ts + dur > (open.at(-1) ?? Number.POSITIVE_INFINITY) + SLACK_US)
        found.push(`${name} outlasts its parent`);
      open.push(ts + dur);
    }
  }
  const named = new Set(events.filter(({ name }) => name === 'thread_name').map(({ tid }) => tid));
  for (const tid of tracks.keys()) if (!named.has(tid)) found.push(`track ${tid} has no name`);

  const arrows = new Map<number, TraceEvent[]>();
  for (const event of events.filter(({ ph }) => 'stf'.includes(ph)))
    arrows.set(event.id ?? -1, [...(arrows.get(event.id ?? -1) ?? []), event]);
  for (const [id, steps] of arrows) {
    const order = steps.map(({ ph }) => ph).join('');
    if (order !== 'sf' && order !== 'stf') found.push(`arrow ${id} is ${order}`);
    for (const [index, { ts = 0, tid }] of steps.entries()) {
      if (ts < (steps[index - 1]?.ts ?? 0)) found.push(`arrow ${id} goes back`);
      const lies = tracks
        .get(tid)
        ?.some((slice) => (slice.ts ?? 0) <= ts && ts <= (slice.ts ?? 0) + (slice.dur ?? 0) + SLACK_US);
      if (!lies) found.push(`arrow ${id} begins or ends in no slice`);
    }
  }
  return found;
}

describe('a trace', () => {
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

  test('has a named track for each thread, slices that nest, and an arrow from each signal to its handler', async () => {
    const { pictures } = await measured;
    const { traceEvents } = traceFile(pictures.plan, paths, pictures.deliveries);
    expect(faults(traceEvents)).toEqual([]);
    const tracks = traceEvents.filter(({ name }) => name === 'thread_name').map(({ args }) => args?.name);
    expect(tracks).toEqual(['main thread', 'vCPU 0', 'vCPU 1', 'vCPU 2, sends SGIs', 'device 0', 'device 1']);
    const signals = pictures.deliveries.reduce((sum, { length }) => sum + length, 0);
    expect(signals).toBe(3 * 32);
    expect(traceEvents.filter(({ ph }) => ph === 's')).toHaveLength(signals);
    expect(traceEvents.filter(({ name }) => name === 'handler')).toHaveLength(signals);
    expect(traceEvents.filter(({ ph }) => ph === 't')).toHaveLength(32);
  });

  test('that is wrong is found out', async () => {
    const { pictures } = await measured;
    const { traceEvents } = traceFile(pictures.plan, paths, pictures.deliveries);
    const moved = (name: string, change: (event: TraceEvent) => TraceEvent) => {
      const which = traceEvents.findIndex((event) => event.name === name);
      return traceEvents.map((event, index) => (index === which ? change(event) : event));
    };
    expect(faults(moved('EOI', (event) => ({ ...event, dur: 1e9 })))).not.toEqual([]);
    expect(faults(moved('signal', (event) => ({ ...event, ts: 1e12 })))).not.toEqual([]);
    expect(faults(traceEvents.filter(({ ph }) => ph !== 'f'))).not.toEqual([]);
    expect(faults(traceEvents.filter(({ ph }) => ph !== 'M'))).not.toEqual([]);
  });
});
