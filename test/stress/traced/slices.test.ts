import { describe, expect, test } from 'vitest';
import { Layout } from '../../../src/memory/layout.ts';
import { buildStress, type StressOptions } from '../../../src/stress/stress-build.ts';
import { stressViews } from '../../../src/stress/stress-plan.ts';
import { runStress } from '../../../src/stress/stress-run.ts';
import { kindOf, SliceRing, sliceRegions, slicesKept } from '../../../src/stress/traced/slices.ts';
import { readTracks, ringOf } from '../../../src/stress/traced/timelines.ts';

const options: StressOptions = {
  input: { vcpus: 2, devices: 2, events: 2 },
  spis: 0,
  seconds: 0.3,
  iterations: 0,
  churn: 'light',
  dispatch: 'inline',
  seed: 1,
  fault: 'none',
};

describe('slices of a thread', () => {
  const ringFor = (kept: number) => {
    const layout = new Layout();
    const [region] = sliceRegions(layout, 1, kept);
    if (!region) throw new Error('no ring');
    return new SliceRing(new Int32Array(new SharedArrayBuffer(4 * layout.words)), region);
  };
  const record = (ring: SliceRing, from: number, to: number) => {
    for (let n = from; n < to; n++) ring.record(kindOf('signal'), n, n + 1, n + 2, 1000 * n, 1000 * n + 500);
  };

  test('a ring keeps the moment of a violation: three quarters of its slices are from before', () => {
    const layout = new Layout();
    const [region] = sliceRegions(layout, 1, 8);
    if (!region) throw new Error('no ring');
    const violated = layout.region('violated', 1);
    const words = new Int32Array(new SharedArrayBuffer(4 * layout.words));
    const [held, unheld] = [new SliceRing(words, region, violated.at), ringFor(8)];
    for (const ring of [held, unheld]) record(ring, 0, 20);
    words[violated.at] = 1;
    for (const ring of [held, unheld]) record(ring, 20, 60);
    const subjects = (ring: SliceRing) => ring.read().slices.map(({ subject }) => subject);
    expect(subjects(held)).toEqual([14, 15, 16, 17, 18, 19, 20, 21]);
    expect(subjects(unheld)).toEqual([52, 53, 54, 55, 56, 57, 58, 59]);
  });

  test('a ring returns its slices unchanged, past 32 bits of ns', () => {
    const ring = ringFor(8);
    ring.record(kindOf('handler'), 7, 0xffff_ffff, 8192, 2 ** 40 + 1, 2 ** 40 + 3);
    expect(ring.read()).toEqual({
      slices: [
        { name: 'handler', subject: 7, which: 0xffff_ffff, intid: 8192, from: 2 ** 40 + 1, to: 2 ** 40 + 3 },
      ],
      dropped: 0,
    });
  });

  test('a ring keeps the last slices, and counts the earlier ones', () => {
    const ring = ringFor(8);
    record(ring, 0, 8);
    expect(ring.read()).toMatchObject({ slices: { length: 8 }, dropped: 0 });
    record(ring, 8, 21);
    const { slices, dropped } = ring.read();
    expect(slices.map(({ subject }) => subject)).toEqual([13, 14, 15, 16, 17, 18, 19, 20]);
    expect(dropped).toBe(13);
  });

  test('all rings together are bounded, for any number of threads', () => {
    expect(slicesKept(6)).toBe(8192);
    for (const threads of [1, 100, 1026]) {
      const kept = slicesKept(threads);
      expect(Number.isInteger(Math.log2(kept))).toBe(true);
      expect(kept * threads).toBeLessThanOrEqual(2 ** 19);
    }
  });
});

