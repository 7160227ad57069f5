import { beforeEach, describe, expect, test } from 'vitest';
import { Layout } from '../../src/memory/layout.ts';
import { EDGE_SOURCE, LEVEL_SOURCE, Proof, VIOLATIONS } from '../../src/stress/proof.ts';
import { proofRegions } from '../../src/stress/proof-regions.ts';

const VCPUS = 2;
const EDGE = 0;
const LEVEL = 1;
const LPI = 8192;
const OTHER = 8300;

describe('the proof', () => {
  let proof: Proof;
  let words: Int32Array<SharedArrayBuffer>;
  let regions: ReturnType<typeof proofRegions>;
  let now = 0;
  const clock = { now: () => ++now };

  beforeEach(() => {
    const layout = new Layout();
    regions = proofRegions(layout, { sources: 2, intids: 9000, devices: 1 });
    words = new Int32Array(new SharedArrayBuffer(layout.words * 4));
    proof = new Proof(words, regions, VCPUS);
    proof.place(EDGE, EDGE_SOURCE, LPI, 0);
    proof.place(LEVEL, LEVEL_SOURCE, 40, 1);
  });

  const signal = (source: number) => proof.beginSignal(source, clock);
  const deliver = (source: number, intid: number, vcpu: number) =>
    proof.deliver(source, intid, vcpu, proof.epoch);
  const counts = () => [
    proof.count('lost'),
    proof.count('misrouted'),
    proof.count('spurious'),
    proof.count('stranded'),
  ];

  test('a signal is settled by its next delivery, and timed from the first signal that waited', () => {
    signal(EDGE);
    const signalled = now;
    signal(EDGE);
    expect(proof.isSettled(EDGE)).toBe(false);
    expect(deliver(EDGE, LPI, 0)).toBe(signalled);
    expect(proof.isSettled(EDGE)).toBe(true);
    expect(counts()).toEqual([0, 0, 0, 0]);
  });

  test('deliveries beyond the signals are spurious', () => {
    signal(EDGE);
    deliver(EDGE, LPI, 0);
    expect(counts()).toEqual([0, 0, 0, 0]);
    deliver(EDGE, LPI, 0);
    expect(counts()).toEqual([0, 0, 1, 0]);
    expect(proof.violations()).toEqual([
      { kind: 'spurious', source: EDGE, intid: LPI, vcpu: 0, sent: 1, seen: 1, churn: 0 },
    ]);
  });

  test('after a stock-taking at rest, a delivery too many shows, which coalesced signals would have hidden', () => {
    for (let signals = 0; signals < 5; signals++) signal(EDGE);
    deliver(EDGE, LPI, 0);
    deliver(EDGE, LPI, 0);
    expect(counts()).toEqual([0, 0, 0, 0]);
    proof.takeStock(EDGE);
    signal(EDGE);
    deliver(EDGE, LPI, 0);
    expect(counts()).toEqual([0, 0, 0, 0]);
    deliver(EDGE, LPI, 0);
    expect(counts()).toEqual([0, 0, 1, 0]);
  });

  test('an interrupt that the driver makes pending allows one delivery more, and no second one', () => {
    signal(EDGE);
    proof.raise(EDGE);
    deliver(EDGE, LPI, 0);
    deliver(EDGE, LPI, 0);
    expect(counts()).toEqual([0, 0, 0, 0]);
    expect(proof.raised(EDGE)).toBe(1);
    deliver(EDGE, LPI, 0);
    expect(counts()).toEqual([0, 0, 1, 0]);
  });

  test('deliveries that the driver asked for do not excuse doubled ones later', () => {
    for (let round = 0; round < 100; round++) {
      proof.raise(EDGE);
      deliver(EDGE, LPI, 0);
      signal(EDGE);
      deliver(EDGE, LPI, 0);
      proof.settle(EDGE);
    }
    expect(counts()).toEqual([0, 0, 0, 0]);
    for (let round = 0; round < 20; round++) {
      signal(EDGE);
      deliver(EDGE, LPI, 0);
      deliver(EDGE, LPI, 0);
      proof.settle(EDGE);
    }
    expect(proof.count('spurious')).toBeGreaterThan(0);
  });

  test('a violation carries the kind of churn that went on', () => {
    proof.churn = 3;
    proof.violate('lost', EDGE, LPI, 0);
    expect(proof.violations()).toMatchObject([{ kind: 'lost', churn: 3 }]);
  });

  test('coalesced signals do not excuse doubled deliveries later', () => {
    for (let i = 0; i < 1000; i++) signal(EDGE);
    deliver(EDGE, LPI, 0);
    proof.settle(EDGE);
    for (let round = 0; round < 20; round++) {
      signal(EDGE);
      deliver(EDGE, LPI, 0);
      deliver(EDGE, LPI, 0);
      proof.settle(EDGE);
    }
    expect(proof.count('spurious')).toBeGreaterThan(0);
  });

  test('a level may be delivered again while its line is high', () => {
    signal(LEVEL);
    for (let i = 0; i < 5; i++) deliver(LEVEL, 40, 1);
    expect(counts()).toEqual([0, 0, 0, 0]);
  });

  test('the wrong vCPU, and the wrong INTID, are misrouted', () => {
    signal(EDGE);
    deliver(EDGE, LPI, 1);
    signal(EDGE);
    deliver(EDGE, OTHER, 0);
    expect(counts()).toEqual([0, 2, 0, 0]);
  });

  test('during a move both places are right; afterwards only the new place, except for an earlier acknowledge', () => {
    for (let i = 0; i < 4; i++) signal(EDGE);
    proof.beginMove(EDGE, OTHER, 1);
    expect(proof.ownerOf(OTHER)).toBe(EDGE);
    deliver(EDGE, LPI, 0);
    deliver(EDGE, OTHER, 1);
    const before = proof.epoch;
    proof.endMove(EDGE);
    proof.deliver(EDGE, LPI, 0, before);
    expect(counts()).toEqual([0, 0, 0, 0]);
    proof.deliver(EDGE, LPI, 0, proof.epoch);
    expect(counts()).toEqual([0, 1, 0, 0]);
  });

  test('the proof keeps the first violations and counts them all', () => {
    for (let i = 0; i < 100; i++) proof.violate('lost', EDGE, LPI, 0);
    expect(proof.count('lost')).toBe(100);
    expect(proof.violations()).toHaveLength(64);
  });

  test('the proof counts more violations than a signed word holds, and keeps none outside of its place', () => {
    const { at, words: length } = regions.violations;
    const total = at + VIOLATIONS.length;
    words[total] = 2 ** 31 - 1;
    const before = words.slice();
    for (let i = 0; i < 3; i++) proof.violate('lost', EDGE, LPI, 0);
    expect(proof.count('lost')).toBe(3);
    expect((words[total] ?? 0) >>> 0).toBe(2 ** 31 + 2);
    const outside = [...words.keys()].filter((word) => word < at || word >= at + length);
    expect(outside.filter((word) => words[word] !== before[word])).toEqual([]);
    expect(proof.violations()).toEqual([]);
  });

  test('a source that has not moved for 2^31 moves of others is still judged', () => {
    // Each step stands for 2^28 moves of the other source, of which the proof looks at one.
    for (let step = 0; step < 32; step++) {
      words[regions.epoch.at] = (proof.epoch + 2 ** 28) | 0;
      for (let move = 0; move < 2; move++) {
        proof.beginMove(LEVEL, 40, move);
        proof.endMove(LEVEL);
      }
      signal(EDGE);
      deliver(EDGE, LPI, 1);
      expect(proof.count('misrouted'), `after ${step + 1} * 2^28 moves`).toBe(step + 1);
    }
  });

  test('a wait for a settled source does not sleep; a wait for an open source ends at its bound', () => {
    signal(EDGE);
    expect(proof.awaitSettled(0, EDGE, 1)).toBe(false);
    deliver(EDGE, LPI, 0);
    expect(proof.awaitSettled(0, EDGE, 60_000)).toBe(true);
  });
});
