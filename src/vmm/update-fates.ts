import { interruptAt } from '../memory/operation-count.ts';

/** A machine for one trial of an update: one connected source, whose interrupt is not pending. */
export type UpdateTrial = {
  /** The VMM's steps on the source: mask, unmask. */
  readonly steps: readonly (() => void)[];
  /** The device's signal, through a view of another thread. */
  readonly signal: () => void;
  /** Runs the main thread's left work: after each step, and after a signal between two steps. */
  readonly dispatch: () => void;
  /**
   * Whether the interrupt before the update, and after it, is pending; the same interrupt if the source does not move.
   */
  readonly pending: () => { readonly before: boolean; readonly after: boolean };
};

/** The fate of a signal: pending by the old route, by the new route, by both, or by none. */
export type Fate = {
  readonly by: 'old' | 'new' | 'both' | 'none';
  /** Not pending yet at the next step: the signal waited for the update to go on. */
  readonly late: boolean;
};

export type UpdateFates = {
  /** Number of signals during the steps: one before each shared operation, or a sample of them. */
  readonly moments: number;
  readonly old: number;
  readonly new: number;
  /** Pending twice: by both routes. */
  readonly both: number;
  readonly lost: number;
  /** The part of all these that was not pending at once. */
  readonly late: number;
  /** The fate of a signal between two steps, where most of the time passes: gap n follows step n. */
  readonly gaps: readonly Fate[];
};

/**
 * Tries an update again and again, each time with a signal at another moment, and reports the fate of each signal.
 * Exact and repeatable: one thread plays both sides, so no moment is missed or favoured.
 * @param make - makes a new machine for each trial
 * @param most - most moments to try; if there are more, the trials are spaced evenly
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
