import { Chance } from '../base/chance.ts';
import { plural } from '../base/plural.ts';
import { ExploredGuest, type GuestOptions } from './explored-guest.ts';
import { showSchedule } from './lanes.ts';
import type { GuestExploreResult, GuestFailure } from './result.ts';
import { type Chooser, following, type Outcome, runSchedule, undisturbed } from './run-schedule.ts';
import { SharedPlaces } from './shared-places.ts';
import { shrink } from './shrink.ts';
import { communication, GUEST_STRATEGIES, type GuestStrategy, pct, random } from './strategies.ts';
import { NO_SYMBOLS, type Symbols } from './symbols.ts';
import { encodeGuestToken, hashOf } from './token.ts';

/** Options of a search of a guest's schedules. */
export type GuestSearch = GuestOptions & {
  /** The guest's name in the result. */
  readonly name: string;
  /** `auto`: all strategies in turn. */
  readonly strategy: GuestStrategy | 'auto';
  /** For PCT: the number of ordering constraints that a bug needs. */
  readonly depth: number;
  readonly seed: number;
  readonly schedules: number;
  readonly seconds: number;
  /** The bound of a schedule: instructions of all vCPUs together. Absent: {@link limitOf} chooses the bound. */
  readonly limit?: number | undefined;
  readonly symbols?: Symbols | undefined;
};

/** Counts of a search so far. */
export type GuestProgress = Pick<
  GuestExploreResult,
  | 'schedules'
  | 'ended'
  | 'bounded'
  | 'limit'
  | 'instructions'
  | 'bootInstructions'
  | 'sharedPlaces'
  | 'seconds'
> & {
  /** The failure that was found, before its schedule is made smaller. */
  readonly found?: string;
};

/** The progress before the guest has come to its moment. */
export function noProgress(search: Pick<GuestSearch, 'limit'>): GuestProgress {
  const counts = { schedules: 0, ended: 0, bounded: 0, instructions: 0 };
  return { ...counts, limit: search.limit ?? WHOLE, bootInstructions: 0, sharedPlaces: 0, seconds: 0 };
}

/** Schedules before the search that record every access: one undisturbed, the others of short turns. */
const LEARNING = 3;
const LEARNING_INSTRUCTIONS = 200_000;
/** A guest that ends by itself within so many instructions is run to its end. */
const WHOLE = 1_000_000;
/** The bound for any other guest: hundreds of schedules a second, where {@link WHOLE} would make a few. */
const WINDOW = 20_000;
const SHRINK_RUNS = 3_000;
const SHRINK_MS = 15_000;
const BETWEEN_BREATHS_MS = 50;

/** How a caller follows a search, and ends it. */
export type GuestWatch = {
  readonly signal?: { readonly aborted: boolean };
  readonly onProgress?: (progress: GuestProgress) => void;
};

/**
 * Boots a guest to its start point, and runs schedules from there until one fails or the budget is spent. Yields to the event loop now
 * and then.
 * @throws IrqError as {@link ExploredGuest}
 */
export async function exploreGuest(search: GuestSearch, watch: GuestWatch = {}): Promise<GuestExploreResult> {
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const isOver = () => watch.signal?.aborted === true || seconds() >= search.seconds;
  const guest = new ExploredGuest(search, isOver);
  const places = new SharedPlaces();
  const counts = { schedules: 0, ended: 0, bounded: 0, instructions: 0 };
  const take = (outcome: Outcome): Outcome => {
    counts.schedules++;
    counts.instructions += outcome.instructions;
    if (outcome.how === 'end') counts.ended++;
    if (outcome.how === 'limit') counts.bounded++;
    return outcome;
  };
  let found: { readonly outcome: Outcome; readonly strategy: GuestFailure['strategy'] } | undefined;
  let limit = search.limit ?? WHOLE;
  const progress = (): GuestProgress => ({
    ...{ ...counts, limit, bootInstructions: guest.bootInstructions },
    ...{ sharedPlaces: places.offsets.length, seconds: seconds() },
  });
  watch.onProgress?.(progress());
  const chance = new Chance(search.seed);
  const searchFrom = performance.now();

  const first = take(runSchedule(guest, undisturbed(), limit));
  limit = limitOf(search, first);
  const length = Math.min(limit, first.instructions);
  if (first.wrong) found = { outcome: first, strategy: 'undisturbed' };
  for (let round = 0; round < LEARNING && !found && !isOver() && wantsPlaces(search); round++) {
    if (counts.schedules >= search.schedules) break;
    chance.begin(-1 - round);
    const chooser = round === 0 ? undisturbed() : random(chance, length);
    const outcome = places.learn(guest, chooser, Math.min(limit, LEARNING_INSTRUCTIONS));
    counts.instructions += outcome.instructions;
    if (outcome.wrong) found = { outcome: take(outcome), strategy: round === 0 ? 'undisturbed' : 'random' };
  }
  let breath = performance.now();
  for (let index = 0; !found && !isOver() && counts.schedules < search.schedules; index++) {
    const strategy =
      search.strategy === 'auto'
        ? (GUEST_STRATEGIES[index % GUEST_STRATEGIES.length] ?? 'random')
        : search.strategy;
    chance.begin(index);
    const chooser = chooserOf(strategy, chance, search.depth, length);
    prepare(guest, strategy, places);
    const outcome = take(runSchedule(guest, chooser, limit));
    if (outcome.wrong) found = { outcome, strategy };
    if (performance.now() - breath < BETWEEN_BREATHS_MS) continue;
    watch.onProgress?.(progress());
    await new Promise((resolve) => setImmediate(resolve));
    breath = performance.now();
  }
  guest.outside.stopsAtAccess = false;
  guest.watched.none();
  const spent = (performance.now() - searchFrom) / 1000;
  const wrong = found?.outcome.wrong;
  if (wrong) watch.onProgress?.({ ...progress(), found: `${wrong.kind}: ${wrong.message}` });
  const failure =
    found &&
    failureOf(guest, found.outcome, found.strategy, { ...search, limit }, counts.schedules, watch.signal);
  return {
    guest: search.name,
    strategy: search.strategy,
    seed: search.seed,
    verdict: failure ? 'fail' : 'unknown',
    exhausted: false,
    ...(watch.signal?.aborted ? { interrupted: true as const } : {}),
    ...counts,
    limit,
    seconds: seconds(),
    schedulesPerSecond: Math.round(counts.schedules / Math.max(spent, 1e-6)),
    bootInstructions: guest.bootInstructions,
    sharedPlaces: places.offsets.length,
    ...(failure ? { failure } : {}),
    statement: statement({ ...counts, limit }, failure !== undefined),
  };
}

