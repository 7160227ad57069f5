import type { Race } from '../running/data-races.ts';
import type { Simulation } from '../running/simulation.ts';
import type { Timeouts } from '../running/simulator-options.ts';
import { toFailure } from './failure.ts';
import { record } from './record.ts';
import type { DataRace, RaceAccess, TraceEntry } from './result.ts';

/** Most races reported: more of them have one cause. */
export const MOST_RACES = 32;

type Met = { readonly race: Race; readonly turns: ReadonlyMap<number, number> };

/** The data races of a search, each with the first schedule in which its accesses met. */
export class RaceList {
  readonly #met: Met[] = [];

  /** Takes in the last schedule. */
  add({ simulator }: Simulation): void {
    const { races } = simulator;
    if (races === undefined || races.fresh.size === 0) return;
    races.accept();
    const turns = new Map(
      Array.from(simulator.choices.subarray(0, simulator.choiceCount), (thread, i) => [i, thread]),
    );
    for (const race of races.fresh.values()) {
      if (this.#met.length < MOST_RACES) this.#met.push({ race, turns });
    }
  }

  /** Runs those schedules once more, to find the places in the source. */
  describe(simulation: Simulation, seed: number, timeouts: Timeouts): DataRace[] {
    const recordings = new Map<Met['turns'], ReturnType<typeof record>>();
    return this.#met.map(({ race, turns }): DataRace => {
      const recording = recordings.get(turns) ?? record(simulation, turns);
      recordings.set(turns, recording);
      const { trace, steps } = recording;
      const shownFrom = steps.length - trace.length;
      const [first, second] = [trace[race.first - shownFrom], trace[race.second - shownFrom]];
      const { token } = toFailure(simulation, recording, 'best-found', seed, timeouts);
      return { word: second?.target ?? '', first: accessOf(first), second: accessOf(second), token };
    });
  }
}

function accessOf(entry: TraceEntry | undefined): RaceAccess {
  if (entry === undefined) return { thread: '', kind: 'read', site: '' };
  const { thread, op, site, callers } = entry;
  return { thread, kind: op, site, ...(callers === undefined ? {} : { callers }) };
}

/** Merges the races of several parts of a search; keeps the first part's version of each. */
export function mergeRaces(known: readonly DataRace[], more: readonly DataRace[]): DataRace[] {
  const keys = new Set(known.map(keyOf));
  const merged = [...known];
  for (const race of more) {
    if (keys.has(keyOf(race)) || merged.length >= MOST_RACES) continue;
    keys.add(keyOf(race));
    merged.push(race);
  }
  return merged;
}

/** One for each word, pair of threads and pair of kinds. */
export function keyOf({ word, first, second }: DataRace): string {
  const accesses = [`${first.thread} ${first.kind}`, `${second.thread} ${second.kind}`].sort();
  return [word, ...accesses].join('|');
}

/** The memory model's part of the report, for a search that has seen every schedule of code with plain accesses. */
export function sayMemoryModel(races: readonly DataRace[]): string {
  if (races.length === 0)
    return 'no data race: what holds in every schedule holds in the JavaScript memory model';
  const n =
    races.length === MOST_RACES
      ? `${MOST_RACES} data races or more`
      : `${races.length} data race${races.length === 1 ? '' : 's'}`;
  return `${n}: the memory model also allows values that no schedule gives, and those were not tried`;
}
