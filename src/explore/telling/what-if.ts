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
  /** The number, from 1, of the step in the trace's first entry. */
  readonly from: number;
  readonly trace: readonly TraceEntry[];
  /** By entry of the trace: the values after that step, in the order of {@link WhatIf.words}, without later words. */
  readonly values: readonly (readonly string[])[];
  readonly threads: readonly ThreadEnd[];
  /** The failure; `open` if abandoned after `MOST_STEPS` more steps, null for a good end. */
  readonly kind: FailureKind | 'open' | null;
  readonly message: string;
  readonly preemptions: number;
};

/**
 * The schedule that begins as the failing one, lets another thread go on before step `at`, and continues by default.
 */
export type Alternative = Story & { readonly at: number; readonly thread: string };

/** A failing schedule step by step, and each schedule that differs from it in one choice of a thread. */
export type WhatIf = {
  readonly words: readonly string[];
  /** The values of the words before the first entry of the failing schedule's trace. */
  readonly before: readonly string[];
  readonly failing: Story;
  /** Last steps first. */
  readonly alternatives: readonly Alternative[];
  /** The number of alternatives; more than are listed if there are too many. */
  readonly all: number;
  /** The alternative with a good end that shares the longest beginning; absent if none ends well. */
  readonly passing?: number;
};

export type WhatIfOptions = {
  /** The bound on the failing schedule's own steps at its finding; default 10,000. */
  readonly steps?: number;
  readonly dataRaces?: 'list' | 'fail';
};

/** An alternative is abandoned after this many steps beyond the failing schedule's. */
export const MOST_STEPS = 200;
const MOST_ALTERNATIVES = 400;
/** Approximate total steps of all alternatives: a reader waits for them, and a page must hold them. */
const MOST_RUN = 20_000;
/** Longer schedules have no alternatives: with `MOST_STEPS` more, record.ts would omit their first steps. */
const LONGEST = 200;

/**
 * Runs the schedule of a token again. Then, for each of its steps and each other runnable thread, runs the schedule in
 * which that thread goes on. In the calling thread; bounded by counts and not by time.
 * @returns undefined if the schedule no longer fails, or has no end.
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
  // The simulator allows a followed schedule twice the bound.
  const most = length > LONGEST ? steps : Math.min(steps, Math.ceil((length + MOST_STEPS) / 2));
  return withSimulation(scenario, seed, limits(most), (simulation) =>
    new Telling(simulation, token).tell(most < steps),
  );
}

class Telling {
  readonly #simulation: Simulation;
  readonly #token: Token;
  /** Words by name, in the order of first use. */
  readonly #words = new Map<string, Point>();
  readonly #first: Told | undefined;

  constructor(simulation: Simulation, token: Token) {
    this.#simulation = simulation;
    this.#token = token;
    const told = this.#run(new Map(token.turns));
    this.#first = told?.recording.failure === undefined ? undefined : told;
  }

  /** The number of steps of the failing schedule; undefined if the schedule does not fail. */
  get length(): number | undefined {
    return this.#first?.recording.steps.length;
  }

  /** @param isCut - whether schedules are abandoned before the user's bound */
  tell(isCut: boolean): WhatIf | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    const alternatives: Alternative[] = [];
    const { all, forks } = this.#forks(first);
    let run = 0;
    for (const { at, turns, thread } of forks) {
      if (run > MOST_RUN) break;
      const other = this.#run(turns);
      // A thread came to no operation: its code cannot run again.
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

  /** The choices at which another thread could go on, last steps first, with the choices for that thread. */
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

  /**
   * Runs a schedule; once more if the schedule touched new words, to have their values from the beginning.
   */
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

/** Follows choices, and records before each step the runnable threads and the value of every known word. */
class Watch extends FollowChoices {
  readonly #simulation: Simulation;
  readonly #words: Map<string, Point>;
  #view: RunView | undefined;
  #choices = 0;
  /** By step, from 0: the runnable threads, as bits; and the number of choices before. */
  readonly enabled: number[] = [];
  readonly choicesBefore: number[] = [];
  /** By number of steps done: the values. */
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