describe('the rings of a run', () => {
  test('an untraced run has no rings, and runs the programs without them', async () => {
    const { machine, plan } = buildStress(options);
    expect(plan.slices).toBe(0);
    expect(stressViews(machine, plan).slices).toEqual([]);
    expect(() => ringOf(machine, plan, { vcpu: 0 })).toThrow(/keeps no slices/);
    let called = false;
    await runStress(options, {
      traced: () => {
        called = true;
      },
    });
    expect(called).toBe(false);
  });

  test('a traced run has a ring for each thread, empty at first', () => {
    const { machine, plan } = buildStress({ ...options, trace: true });
    const tracks = readTracks(machine, plan);
    expect(tracks.map(({ role }) => role)).toEqual([
      { main: true },
      { vcpu: 0 },
      { vcpu: 1 },
      { device: 0 },
      { device: 1 },
      { driver: true },
    ]);
    for (const { slices, dropped } of tracks) expect([slices, dropped]).toEqual([[], 0]);
  });
});

describe('deliveries by vCPU and device', () => {
  test('deliveries by pair add up to the deliveries of each device, and of each vCPU', async () => {
    const { vcpus, devices, sgis, violations } = await runStress({ ...options, seconds: 0.6 });
    expect(violations).toEqual([]);
    for (const { delivered } of devices) expect(delivered).toBeGreaterThan(0);
    for (const [device, { delivered }] of devices.entries())
      expect(vcpus.reduce((sum, vcpu) => sum + (vcpu.devices[device]?.delivered ?? 0), 0)).toBe(delivered);
    for (const vcpu of vcpus) {
      expect(vcpu.devices.reduce((sum, pair) => sum + pair.delivered, 0)).toBeLessThanOrEqual(vcpu.delivered);
      const timed = vcpu.devices.reduce((sum, pair) => sum + (pair.latencyNs?.count ?? 0), 0);
      expect(timed).toBe(vcpu.latencyNs.count);
      expect(vcpu.devices).toHaveLength(2);
    }
    // The vCPUs sent each other the rest.
    const taken = vcpus.reduce((sum, vcpu) => sum + vcpu.delivered, 0);
    const ofDevices = devices.reduce((sum, { delivered }) => sum + delivered, 0);
    expect(taken - ofDevices).toBe(sgis?.delivered);
  });

  test('with many pairs the counts stay apart, and the latencies of a vCPU share a histogram', () => {
    const few = buildStress({ ...options, input: { vcpus: 8, devices: 8, events: 1 } });
    const many = buildStress({ ...options, input: { vcpus: 8, devices: 9, events: 1 } });
    const pairs = {
      few: stressViews(few.machine, few.plan).pairs,
      many: stressViews(many.machine, many.plan).pairs,
    };
    pairs.few.count(3, 4);
    pairs.many.count(3, 4);
    pairs.few.histogram(3, 4)?.record(1000);
    pairs.many.histogram(3, 4)?.record(1000);
    expect([pairs.few.delivered(3, 4), pairs.few.delivered(4, 3)]).toEqual([1, 0]);
    expect([pairs.many.delivered(3, 4), pairs.many.delivered(3, 5)]).toEqual([1, 0]);
    expect([pairs.few.latency(3, 4)?.total, pairs.few.latency(3, 5)?.total]).toEqual([1, 0]);
    expect(pairs.many.latency(3, 4)).toBeUndefined();
    expect([pairs.few.latencyOf(3).total, pairs.many.latencyOf(3).total]).toEqual([1, 1]);
  });

  test('each vCPU writes cache lines of its own', () => {
    const { machine, plan } = buildStress(options);
    const { pairs } = stressViews(machine, plan);
    const written = (vcpu: number) => {
      const before = machine.words.slice();
      pairs.count(vcpu, 0);
      pairs.count(vcpu, 1);
      return new Set(
        [...before.keys()].filter((at) => before[at] !== machine.words[at]).map((at) => at >> 4),
      );
    };
    const [first, second] = [written(0), written(1)];
    expect(first.size).toBe(1);
    expect([...first].filter((line) => second.has(line))).toEqual([]);
  });
});
