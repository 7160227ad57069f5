import { interruptAt } from '../memory/operation-count.ts';

/** A machine on which an update is to be tried once: a source that is connected, and its interrupt, which is not pending. */
export type UpdateTrial = {
  /** What the VMM does to the source, step by step: masks it, unmasks it. */
  readonly steps: readonly (() => void)[];
  /** What the device does: a signal, through a view of another thread. */
  readonly signal: () => void;
  /** Lets the main thread do what was left to it: after each step, and after a signal between two steps. */
  readonly dispatch: () => void;
  /** Whether the interrupt of before the update, and that of after it, are pending; one and the same where nothing moves. */
  readonly pending: () => { readonly before: boolean; readonly after: boolean };
};

/** What became of a signal: pending by the old route, by the new one, by both, or not at all. */
export type Fate = {
  readonly by: 'old' | 'new' | 'both' | 'none';
  /** Not pending yet when the next thing was done: it waited for the update to go on. */
  readonly late: boolean;
};

export type UpdateFates = {
  /** Of signals during the steps, one at each shared operation, or at as many as were to be tried. */
  readonly moments: number;
  readonly old: number;
  readonly new: number;
  /** Twice: by both routes. */
  readonly both: number;
  readonly lost: number;
  /** Of all these, those that were not pending at once. */
  readonly late: number;
  /** Of a signal between two steps, which is where most of the time goes by: gap n follows step n. */
  readonly gaps: readonly Fate[];
};

/**
 * Tries an update again and again, with a signal at another moment each time, and says what becomes of it. Exact, and
 * the same each time: one thread does both, so no moment is missed and none is likelier than it is.
 * @param make - a new machine for each trial
 * @param most - moments tried at most; if there are more, they are taken at even distances
 */
export function updateFates(make: () => UpdateTrial, most = 1000): UpdateFates {
  const first = make();
  const operations = interruptAt(Number.POSITIVE_INFINITY, nothing, () => run(first));
  const moments = Math.min(most, operations + 1);
  const counts = { old: 0, new: 0, both: 0, none: 0 };
  let late = 0;
  for (let trial = 0; trial < moments; trial++) {
    const fate = at(moments === 1 ? 0 : Math.round((trial * operations) / (moments - 1)), make());
    counts[fate.by]++;
    if (fate.late) late++;
  }
  const { none: lost, ...others } = counts;
  const gaps = first.steps.slice(1).map((_, gap) => inGap(gap, make()));
  return { moments, ...others, lost, late, gaps };
}

function at(moment: number, trial: UpdateTrial): Fate {
  let early = false;
  const signal = () => {
    trial.signal();
    early = isPending(trial);
  };
  interruptAt(moment, signal, () => run(trial));
  trial.dispatch();
  return fateOf(trial, early);
}

function inGap(gap: number, trial: UpdateTrial): Fate {
  let early = false;
  run(trial, (step) => {
    if (step !== gap) return;
    trial.signal();
    trial.dispatch();
    early = isPending(trial);
  });
  return fateOf(trial, early);
}

function run({ steps, dispatch }: UpdateTrial, after: (step: number) => void = nothing): void {
  for (const [index, step] of steps.entries()) {
    step();
    dispatch();
    after(index);
  }
}

function isPending({ pending }: UpdateTrial): boolean {
  const { before, after } = pending();
  return before || after;
}

function fateOf({ pending }: UpdateTrial, early: boolean): Fate {
  const { before, after } = pending();
  const by = before && after ? 'both' : before ? 'old' : after ? 'new' : 'none';
  return { by, late: !early && by !== 'none' };
}

function nothing(): void {}
