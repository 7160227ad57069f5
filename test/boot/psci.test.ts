import { describe, expect, test } from 'vitest';
import { GuestClock } from '../../src/boot/guest-clock.ts';
import { bootRegions } from '../../src/boot/plan.ts';
import { Psci } from '../../src/boot/psci.ts';
import { encode } from '../../src/gic/system-registers.ts';
import { GenericTimer, type TimerState } from '../../src/kvm/timer/generic-timer.ts';
import { CLOCK_WORDS, Clock, startClock } from '../../src/measure/clock.ts';
import { Layout } from '../../src/memory/layout.ts';
import type { Words } from '../../src/memory/word.ts';
import { passesEvery } from '../exploring.ts';

const layout = new Layout();
const clockRegion = layout.region('clock', CLOCK_WORDS);
const { vcpus } = bootRegions(layout, { vcpus: 20, platform: { devices: [], firstFd: 0 }, pages: 0 });
const fresh = (): Words => new Int32Array(new SharedArrayBuffer(layout.words * 4));

const CPU_ON = 0xc400_0003n;
const AFFINITY_INFO = 0xc400_0004n;
const NOWHERE = () => undefined;

describe('PSCI', () => {
  const make = () => new Psci(fresh(), vcpus, (address) => address >= 0x4000_0000);

  test('CPU_ON turns a vCPU on once: pending, then on; a second call returns that state', () => {
    const psci = make();
    const on = (): unknown => psci.call([CPU_ON, 1n, 0x4000_1000n, 7n], NOWHERE);
    expect(on()).toEqual({ kind: 'answer', x0: 0n });
    expect(psci.isPending(1)).toBe(true);
    expect(on()).toEqual({ kind: 'answer', x0: BigInt.asUintN(64, -5n) });
    expect(psci.start(1)).toEqual({ pc: 0x4000_1000n, x0: 7n });
    expect(on()).toEqual({ kind: 'answer', x0: BigInt.asUintN(64, -4n) });
    expect(psci.call([AFFINITY_INFO, 1n, 0n, 0n], NOWHERE)).toEqual({ kind: 'answer', x0: 0n });
    psci.turnOff(1);
    expect(psci.call([AFFINITY_INFO, 1n, 0n, 0n], NOWHERE)).toEqual({ kind: 'answer', x0: 1n });
  });

  test('PSCI names vCPUs by affinity: vCPU 16 is Aff1 1, Aff0 0', () => {
    const psci = make();
    psci.call([CPU_ON, 0x100n, 0x4000_0000n, 0n], NOWHERE);
    expect(psci.isPending(16)).toBe(true);
  });

  test('PSCI refuses a nonexistent vCPU, an entry point outside memory, and an unknown function', () => {
    const psci = make();
    const x0 = (...call: [bigint, bigint, bigint, bigint]) => psci.call(call, NOWHERE);
    expect(x0(CPU_ON, 0x10n, 0x4000_0000n, 0n)).toEqual({ kind: 'answer', x0: BigInt.asUintN(64, -2n) });
    expect(x0(CPU_ON, 1n, 0x1000n, 0n)).toEqual({ kind: 'answer', x0: BigInt.asUintN(64, -9n) });
    expect(x0(0x8400_0055n, 0n, 0n, 0n)).toEqual({ kind: 'answer', x0: BigInt.asUintN(64, -1n) });
    expect(x0(0x8400_0008n, 0n, 0n, 0n)).toEqual({ kind: 'system-off' });
  });

  test('of two vCPUs that turn a third on at once, one succeeds, and its entry point applies', () => {
    const small = new Layout();
    const { vcpus: three } = bootRegions(small, {
      vcpus: 3,
      platform: { devices: [], firstFd: 0 },
      pages: 0,
    });
    const from = three[0]?.psci.at ?? 0;
    // The power states alone, moved to the start of the explored memory.
    const moved = three.map((regions, index) => ({ ...regions, psci: { at: 16 * index, words: 16 } }));
    expect(from).toBeGreaterThan(0);
    const turnOn = (pc: bigint) => (words: Words) => {
      const psci = new Psci(words, moved, () => true);
      const answer = psci.call([CPU_ON, 2n, pc, pc], NOWHERE);
      if (answer.kind === 'answer' && answer.x0 === 0n) expect(psci.start(2)).toEqual({ pc, x0: pc });
    };
    passesEvery({ words: 64, threads: { first: turnOn(0x1000n), second: turnOn(0x2000n) } });
  });
});

