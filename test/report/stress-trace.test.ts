import { describe, expect, test } from 'vitest';
import { stressTrace, traceNote } from '../../src/report/stress-trace.ts';
import type { TraceEvent } from '../../src/report/trace-events.ts';
import type { StressOptions } from '../../src/stress/stress-build.ts';
import type { Plan } from '../../src/stress/stress-plan.ts';
import type { StressResult } from '../../src/stress/stress-result.ts';
import { runStress } from '../../src/stress/stress-run.ts';
import type { Track } from '../../src/stress/traced/timelines.ts';
import { traceFaults } from './trace-faults.ts';

/** So few signals that each is kept, of MSIs and of wires that devices share; and while they last, everything changes. */
const SHORT: StressOptions = {
  input: { vcpus: 2, devices: 2, events: 4 },
  spis: 6,
  lines: 'resample',
  seconds: 20,
  iterations: 150,
  churn: 'heavy',
  dispatch: 'main',
  seed: 5,
  fault: 'none',
  trace: true,
};

type Traced = { readonly result: StressResult; readonly tracks: readonly Track[]; readonly plan: Plan };

async function traced(options: StressOptions): Promise<Traced> {
  let seen: Pick<Traced, 'tracks' | 'plan'> | undefined;
  const result = await runStress(options, {
    traced: (tracks, plan) => {
      seen = { tracks, plan };
    },
  });
  if (!seen) throw new Error('nothing was traced');
  return { result, ...seen };
}

