import { IrqError } from '../base/irq-error.ts';
import { checkScenario, type Failure } from '../explore/index.ts';
import type { SharedMemory } from '../explore/memory/shared-memory.ts';
import { OPERATION_NAMES, type Point } from '../explore/running/operation.ts';
import { withSimulation } from '../explore/running/simulation.ts';
import { byDefault } from '../explore/search/schedule.ts';
import type { RunView, Strategy } from '../explore/search/strategies/strategy.ts';
import { toFailure } from '../explore/telling/failure.ts';
import { record } from '../explore/telling/record.ts';
import type { Race, Variant } from './race.ts';

/** A step of a named schedule in one of the variants. */
type NamedStep = { readonly name: string; readonly thread: number; readonly place: string | undefined };

/** A variant of a race, run along the race's own schedule. */
export type NamedRun = {
  readonly failure?: Failure;
  /** Steps that this variant lacks, or could not take at their turn. */
  readonly skipped: readonly string[];
};

const MOST_STEPS = 20_000;
/** The place of a step that runs its thread as far as the thread can go. */
const REST = 'rest';

/**
 * Runs a variant along the catalogue's schedule. After the schedule, every thread runs as far as possible.
 */
export function runNamedSchedule(race: Race, variant: Variant): NamedRun {
  const scenario = checkScenario(race[variant]);
  const steps = stepsOf(race, variant, scenario.threadNames);
  return withSimulation(scenario, 0, { maxSteps: MOST_STEPS, timeouts: 'never' }, (simulation) => {
    const follow = new FollowNames(steps, simulation.memory);
    const how = simulation.simulator.run(follow, 0);
    const skipped = [...follow.skipped];
    if (how === 'ended') return { skipped };
    const { choices, choiceCount } = simulation.simulator;
    const turns = new Map(Array.from(choices.subarray(0, choiceCount), (thread, choice) => [choice, thread]));
    const failure = toFailure(simulation, record(simulation, turns), 'best-found', 0, 'never');
    return { failure, skipped };
  });
}

/** The steps of a schedule in order, without its marks. */
export function stepNames(schedule: string): string[] {
  return schedule.split(/\s+/).filter((word) => word !== '!' && word !== '|' && word !== '');
}

function stepsOf(race: Race, variant: Variant, threads: readonly string[]): NamedStep[] {
  return stepNames(race.schedule).map((name) => {
    const thread = threads.indexOf(name.split(':')[0] ?? '');
    const place = race.steps[name];
    if (thread < 0 || place === undefined) {
      throw new IrqError(
        'ERR_SCENARIO',
        `race ${race.slug}: the step ${name} of its schedule has no thread or no place`,
      );
    }
    return { name, thread, place: typeof place === 'string' ? place : place[variant === 'buggy' ? 0 : 1] };
  });
}

/** Lets the threads run from one named step to the next. */
class FollowNames implements Strategy {
  readonly name = 'named';
  readonly everyStep = true;
  readonly watches = true;
  readonly skipped: string[] = [];
  readonly #steps: readonly NamedStep[];
  readonly #memory: SharedMemory;
  #run: RunView | undefined;
  #next = 0;
  #looked = 0;

  constructor(steps: readonly NamedStep[], memory: SharedMemory) {
    this.#steps = steps;
    this.#memory = memory;
  }

  begin(run: RunView): boolean {
    this.#run = run;
    this.#next = 0;
    this.#looked = 0;
    this.skipped.length = 0;
    return true;
  }

  choose(enabled: number, current: number): number {
    this.#look();
    for (; this.#next < this.#steps.length; this.#next++) {
      const step = this.#steps[this.#next] as NamedStep;
      if (step.place !== undefined && (enabled & (1 << step.thread)) !== 0) return step.thread;
      if (step.place !== REST) this.skipped.push(step.name);
    }
    return byDefault(enabled, current);
  }

  end(): void {
    this.#look();
    for (; this.#next < this.#steps.length; this.#next++) {
      const step = this.#steps[this.#next] as NamedStep;
      if (step.place !== REST) this.skipped.push(step.name);
    }
  }

  /** Crosses off the operations made since the last look. */
  #look(): void {
    const run = this.#run as RunView;
    for (; this.#looked < run.steps; this.#looked++) {
      const step = this.#steps[this.#next];
      if (step === undefined || run.stepThread[this.#looked] !== step.thread) continue;
      if (this.#isAt(run.stepPoint[this.#looked] as Point, step.place)) this.#next++;
    }
  }

  #isAt(point: Point, place: string | undefined): boolean {
    const [op, word = ''] = place?.split(' ') ?? [];
    if (OPERATION_NAMES[point.op] !== op) return false;
    const target = this.#memory.nameOf(point.at, point.size);
    // `count` is also the word `count[0]`, and `its0.event` the word `its0.event3.lpi`; but `lock` is not `locked`.
    return target.startsWith(word) && !/[a-z]/i.test(target.charAt(word.length));
  }
}
