import { getHeapStatistics } from 'node:v8';
import type { Machine } from '../src/machine/machine.ts';
import type { Guest, Vcpu } from '../src/machine/vcpu.ts';
import { LATENCY } from '../src/measure/buckets.ts';
import { Distribution, type Summary } from '../src/measure/distribution.ts';

/** What the programs of this benchmark share, in words of the scenario's region, each on a line of its own. */
const REPLIES = 0;
const TURNS = 16; // two, the device's and the vCPU's
const GAME = 48;
export const BENCH_WORDS = 64;

export type TripOptions = { readonly blocks: number; readonly rounds: number; readonly parked: boolean };
/** Round trips through the machine, and of two bare words between the same two threads, ns. */
export type TripFigures = { readonly through: Summary; readonly bare: Summary };
export type RateOptions = { readonly milliseconds: number; readonly events: number; readonly burst: number };
export type RateFigures = { readonly injected: number; readonly seconds: number };
export type HeapFigures = { readonly signals: number; readonly grownBytes: number };

/** One side of a ping-pong over two bare words: the calibration that every figure is held against. */
function passTurns(
  { words, scenario, clock }: Machine,
  { rounds, parked }: TripOptions,
  first: boolean,
  trips?: Distribution,
): void {
  const mine = scenario.at + TURNS + (first ? 0 : 16);
  const theirs = scenario.at + TURNS + (first ? 16 : 0);
  const await_ = (value: number) => {
    for (let seen = Atomics.load(words, theirs); seen !== value; seen = Atomics.load(words, theirs)) {
      if (parked) Atomics.wait(words, theirs, seen, 1000);
    }
  };
  const say = (value: number) => {
    Atomics.store(words, mine, value);
    if (parked) Atomics.notify(words, mine);
  };
  for (let round = 1; round <= rounds; round++) {
    const start = first ? clock.now() : 0;
    if (!first) await_(round);
    say(round);
    if (first) await_(round);
    trips?.record(clock.now() - start);
  }
}

/** A guest that answers each interrupt by counting it where the device looks; and that plays when a game is on. */
export function replyingGuest(machine: Machine, vcpu: Vcpu, options: unknown): Guest {
  const { parked } = options as TripOptions;
  const { words, scenario } = machine;
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
      passTurns(machine, options as TripOptions, false);
      return false;
    },
  };
}

/** A guest that does nothing with its interrupts; they are counted by the vCPU itself. */
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
 * take turns: what a wake-up costs depends on where the system has put two threads, so they have to be the same two.
 */
export function roundTrips(machine: Machine, options: unknown): { run(): TripFigures } {
  const { blocks, rounds, parked } = options as TripOptions;
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
  const block = (through: Distribution, bare: Distribution) => {
    Atomics.store(words, scenario.at + TURNS, 0);
    Atomics.store(words, scenario.at + TURNS + 16, 0);
    Atomics.store(words, scenario.at + GAME, 1);
    // The vCPU plays when it finds nothing more to do, which may be before it takes this signal or after.
    const before = Atomics.load(words, at);
    vm.irqfds.write(0);
    passTurns(machine, options as TripOptions, true, bare);
    awaitReply(before);
    for (let round = 0; round < rounds; round++) through.record(trip());
  };
  return {
    run() {
      const [through, bare] = [new Distribution(LATENCY), new Distribution(LATENCY)];
      for (let n = 0; n < blocks; n++) block(new Distribution(LATENCY), new Distribution(LATENCY));
      for (let n = 0; n < blocks; n++) block(through, bare);
      return { through: through.summary(), bare: bare.summary() };
    },
  };
}

/** Signals its events in bursts, one after the other, without waiting for anything. */
export function flood(machine: Machine, options: unknown): { run(): RateFigures } {
  const { milliseconds, events, burst } = options as RateOptions;
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
export function floodOnHeap(machine: Machine, options: unknown): { run(): HeapFigures } {
  const { signals } = options as { signals: number };
  return {
    run() {
      for (let i = 0; i < 200_000; i++) machine.vm.irqfds.write(0);
      const before = getHeapStatistics().used_heap_size;
      for (let i = 0; i < signals; i++) machine.vm.irqfds.write(0);
      return { signals, grownBytes: getHeapStatistics().used_heap_size - before };
    },
  };
}