describe('a trace of a stress run', () => {
  const short = traced(SHORT);
  const fileOf = ({ tracks, plan, result }: Traced) => stressTrace(tracks, plan, result);
  const sliced = (events: readonly TraceEvent[], name: RegExp) =>
    events.filter((event) => event.ph === 'X' && name.test(event.name));

  test('a trace is JSON with a named track for each thread, slices that nest, in the order of time, and whole arrows', async () => {
    const { traceEvents } = JSON.parse(JSON.stringify(fileOf(await short))) as { traceEvents: TraceEvent[] };
    expect(traceFaults(traceEvents)).toEqual([]);
    const tracks = traceEvents.filter(({ name }) => name === 'thread_name').map(({ args }) => args?.name);
    expect(tracks).toEqual(['main thread', 'vCPU 0', 'vCPU 1', 'device 0', 'device 1', 'driver']);
  });

  test('a trace has each signal, each handler, and the actions of the other threads', async () => {
    const run = await short;
    const { traceEvents, otherData } = fileOf(run);
    expect(otherData.slicesDropped).toMatchObject({ 'device 0': 0, 'device 1': 0, 'vCPU 0': 0, 'vCPU 1': 0 });
    expect(sliced(traceEvents, /^signal /)).toHaveLength(run.result.injected);
    const taken = run.result.vcpus.reduce((sum, { delivered }) => sum + delivered, 0);
    // SGIs have no device, and so no slice; an SGI that preempts a handler is not counted as taken.
    const sgis = run.result.sgis?.delivered ?? 0;
    const handlers = sliced(traceEvents, /^interrupt /).length;
    expect(handlers).toBeLessThanOrEqual(taken);
    expect(handlers).toBeGreaterThanOrEqual(taken - sgis);
    const names = new Set(traceEvents.map(({ name }) => name));
    for (const name of ['burst', 'wait', 'parked', 'dispatch', 'MOVI', 'INV', 'masked', 'mask', 'unmask'])
      expect(names, name).toContain(name);
  });

  test('a trace leads from the last signal of each source to its handler: no signal was lost', async () => {
    const { result, tracks, plan } = await short;
    expect(result.lost).toBe(0);
    const { traceEvents, otherData } = stressTrace(tracks, plan, result);
    expect(otherData.handlersWhoseSignalWasDropped).toBe(0);
    const began = new Set(traceEvents.filter(({ ph }) => ph === 's').map(({ tid, ts }) => `${tid} ${ts}`));
    expect(began.size).toBe(otherData.arrows);
    for (const [source, { device }] of plan.sources.entries()) {
      const signals = sliced(traceEvents, new RegExp(`^signal ${source}$`));
      expect(signals, `source ${source} of device ${device}`).toHaveLength(SHORT.iterations);
      const last = signals.at(-1);
      expect(began).toContain(`${last?.tid} ${last?.ts}`);
    }
  });

  test('a trace keeps the last slices of each thread, and counts the dropped ones', async () => {
    const run = await traced({
      ...SHORT,
      input: { vcpus: 1, devices: 1, events: 2 },
      spis: 0,
      iterations: 8000,
    });
    const { traceEvents, otherData } = fileOf(run);
    expect(traceFaults(traceEvents)).toEqual([]);
    const signals = sliced(traceEvents, /^signal /);
    expect(signals.length).toBeLessThanOrEqual(run.plan.slices);
    // The last ones: each source signalled so often, and the numbers end there.
    expect(Math.max(...signals.map(({ args }) => Number(args?.sequence)))).toBe(8000);
    const device = run.tracks.find(({ role }) => 'device' in role);
    expect(device?.dropped).toBeGreaterThan(16_000 - run.plan.slices);
    // What is older than another thread reaches is left out too, and counted.
    const { slicesDropped } = otherData as { slicesDropped: Record<string, number> };
    expect(slicesDropped['device 0']).toBeGreaterThanOrEqual(device?.dropped ?? Number.NaN);
    expect(signals.length + (slicesDropped['device 0'] ?? 0)).toBeGreaterThanOrEqual(16_000);
    expect(traceNote(run.tracks, run.plan)).toMatch(/dropped before them: .*device 0 [0-9,]+/);
    const { tracks, plan } = await short;
    expect(traceNote(tracks.slice(1, 5), plan)).toMatch(/^trace: all /);
  });

  test('a trace counts the pending interrupts and the parked vCPUs, from 0 to 0', async () => {
    const run = await short;
    const { traceEvents } = fileOf(run);
    for (const [name, most] of [
      ['pending', run.plan.sources.length],
      ['parked', run.plan.vcpus],
    ] as const) {
      const values = traceEvents
        .filter((event) => event.ph === 'C' && event.name === name)
        .map(({ args }) => Number(args?.[name]));
      expect(values.length, name).toBeGreaterThan(2);
      expect(Math.min(...values), name).toBe(0);
      expect(Math.max(...values), name).toBeLessThanOrEqual(most);
      expect(values.at(-1), name).toBe(0);
    }
  });

  test('in a trace of a run that is longer than its rings all tracks reach equally far back, and nine of ten handlers have their arrow', async () => {
    const long = await traced({ ...SHORT, iterations: 0, seconds: 4, churn: 'light' });
    const { traceEvents, otherData } = fileOf(long);
    expect(traceFaults(traceEvents)).toEqual([]);
    expect(long.tracks.some(({ dropped }) => dropped > 0)).toBe(true);
    const arrows = Number(otherData.arrows);
    expect(arrows).toBeGreaterThan(50);
    expect(arrows / (arrows + Number(otherData.handlersWhoseSignalWasDropped))).toBeGreaterThan(0.9);
    // Had the rings not been cut to the time that all of them have, it would be fewer.
    const since = (events: readonly TraceEvent[], track: RegExp) => {
      const tids = events.filter(
        ({ name, args }) => name === 'thread_name' && track.test(String(args?.name)),
      );
      const all = events.filter(({ ph, tid }) => ph === 'X' && tids.some((named) => named.tid === tid));
      return Math.min(...all.map(({ ts = 0, dur = 0 }) => ts + dur));
    };
    const device = since(traceEvents, /^device/);
    expect(since(traceEvents, /^vCPU/)).toBeGreaterThanOrEqual(
      Math.min(device, since(traceEvents, /^main/)) - 1e6,
    );
  });

  test('a trace keeps the moment of a violation, however long the run goes on, and marks the moment', async () => {
    const broken = await traced({ ...SHORT, iterations: 0, seconds: 4, fault: 'double', churn: 'none' });
    const { traceEvents, otherData } = fileOf(broken);
    const arrows = Number(otherData.arrows);
    expect(arrows / (arrows + Number(otherData.handlersWhoseSignalWasDropped))).toBeGreaterThan(0.9);
    const marks = traceEvents.filter(({ ph }) => ph === 'i');
    expect(marks[0]?.name).toMatch(/^violation: /);
    const moment = Math.min(...marks.map(({ ts = 0 }) => ts));
    const before = traceEvents.filter(({ ph, ts = 0 }) => ph === 'X' && ts < moment);
    expect(before.length).toBeGreaterThan(0);
    const { traceEvents: sound } = fileOf(await short);
    expect(sound.filter(({ ph }) => ph === 'i')).toEqual([]);
  });

  test('a wrong trace is found faulty', async () => {
    const { traceEvents } = fileOf(await short);
    const changed = (name: RegExp, change: (event: TraceEvent) => TraceEvent) => {
      const which = traceEvents.findIndex((event) => event.ph !== 'M' && name.test(event.name));
      return traceEvents.map((event, index) => (index === which ? change(event) : event));
    };
    /** Half way through the first signal of a burst. */
    const midSignal = ({ tid, ts: begin = 0 }: TraceEvent) => {
      const { ts = 0, dur = 0 } =
        sliced(traceEvents, /^signal /).find((event) => event.tid === tid && (event.ts ?? 0) >= begin) ?? {};
      return ts + dur / 2;
    };
    const wrong = {
      overlaps: changed(/^burst$/, (event) => ({ ...event, dur: midSignal(event) - (event.ts ?? 0) })),
      backwards: changed(/^interrupt /, (event) => ({ ...event, ts: 1e12 })),
      negative: changed(/^interrupt /, (event) => ({ ...event, dur: -1 })),
      strayArrow: changed(/^signal$/, (event) => ({ ...event, id: 1e9 })),
      headless: traceEvents.filter(({ ph }) => ph !== 'f'),
      nameless: traceEvents.filter(({ name }) => name !== 'thread_name'),
    };
    for (const [what, events] of Object.entries(wrong)) expect(traceFaults(events), what).not.toEqual([]);
  });
});
