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
};

/** The answer of a piece: errors as plain data, because they would lose their class on the way. */
export type PartAnswer = { readonly value: PartResult } | { readonly error: PlainError };

const loaded = new Map<string, CheckedScenario>();

/** Explores one piece in this thread; loads the scenario once for all pieces. */
export async function explorePiece({ source, options, part }: PartTask): Promise<PartAnswer> {
  try {
    refuseExit();
    process.setSourceMapsEnabled(true);
    const key = JSON.stringify(source);
    const scenario = loaded.get(key) ?? (await loadSource(source));
    loaded.set(key, scenario);
    return { value: explorePart(scenario, options, part) };
  } catch (error) {
    return { error: toPlain(error) };
  }
}
