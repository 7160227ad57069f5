import { Chance } from '../../src/base/chance.ts';
import { PollChoice } from '../../src/base/poll-choice.ts';
import { isHubCrowded } from '../../src/board/crowd.ts';
import type { Machine } from '../../src/board/machine.ts';
import { LATENCY } from '../../src/measure/buckets.ts';
import { Distribution } from '../../src/measure/distribution.ts';
import { lowestBit } from '../../src/memory/bits.ts';
import { EVENT_COUNT_WORDS, EventCount } from '../../src/memory/event-count.ts';
import { LINE } from '../../src/memory/layout.ts';
import type { Dispatched } from '../../src/threads/dispatcher.ts';
import { threadProgram } from '../../src/threads/programs.ts';

/*
 * The bare relay: a device's thread, the main thread and a third one pass signals on as a stress run of one device and one vCPU
 * does, by bits of words, without a GIC, irqfds or a proof. The device has the same stretches as in the stress run, every
 * wait is the machine's own, and the main thread's dispatcher is too.
 */

/** Sources of the device: bits of one word. */
export const RELAY_SOURCES = 16;
/**
 * Words, each on a line of its own: the device's signals, the signals that the main thread passed on, whether the run is
 * over.
 */
const RUNG = 0;
const PASSED = LINE;
const STOP = 2 * LINE;
/** Signals of each source, and how many of them the sink has seen; the time of one in eight signals. */
const SENT = 3 * LINE;
const SEEN = SENT + RELAY_SOURCES * LINE;
const BELLS = SEEN + RELAY_SOURCES * LINE;
export const RELAY_WORDS = BELLS + 3 * EVENT_COUNT_WORDS;

const POLL_NS = 200_000;
const LOOKS = 16;
const STAMP_EVERY = 8;

export type RelayFigures = {
  readonly delivered: number;
  readonly seconds: number;
  readonly p50: number | null;
};

function views({ words, scenario: { at } }: Machine) {
  const bell = (index: number) =>
    new EventCount(words, { at: at + BELLS + index * EVENT_COUNT_WORDS, words: EVENT_COUNT_WORDS });
  return {
    load: (field: number) => Atomics.load(words, at + field),
    store: (field: number, value: number) => Atomics.store(words, at + field, value),
    or: (field: number, bits: number) => Atomics.or(words, at + field, bits),
    take: (field: number) => Atomics.exchange(words, at + field, 0),
    main: bell(0),
    sink: bell(1),
    device: bell(2),
  };
}

/** The main thread's part. */
export function relayDispatched(machine: Machine): Dispatched {
  const shared = views(machine);
  return {
    bell: shared.main,
    get anyPending() {
      return shared.load(RUNG) !== 0;
    },
    dispatchPending() {
      if (shared.load(RUNG) === 0) return 0;
      const rung = shared.take(RUNG);
      shared.or(PASSED, rung);
      shared.sink.signal();
      return rung === 0 ? 0 : 1;
    },
  };
}

/** The third thread: notes the signals that were passed on to this thread, and wakes the device. */
export function relaySink(machine: Machine, _options: object): { run(): void } {
  const shared = views(machine);
  const { clock } = machine;
  const choice = new PollChoice(POLL_NS, !isHubCrowded(machine.config));
  const isWanted = () => shared.load(PASSED) !== 0 || shared.load(STOP) !== 0;
  const poll = (end: number) => {
    while (clock.now() < end) for (let look = 0; look < LOOKS; look++) if (isWanted()) return true;
    return false;
  };
  let taken = 0;
  const take = () => {
    for (let bits = shared.take(PASSED); bits !== 0; bits &= bits - 1) {
      const source = lowestBit(bits) * LINE;
      shared.store(SEEN + source, shared.load(SENT + source));
      taken++;
    }
    shared.device.signal();
  };
  return {
    run() {
      while (shared.load(STOP) === 0) {
        if (shared.load(PASSED) !== 0) take();
        if (isWanted()) continue;
        const start = clock.now();
        if (!poll(start + choice.pollNs)) {
          const ticket = shared.sink.announce();
          if (isWanted()) shared.sink.withdraw();
          else shared.sink.park(ticket);
        }
        const now = clock.now();
        choice.waited(now, now - start, taken);
      }
    },
  };
}

