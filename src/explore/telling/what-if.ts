import type { CheckedScenario } from '../loading/scenario.ts';
import { valueAt } from '../running/execute.ts';
import { format, type Point } from '../running/operation.ts';
import { type Simulation, withSimulation } from '../running/simulation.ts';
import { HANG_MS, NO_END, watched } from '../running/watchdog.ts';
import { FollowChoices } from '../search/schedule.ts';
import { countThreads, type RunEnd, type RunView } from '../search/strategies/strategy.ts';
import { type Recording, record } from './record.ts';
import type { FailureKind, ThreadEnd, TraceEntry } from './result.ts';
import { decodeToken, encodeToken, type Token } from './token.ts';

/** A schedule, from one of its steps on, with the values of shared words. */
export type Story = {
  readonly token: string;
  /** The step that the first entry of the trace is, from 1. */
  readonly from: number;
  readonly trace: readonly TraceEntry[];
  /** By entry of the trace: the value of each word after that step, in the order of {@link WhatIf.words}; later words are missing. */
  readonly values: readonly (readonly string[])[];
  readonly threads: readonly ThreadEnd[];
  /** How it fails; `open` where it was given up after `MOST_STEPS` steps more, null where it ends well. */
  readonly kind: FailureKind | 'open' | null;
  readonly message: string;
  readonly preemptions: number;
};

/** The schedule that begins like the failing one, lets another thread go on before step `at`, and then goes on by default. */
export type Alternative = Story & { readonly at: number; readonly thread: string };

/** A failing schedule step by step, and each schedule that differs from it in the choice of one thread. */
export type WhatIf = {
  readonly words: readonly string[];
  /** The values of the words before the first entry of the failing schedule's trace. */
  readonly before: readonly string[];
  readonly failing: Story;
  /** Last steps first. */
  readonly alternatives: readonly Alternative[];
  /** How many alternatives there are in all; more than are listed where that was too many. */
  readonly all: number;
  /** The alternative that ends well and begins longest like the failing schedule; absent where none ends well. */
  readonly passing?: number;
};

export type WhatIfOptions = {
  /** The bound on the failing schedule's own steps, with which it was found; 10,000 where not given. */
  readonly steps?: number;
  readonly dataRaces?: 'list' | 'fail';
};

/** An alternative is given up after so many steps beyond those of the failing schedule. */
export const MOST_STEPS = 200;
const MOST_ALTERNATIVES = 400;
/** All alternatives together have so many steps, about: a reader waits for them, and a page has to hold them. */
const MOST_RUN = 20_000;
/** Longer schedules have no alternatives: with `MOST_STEPS` more, record.ts would leave their first steps out. */
const LONGEST = 200;

/**
 * Runs the schedule of a token again, and then, for each of its steps and each other thread that could have gone on, the
 * schedule in which that thread does. In the calling thread; bounded by counts, and not by time.
 * @returns undefined where the schedule does not fail any more, or has no end.
 * @throws IrqError `ERR_TOKEN`
 */
export function whatIfChecked(
  text: string,
  scenario: CheckedScenario,
  { steps = 10_000, dataRaces = 'list' }: WhatIfOptions = {},
): WhatIf | undefined {
  const token = decodeToken(text, scenario.name);
  const { seed, timeouts, shared = [] } = token;
  const limits = (maxSteps: number) => ({ maxSteps, timeouts, shared, failsOnRace: dataRaces === 'fail' });
  const tell = (maxSteps: number) =>
    withSimulation(scenario, seed, limits(maxSteps), (simulation) => new Telling(simulation, token));
  const length = tell(steps).length;
  if (length === undefined) return undefined;
  // The simulator gives a schedule that it follows twice the bound.
  const most = length > LONGEST ? steps : Math.min(steps, Math.ceil((length + MOST_STEPS) / 2));
  return withSimulation(scenario, seed, limits(most), (simulation) =>
    new Telling(simulation, token).tell(most < steps),
  );
}

class Telling {
  readonly #simulation: Simulation;
  readonly #token: Token;
  /** Words by name, in the order in which they were met. */
  readonly #words = new Map<string, Point>();
  readonly #first: Told | undefined;

  constructor(simulation: Simulation, token: Token) {
    this.#simulation = simulation;
    this.#token = token;
    const told = this.#run(new Map(token.turns));
    this.#first = told?.recording.failure === undefined ? undefined : told;
  }

  /** How many steps the failing schedule has; undefined where it does not fail. */
  get length(): number | undefined {
    return this.#first?.recording.steps.length;
  }

