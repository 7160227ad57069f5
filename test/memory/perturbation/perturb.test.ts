import { afterEach, describe, expect, test } from 'vitest';
import { Layout } from '../../../src/memory/layout.ts';
import {
  perturbationFigures,
  perturbationRegions,
  setBitsOf,
} from '../../../src/memory/perturbation/account.ts';
import { perturb } from '../../../src/memory/perturbation/perturb.ts';
import type { Perturbation } from '../../../src/memory/perturbation/timing.ts';
import { Windows } from '../../../src/memory/perturbation/windows.ts';
import { add, exchange, load, or, replace, store } from '../../../src/memory/word.ts';

const THREADS = 2;
let release: () => void = () => undefined;

afterEach(() => release());

function rig(perturbation: Perturbation = 'uniform') {
  const layout = new Layout();
  const lpi = layout.region('lpi', 64);
  const listed = layout.region('vcpu0.listed', 64);
  const scenario = layout.region('scenario', 16);
  const regions = perturbationRegions(layout, THREADS, true);
  const words = new Int32Array(new SharedArrayBuffer(4 * layout.words));
  const plan = { perturbation, seed: 3, threads: THREADS, changer: -1, regions, states: [lpi] };
  return {
    words,
    lpi: lpi.at,
    listed: listed.at,
    scenario: scenario.at,
    begin: () => {
      release = perturb(words, layout, plan, 1);
    },
    /** Ends the perturbation, because reading the account would be met as well. */
    account: () => {
      release();
      return {
        figures: perturbationFigures(words, regions),
        met: setBitsOf(words, regions.met).map((window) => new Windows(layout).nameOf(window)),
        transitions: setBitsOf(words, regions.transitions),
      };
    },
  };
}

describe('a perturbed thread', () => {
  test('computes as a free one does, operation by operation', () => {
    const run = ({ words, lpi }: ReturnType<typeof rig>) => [
      store(words, lpi, 5),
      add(words, lpi, 2),
      or(words, lpi, 8),
      exchange(words, lpi, 3),
      replace(words, lpi, 3, 4),
      replace(words, lpi, 3, 9),
      load(words, lpi),
    ];
    const free = run(rig());
    const perturbed = rig();
    perturbed.begin();
    expect(run(perturbed)).toEqual(free);
  });

  test('is delayed, and the account counts the delays and their time', () => {
    const { words, lpi, begin, account } = rig();
    begin();
    for (let turn = 0; turn < 20_000; turn++) load(words, lpi);
    const { delays, delayedSeconds, windowsStopped } = account().figures;
    expect(delays).toBeGreaterThan(5);
    expect(delayedSeconds).toBeGreaterThan(0);
    expect(windowsStopped).toBe(1);
  });

  test('runs freely again, and on the functions of the engine, when it is released', () => {
    const before = { ...Object.getOwnPropertyDescriptors(Atomics) };
    const { words, lpi, begin, account } = rig();
    begin();
    expect(Atomics.load).not.toBe(before.load?.value);
    release();
    expect(Atomics.load).toBe(before.load?.value);
    expect(Atomics.wait).toBe(before.wait?.value);
    for (let turn = 0; turn < 20_000; turn++) load(words, lpi);
    expect(account().figures).toMatchObject({ delays: 0, windowsMet: 0 });
  });

  test('is not delayed at the words of the scenario, nor at those of another buffer', () => {
    const { words, scenario, begin, account } = rig();
    const other = new Int32Array(new SharedArrayBuffer(64));
    begin();
    for (let turn = 0; turn < 20_000; turn++) load(words, scenario) + load(other, 0);
    expect(account().figures).toMatchObject({ delays: 0, windowsMet: 0 });
  });
});

describe('the account of a perturbed thread', () => {
  test('names each window by the two steps that it lies between', () => {
    const { words, lpi, listed, begin, account } = rig();
    begin();
    or(words, lpi + 17, 1);
    or(words, listed + 40, 2);
    load(words, listed);
    expect(account().met.toSorted()).toEqual([
      'begin, then update lpi',
      'update lpi, then update vcpuN.listed',
      'update vcpuN.listed, then load vcpuN.listed',
    ]);
  });

  test('has the changes of an interrupt that took place, and no others', () => {
    const { words, lpi, listed, begin, account } = rig();
    begin();
    or(words, lpi, 0b1001);
    replace(words, lpi, 0b1001, 0b1000);
    replace(words, lpi, 0b1001, 0b1111);
    or(words, listed, 0b11);
    expect(account().transitions).toEqual([0b1001, (0b1001 << 8) | 0b1000]);
  });
});