/** The device: signals in the stretches of a stress run, and waits for its signals. */
export function relayDevice(
  machine: Machine,
  { milliseconds }: { milliseconds: number },
): { run(): RelayFigures } {
  const shared = views(machine);
  const { clock } = machine;
  const chance = new Chance(1);
  chance.begin(1);
  const choice = new PollChoice(POLL_NS, !isHubCrowded(machine.config));
  const latency = new Distribution(LATENCY);
  const stamps = new Float64Array(RELAY_SOURCES);
  let delivered = 0;
  let signals = 0;

  const isSettled = (source: number) =>
    shared.load(SEEN + source * LINE) === shared.load(SENT + source * LINE);
  const settled = (source: number) => {
    if (!isSettled(source)) return false;
    const stamp = stamps[source] ?? 0;
    if (stamp > 0) latency.record(clock.now() - stamp);
    stamps[source] = 0;
    return true;
  };
  const signal = (source: number) => {
    const sent = shared.load(SENT + source * LINE);
    if (isSettled(source)) {
      delivered++;
      if (sent % STAMP_EVERY === 0) stamps[source] = clock.now();
    }
    shared.store(SENT + source * LINE, (sent + 1) | 0);
    shared.or(RUNG, 1 << source);
    shared.main.signal();
    signals++;
  };
  const unsettled = (first: number, count: number) => {
    for (let behind = count - 1; behind >= 0; behind--)
      if (!settled((first + behind) % RELAY_SOURCES)) return true;
    return false;
  };
  const poll = (first: number, count: number, end: number) => {
    while (clock.now() < end)
      for (let look = 0; look < LOOKS; look++) if (!unsettled(first, count)) return true;
    return false;
  };
  const wait = (first = 0, count = RELAY_SOURCES) => {
    if (!unsettled(first, count)) return;
    const start = clock.now();
    if (!poll(first, count, start + choice.pollNs)) {
      for (;;) {
        const ticket = shared.device.announce();
        if (!unsettled(first, count)) break;
        shared.device.park(ticket, 50);
      }
      shared.device.withdraw();
    }
    const now = clock.now();
    choice.waited(now, now - start, signals);
  };
  const pings = () => {
    const source = chance.below(RELAY_SOURCES);
    for (let ping = 0; ping < 32; ping++) {
      signal(source);
      wait();
    }
  };
  const paced = () => {
    for (let sent = 0; sent < 2_048; ) {
      let [round, busy] = [0, 0];
      for (let source = 0; source < RELAY_SOURCES; source++) {
        if (settled(source)) {
          signal(source);
          round++;
        } else {
          busy = source;
        }
      }
      if (round <= RELAY_SOURCES >> 2) wait(busy, RELAY_SOURCES >> 1);
      sent += round;
    }
    wait();
  };
  const burst = () => {
    const length = chance.below(3) === 0 ? 1_024 : 2 + chance.below(31);
    for (let sent = 0; sent < length; sent++) signal(chance.below(RELAY_SOURCES));
    wait();
  };
  const play = (end: number) => {
    while (clock.now() < end) {
      const draw = chance.below(8);
      if (draw === 0) pings();
      else if (draw < 4) paced();
      else burst();
    }
  };
  return {
    run() {
      const start = clock.now();
      play(start + milliseconds * 1e6);
      const seconds = (clock.now() - start) / 1e9;
      shared.store(STOP, 1);
      shared.sink.signal();
      return { delivered, seconds, p50: latency.summary().p50 };
    },
  };
}

const here = import.meta.url;
export const RELAY = {
  sink: threadProgram(here, relaySink),
  device: threadProgram(here, relayDevice),
};
