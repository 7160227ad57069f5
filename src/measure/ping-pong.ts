import { IrqError } from '../base/irq-error.ts';
import { EVENT_COUNT_WORDS, EventCount } from '../memory/event-count.ts';
import { LINE, type Region } from '../memory/layout.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { Clock } from './clock.ts';
import type { Bounds } from './confidence.ts';
import type { Histogram } from './histogram.ts';
import { readStamp, writeStamp } from './stamp.ts';

/**
 * The yardstick of a host: the loops of two threads that pass a turn to and fro. One calls `…Ping`, the other the
 * `…Pong` of the same name, over the same zeroed words and with the same number of rounds. Each ping records the round
 * trips in ns, from one clock reading to the next, so a round trip includes one reading.
 *
 * The turn is one word that counts up: odd is the ponger's, even the pinger's. A thread waits `patienceMs` for its
 * turn, and then throws `ERR_THREAD_SILENT`.
 */

/** Words for a pair of threads: the turn, a stamp, and a bell for each, all on lines of their own. */
export const PING_PONG_WORDS = 2 * LINE + 2 * EVENT_COUNT_WORDS;

const STAMP = LINE;
const PING_BELL = 2 * LINE;
const PONG_BELL = PING_BELL + EVENT_COUNT_WORDS;

const PATIENCE_MS = 10_000;

/** Loads between two reads of the time; about a millisecond of spinning. */
const SPINS = 1 << 18;

function silent(turn: number, patienceMs: number): IrqError {
  const round = Math.floor(turn / 2);
  return new IrqError(
    'ERR_THREAD_SILENT',
    `the other thread did not pass turn ${turn} (round ${round}) within ${patienceMs} ms`,
  );
}

function spinUntil(words: Words, at: number, turn: number, patienceMs: number): void {
  for (let spins = 0; load(words, at) !== turn; spins++) {
    if (spins === SPINS) {
      spinOn(words, at, turn, patienceMs);
      return;
    }
  }
}

/** The rest of a long spin: off the fast path, which stays a load and a compare. */
function spinOn(words: Words, at: number, turn: number, patienceMs: number): void {
  const end = performance.now() + patienceMs;
  while (load(words, at) !== turn) if (performance.now() > end) throw silent(turn, patienceMs);
}

function parkUntil(words: Words, at: number, turn: number, bell: EventCount, patienceMs: number): void {
  while (load(words, at) !== turn) {
    const ticket = bell.announce();
    if (load(words, at) === turn) {
      bell.withdraw();
      return;
    }
    if (!bell.park(ticket, patienceMs) && load(words, at) !== turn) throw silent(turn, patienceMs);
  }
}

const bellAt = (words: Words, at: number) => new EventCount(words, { at, words: EVENT_COUNT_WORDS });

/** Both threads spin on the turn: the fastest exchange between two threads. */
export function spinPing(
  words: Words,
  { at }: Region,
  rounds: number,
  clock: Clock,
  histogram: Histogram,
  patienceMs = PATIENCE_MS,
): void {
  const first = load(words, at);
  let last = clock.now();
  for (let turn = first; turn < first + 2 * rounds; turn += 2) {
    store(words, at, turn + 1);
    spinUntil(words, at, turn + 2, patienceMs);
    const now = clock.now();
    histogram.record(now - last);
    last = now;
  }
}

export function spinPong(words: Words, { at }: Region, rounds: number, patienceMs = PATIENCE_MS): void {
  const first = load(words, at) & ~1; // the first ping may be there already
  for (let turn = first + 1; turn < first + 2 * rounds; turn += 2) {
    spinUntil(words, at, turn, patienceMs);
    store(words, at, turn + 1);
  }
}

/** Both threads sleep until the other wakes them: measures this host's wake-up. */
export function parkPing(
  words: Words,
  { at }: Region,
  rounds: number,
  clock: Clock,
  histogram: Histogram,
  patienceMs = PATIENCE_MS,
): void {
  const [own, other] = [bellAt(words, at + PING_BELL), bellAt(words, at + PONG_BELL)];
  const first = load(words, at);
  let last = clock.now();
  for (let turn = first; turn < first + 2 * rounds; turn += 2) {
    store(words, at, turn + 1);
    other.signal();
    parkUntil(words, at, turn + 2, own, patienceMs);
    const now = clock.now();
    histogram.record(now - last);
    last = now;
  }
}

export function parkPong(words: Words, { at }: Region, rounds: number, patienceMs = PATIENCE_MS): void {
  const [own, other] = [bellAt(words, at + PONG_BELL), bellAt(words, at + PING_BELL)];
  const first = load(words, at) & ~1;
  for (let turn = first + 1; turn < first + 2 * rounds; turn += 2) {
    parkUntil(words, at, turn, own, patienceMs);
    store(words, at, turn + 1);
    other.signal();
  }
}

/**
 * Bounds the difference between the other thread's clock and this one's. In each round, the other thread reads its
 * clock between two readings of this one. So its clock is ahead by at least its reading minus the later of the two, and
 * by at most its reading minus the earlier. Returns the tightest bounds of all rounds, ns. If both threads read one
 * clock, the range contains zero and is about as wide as the fastest round trip; a range without zero means two clocks.
 */
export function offsetPing(
  words: Words,
  { at }: Region,
  rounds: number,
  clock: Clock,
  patienceMs = PATIENCE_MS,
): Bounds {
  const first = load(words, at);
  let low = Number.NEGATIVE_INFINITY;
  let high = Number.POSITIVE_INFINITY;
  for (let turn = first; turn < first + 2 * rounds; turn += 2) {
    const before = clock.now();
    store(words, at, turn + 1);
    spinUntil(words, at, turn + 2, patienceMs);
    const after = clock.now();
    const other = readStamp(words, at + STAMP);
    low = Math.max(low, other - after);
    high = Math.min(high, other - before);
  }
  return { low, high };
}

export function offsetPong(
  words: Words,
  { at }: Region,
  rounds: number,
  clock: Clock,
  patienceMs = PATIENCE_MS,
): void {
  const first = load(words, at) & ~1;
  for (let turn = first + 1; turn < first + 2 * rounds; turn += 2) {
    spinUntil(words, at, turn, patienceMs);
    writeStamp(words, at + STAMP, clock.now());
    store(words, at, turn + 1);
  }
}