/** The bound of a schedule: by default, longer for a guest whose undisturbed schedule ends by itself than for one that goes on. */
function limitOf({ limit }: GuestSearch, first: Outcome): number {
  return limit ?? (first.how === 'limit' ? WINDOW : WHOLE);
}

/** The result of a search that was ended before it had a result of its own: its counts. */
export function partialResult(
  search: Pick<GuestSearch, 'name' | 'strategy' | 'seed'>,
  { found, ...counts }: GuestProgress,
): GuestExploreResult {
  const fails = `schedule ${counts.schedules} fails, ${found}; the search was ended before that was made smaller`;
  return {
    guest: search.name,
    strategy: search.strategy,
    seed: search.seed,
    verdict: found === undefined ? 'unknown' : 'fail',
    exhausted: false,
    interrupted: true,
    ...counts,
    schedulesPerSecond: Math.round(counts.schedules / Math.max(counts.seconds, 1e-6)),
    statement: found === undefined ? statement(counts, false) : fails,
  };
}

function statement(
  { schedules, bounded, limit }: { schedules: number; bounded: number; limit: number },
  failed: boolean,
): string {
  const bound =
    bounded === 0
      ? ''
      : `, ${bounded.toLocaleString('en-US')} of them to the bound of ${plural(limit, 'instruction')}`;
  return failed
    ? `schedule ${schedules} fails${bound}`
    : `${plural(schedules, 'schedule')} ${schedules === 1 ? 'was' : 'were'} run${bound}, and none failed; others may`;
}

const wantsPlaces = ({ strategy }: GuestSearch) => strategy === 'auto' || strategy === 'communication';

function chooserOf(strategy: GuestStrategy, chance: Chance, depth: number, length: number): Chooser {
  if (strategy === 'random') return random(chance, length);
  return strategy === 'pct' ? pct(chance, depth, length) : communication(chance);
}

function prepare(guest: ExploredGuest, strategy: GuestStrategy, places: SharedPlaces): void {
  const stops = strategy === 'communication';
  guest.outside.stopsAtAccess = stops;
  if (stops) places.watch(guest);
  else guest.watched.none();
}

function failureOf(
  guest: ExploredGuest,
  outcome: Outcome,
  strategy: GuestFailure['strategy'],
  search: GuestSearch & { readonly limit: number },
  schedule: number,
  signal: GuestWatch['signal'],
): GuestFailure {
  const { limit, kernel, initrd, devices, symbols = NO_SYMBOLS } = search;
  const end = performance.now() + SHRINK_MS;
  const isOver = () => signal?.aborted === true || performance.now() > end;
  const small = shrink(guest, { turns: outcome.turns, outcome }, { limit, runs: SHRINK_RUNS, isOver });
  const { lanes, outcome: shown, preemptions } = showSchedule(guest, following(small.turns), limit, symbols);
  const wrong = shown.wrong ?? outcome.wrong;
  const { vcpus, memoryMiB, memoryModel, append, from } = search;
  const files = hashOf(initrd ? [kernel, initrd] : [kernel], devices);
  return {
    kind: wrong?.kind ?? 'stuck',
    message: wrong?.message ?? '',
    token: encodeGuestToken({
      ...{ files, vcpus, memoryMiB, memoryModel, append, from, limit },
      turns: small.turns,
    }),
    preemptions,
    turns: small.turns.length,
    instructions: shown.instructions,
    strategy,
    schedule,
    lanes,
    console: guest.lines.since,
  };
}
