import { getHeapStatistics } from 'node:v8';
import type { Machine } from '../src/board/machine.ts';
import type { Guest, Vcpu } from '../src/board/vcpu.ts';
import { LATENCY } from '../src/measure/buckets.ts';
import { Distribution, type Summary } from '../src/measure/distribution.ts';
import { Histogram, histogramWords } from '../src/measure/histogram.ts';
import { PING_PONG_WORDS, spinPing, spinPong } from '../src/measure/ping-pong.ts';
import { waitPing, waitPong } from '../src/measure/wait-ping-pong.ts';
import { LINE } from '../src/memory/layout.ts';
import { guestProgram, threadProgram } from '../src/threads/programs.ts';

/** The words that the programs of this benchmark share, in the scenario's region, each on a line of its own. */
const REPLIES = 0;
const GAME = LINE;
const TABLE = 2 * LINE;
export const BENCH_WORDS = TABLE + PING_PONG_WORDS;

export type TripOptions = { readonly blocks: number; readonly rounds: number; readonly parked: boolean };
/** Round trips through the machine, and of two bare words between the same two threads, ns. */
export type TripFigures = { readonly through: Summary; readonly bare: Summary };
export type RateOptions = { readonly milliseconds: number; readonly events: number; readonly burst: number };
export type RateFigures = { readonly injected: number; readonly seconds: number };
export type HeapFigures = { readonly signals: number; readonly grownBytes: number };

/** Where the bare ping-pong of the two threads lies, that every figure is held against. */
const tableOf = ({ scenario }: Machine) => ({ at: scenario.at + TABLE, words: PING_PONG_WORDS });

/** A guest that answers each interrupt with a count that the device reads; and that plays when a game is on. */
export function replyingGuest(machine: Machine, vcpu: Vcpu, { parked, rounds }: TripOptions): Guest {
  const { words, scenario } = machine;
  const play = parked ? waitPong : spinPong;
  return {
    boot() {
      vcpu.cpu.priorityMask = 0xf0;
      vcpu.cpu.groupEnable1 = true;
    },
    interrupt() {
      Atomics.add(words, scenario.at + REPLIES, 1);
      if (parked) Atomics.notify(words, scenario.at + REPLIES);
    },
    finished() {
      if (Atomics.load(words, scenario.at + GAME) === 0) return false;
      Atomics.store(words, scenario.at + GAME, 0);
      play(words, tableOf(machine), rounds);
      return false;
    },
  };
}

/** A guest whose handler is empty; the vCPU itself counts the interrupts. */
export function quietGuest(_machine: Machine, vcpu: Vcpu): Guest {
  return {
    boot() {
      vcpu.cpu.priorityMask = 0xf0;
      vcpu.cpu.groupEnable1 = true;
    },
    interrupt() {},
  };
}

/**
 * Signals eventfd 0 and waits for the guest's reply, over and over; and plays against the vCPU in between, in blocks that
 * take turns: the cost of a wake-up depends on the cores of the two threads, so both blocks have to use the same two.
 */
export function roundTrips(
  machine: Machine,
  { blocks, rounds, parked }: TripOptions,
): { run(): TripFigures } {
  const { words, scenario, clock, vm } = machine;
  const at = scenario.at + REPLIES;
  const awaitReply = (before: number) => {
    while (Atomics.load(words, at) === before) if (parked) Atomics.wait(words, at, before, 1000);
  };
  const trip = () => {
    const before = Atomics.load(words, at);
    const start = clock.now();
    vm.irqfds.write(0);
    awaitReply(before);
    return clock.now() - start;
  };
  const play = parked ? waitPing : spinPing;
  const block = (through: Distribution, bare: Histogram) => {
    Atomics.store(words, scenario.at + GAME, 1);
    // The vCPU plays when its list is empty, which may be before the vCPU takes this signal or after.
    const before = Atomics.load(words, at);
    vm.irqfds.write(0);
    play(words, tableOf(machine), rounds, clock, bare);
    awaitReply(before);
    for (let round = 0; round < rounds; round++) through.record(trip());
  };
  return {
    run() {
      for (let n = 0; n < blocks; n++) block(new Distribution(LATENCY), ownHistogram());
      const [through, bare] = [new Distribution(LATENCY), ownHistogram()];
      for (let n = 0; n < blocks; n++) block(through, bare);
      return { through: through.summary(), bare: bare.read().summary() };
    },
  };
}

function ownHistogram(): Histogram {
  const words = new Int32Array(new SharedArrayBuffer(4 * histogramWords(LATENCY)));
  return new Histogram(words, { at: 0, words: words.length }, LATENCY);
}

/** Signals its events in bursts, one after the other, without any wait. */
export function flood(
  machine: Machine,
  { milliseconds, events, burst }: RateOptions,
): { run(): RateFigures } {
  const { clock, vm } = machine;
  const signal = (end: number) => {
    let injected = 0;
    while (clock.now() < end) {
      for (let i = 0; i < burst; i++) vm.irqfds.write(i % events);
      injected += burst;
    }
    return injected;
  };
  return {
    run() {
      signal(clock.now() + 300e6);
      const start = clock.now();
      const injected = signal(start + milliseconds * 1e6);
      return { injected, seconds: (clock.now() - start) / 1e9 };
    },
  };
}

/** Signals ten million times and says by how much this thread's heap has grown. */
export function floodOnHeap(machine: Machine, { signals }: { signals: number }): { run(): HeapFigures } {
  return {
    run() {
      for (let i = 0; i < 200_000; i++) machine.vm.irqfds.write(0);
      const before = getHeapStatistics().used_heap_size;
      for (let i = 0; i < signals; i++) machine.vm.irqfds.write(0);
      return { signals, grownBytes: getHeapStatistics().used_heap_size - before };
    },
  };
}

const here = import.meta.url;

/** The programs, for a cast: loaded from `dist`, as the benchmark itself. */
export const PROGRAMS = {
  replyingGuest: guestProgram(here, replyingGuest),
  quietGuest: guestProgram(here, quietGuest),
  roundTrips: threadProgram(here, roundTrips),
  flood: threadProgram(here, flood),
  floodOnHeap: threadProgram(here, floodOnHeap),
};
