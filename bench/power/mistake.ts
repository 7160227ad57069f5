import { filesOf, type MistakeName, ruleOf, withMistakes } from '../../test/guards/index.ts';

/** A mistake that a careless hand makes in one file of `src`. */
export type Mistake = NamedMistake | MadeMistake;

/** A mistake of the table of guards. */
export type NamedMistake = {
  /** Its name in the table: the guard, and the edit. */
  readonly guard: MistakeName;
  readonly file: string;
  /** The rule that the guard keeps. */
  readonly rule: string;
};

/** A mistake that is made by rule: `to` takes the place of `from`, which stands at `at`, in UTF-16 units. */
export type MadeMistake = {
  /** The edit, and the edited code. */
  readonly guard: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly at: number;
};

/** The mistakes of some names. @throws Error for an unknown mistake, or a mistake in several files */
export function named(names: readonly MistakeName[]): NamedMistake[] {
  return names.map((guard) => {
    const [file, ...others] = filesOf(guard);
    if (file === undefined || others.length > 0)
      throw new Error(`"${guard}" changes ${1 + others.length} files: a copy has mistakes of one`);
    return { guard, file, rule: ruleOf(guard) };
  });
}

/** The text of the file of a mistake, with the mistake made. @throws Error where the mistake does not fit the text */
export function withMistake(mistake: Mistake, text: string): string {
  if (!('at' in mistake)) return withMistakes(mistake.file, text, mistake.guard);
  const { file, from, to, at } = mistake;
  if (!text.startsWith(from, at)) throw new Error(`src/${file} has something else at ${at}`);
  return text.slice(0, at) + to + text.slice(at + from.length);
}