  /** @param isCut - whether schedules are given up before the bound of the user */
  tell(isCut: boolean): WhatIf | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    const alternatives: Alternative[] = [];
    const { all, forks } = this.#forks(first);
    let run = 0;
    for (const { at, turns, thread } of forks) {
      if (run > MOST_RUN) break;
      const other = this.#run(turns);
      // A thread that comes to no operation: its code cannot be run again.
      if (other === undefined) break;
      run += other.recording.steps.length;
      alternatives.push({ ...this.#story(other, at, isCut), at, thread });
    }
    // Once more, with the words that only alternatives touch.
    const again = this.#run(new Map(this.#token.turns)) ?? first;
    const { recording, watch } = again;
    const from = recording.steps.length - recording.trace.length + 1;
    const passing = alternatives.findIndex(({ kind }) => kind === null);
    return {
      words: [...this.#words.keys()],
      before: watch.rows[from - 1] ?? [],
      failing: this.#story(again, from, false),
      alternatives,
      all,
      ...(passing < 0 ? {} : { passing }),
    };
  }

  /** Where another thread could have gone on, last steps first, with the choices that let it. */
  #forks({ recording, watch }: Told): { readonly all: number; readonly forks: readonly Fork[] } {
    const { choices, steps } = recording;
    if (steps.length > LONGEST) return { all: 0, forks: [] };
    const { threadNames } = this.#simulation.scenario;
    const forks: Fork[] = [];
    for (let step = steps.length - 1; step >= 0; step--) {
      const enabled = watch.enabled[step] ?? 0;
      const choice = watch.choicesBefore[step] ?? 0;
      for (const [t, thread] of threadNames.entries()) {
        if (t === steps[step]?.thread || (enabled & (1 << t)) === 0) continue;
        const turns = new Map(choices.slice(0, choice).map((taken, i) => [i, taken]));
        forks.push({ at: step + 1, thread, turns: turns.set(choice, t) });
      }
    }
    return { all: forks.length, forks: forks.slice(0, MOST_ALTERNATIVES) };
  }

  /** Runs a schedule; again where it has touched words that were not known, to have their values from the beginning on. */
  #run(turns: ReadonlyMap<number, number>): Told | undefined {
    const known = this.#words.size;
    const watch = new Watch(turns, this.#simulation, this.#words);
    const recording = watched(HANG_MS, () => record(this.#simulation, turns, watch));
    if (recording === NO_END) {
      this.#simulation.runner.abandon();
      return undefined;
    }
    return this.#words.size > known ? this.#run(turns) : { recording, watch };
  }

  #story({ recording, watch }: Told, at: number, isCut: boolean): Story {
    const { trace, steps, failure, how, threads, preemptions, turns, marks } = recording;
    const from = Math.max(at, steps.length - trace.length + 1);
    return {
      token: encodeToken({
        ...this.#token,
        turns: [...turns],
        marks,
        shared: this.#simulation.ownership.ranges,
      }),
      from,
      trace: trace.slice(from - 1 - (steps.length - trace.length)),
      values: watch.rows.slice(from),
      threads,
      kind: isCut && how === 'limit' ? 'open' : (failure?.kind ?? null),
      message: failure?.message ?? '',
      preemptions,
    };
  }
}

type Fork = { readonly at: number; readonly thread: string; readonly turns: ReadonlyMap<number, number> };
type Told = { readonly recording: Recording; readonly watch: Watch };

/** Follows choices, and notes before each step which threads could go on, and the value of every word that is known. */
class Watch extends FollowChoices {
  readonly #simulation: Simulation;
  readonly #words: Map<string, Point>;
  #view: RunView | undefined;
  #choices = 0;
  /** By step, from 0: the threads that could go on, as bits; and the choices that were made before. */
  readonly enabled: number[] = [];
  readonly choicesBefore: number[] = [];
  /** By number of steps that were done: the values. */
  readonly rows: string[][] = [];

  constructor(turns: ReadonlyMap<number, number>, simulation: Simulation, words: Map<string, Point>) {
    super(turns);
    this.#simulation = simulation;
    this.#words = words;
  }

  override begin(run: RunView): boolean {
    this.#view = run;
    this.#choices = 0;
    this.rows.length = 0;
    return super.begin(run);
  }

  override choose(enabled: number, current: number): number {
    const { steps } = this.#view as RunView;
    this.#look();
    this.enabled[steps] = enabled;
    this.choicesBefore[steps] = this.#choices;
    if (countThreads(enabled) > 1) this.#choices++;
    return super.choose(enabled, current);
  }

  override end(how: RunEnd): void {
    this.#look();
    super.end(how);
  }

  #look(): void {
    const { steps, stepPoint } = this.#view as RunView;
    const last = steps > 0 ? stepPoint[steps - 1] : undefined;
    if (last !== undefined && last.at >= 0 && last.size > 0) {
      const name = this.#simulation.memory.nameOf(last.at, last.size);
      if (name !== '' && !this.#words.has(name)) this.#words.set(name, last);
    }
    this.rows[steps] = Array.from(this.#words.values(), (point) => shown(valueAt(point)));
  }
}

function shown(value: ReturnType<typeof valueAt>): string {
  return typeof value === 'bigint' ? format(value) : String(value);
}
