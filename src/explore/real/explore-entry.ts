import { type PlainError, toPlain } from '../../base/irq-error.ts';
import { refuseExit } from '../control/exits.ts';
import type { CheckedScenario } from '../loading/scenario.ts';
import { loadSource, type ScenarioSource } from '../loading/source.ts';
import { explorePart } from '../search/explore.ts';
import type { ExploreOptions } from '../search/explore-options.ts';
import type { Part, PartResult } from '../search/part.ts';

/** One piece of an exploration, for a thread of the pool. */
export type PartTask = {
  readonly source: ScenarioSource;
  readonly options: ExploreOptions;
  readonly part: Part;
  /** When the time of the search is over; see {@link epochMs}. The task may have to wait for its thread. */
  readonly endsAt: number;
};

/** The time now, ms, in which all threads agree. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}

/** The answer of a part. Errors travel as plain data, because structured cloning would lose their class. */
export type PartAnswer = { readonly value: PartResult } | { readonly error: PlainError };

const loaded = new Map<string, CheckedScenario>();

/** Explores one piece in this thread; the scenario is loaded once for all pieces. */
export async function explorePiece({ source, options, part, endsAt }: PartTask): Promise<PartAnswer> {
  try {
    refuseExit();
    process.setSourceMapsEnabled(true);
    const key = JSON.stringify(source);
    const scenario = loaded.get(key) ?? (await loadSource(source));
    loaded.set(key, scenario);
    const seconds = Math.max(0, (endsAt - epochMs()) / 1000);
    return { value: explorePart(scenario, { ...options, seconds }, part) };
  } catch (error) {
    return { error: toPlain(error) };
  }
}