describe('the generic timer', () => {
  const make = () => {
    const state = (): TimerState => ({ control: 0n, compare: 0n });
    const virtual = state();
    let now = 1000;
    const timer = new GenericTimer({ virtual, physical: state(), count: () => BigInt(now) });
    return { timer, virtual, pass: (ticks: number) => (now += ticks) };
  };
  const CTL = encode(3, 3, 14, 3, 1);
  const CVAL = encode(3, 3, 14, 3, 2);
  const TVAL = encode(3, 3, 14, 3, 0);

  test('the generic timer asserts its line once the counter has reached CVAL, unless masked', () => {
    const { timer, virtual, pass } = make();
    timer.write(CVAL, 1100n);
    timer.write(CTL, 1n);
    expect(GenericTimer.isAsserted(virtual, 1099)).toBe(false);
    expect(GenericTimer.isAsserted(virtual, 1100)).toBe(true);
    expect(GenericTimer.deadlineOf(virtual)).toBe(1100);
    pass(100);
    expect(timer.read(CTL)).toBe(5n);
    timer.write(CTL, 3n);
    expect(GenericTimer.isAsserted(virtual, 1100)).toBe(false);
    expect(timer.read(CTL)).toBe(7n);
  });

  test('TVAL counts down from the written value, below zero', () => {
    const { timer, pass } = make();
    timer.write(TVAL, 50n);
    expect(timer.read(CVAL)).toBe(1050n);
    pass(60);
    expect(timer.read(TVAL)).toBe(0xffff_fff6n);
    timer.write(TVAL, 0xffff_ffffn);
    expect(timer.read(CVAL)).toBe(1059n);
  });

  test('the generic timer has no other registers', () => {
    const { timer } = make();
    expect(timer.read(encode(3, 3, 14, 3, 3))).toBeUndefined();
    expect(timer.write(encode(3, 3, 14, 0, 2), 0n)).toBe(false);
    expect(timer.read(encode(3, 0, 12, 12, 0))).toBeUndefined();
  });
});

describe("the guest's clock", () => {
  const make = () => {
    const words = fresh();
    startClock(words, clockRegion);
    const clock = new GuestClock(words, vcpus, 'virtual', new Clock(words, clockRegion));
    clock.reset();
    return clock;
  };

  test('virtual time is that of the vCPU that has run the most, and never goes back', () => {
    const clock = make();
    expect(clock.nowOf(0, 500)).toBe(500);
    expect(clock.nowOf(1, 20)).toBe(500);
    expect(clock.nowOf(1, 700)).toBe(700);
    expect(clock.nowOf(0, 501)).toBe(700);
  });

  test('a vCPU that wakes up continues from the current time', () => {
    const clock = make();
    clock.nowOf(0, 10_000);
    clock.catchUp(1, 5, clock.now());
    expect(clock.nowOf(1, 6)).toBe(10_001);
    clock.catchUp(1, 6, 100);
    expect(clock.nowOf(1, 7)).toBe(10_002);
  });

  test('a deadline may have more than 32 bits, or be none', () => {
    const clock = make();
    expect(clock.deadline(0)).toBe(Number.POSITIVE_INFINITY);
    clock.setDeadline(0, 2 ** 40 + 3);
    expect(clock.deadline(0)).toBe(2 ** 40 + 3);
  });
});
