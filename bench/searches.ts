/**
 * The search of classes and the search of states beside each other, `dpor` and `states`: schedules, those that showed nothing new,
 * and processor time, on the programs of the self-test and both variants of each race of the catalogue. Programs on which both are over
 * within a tenth of a second are summed up in one line.
 */
import { fileURLToPath } from 'node:url';
import { type CheckedScenario, checkScenario } from '../src/explore/loading/scenario.ts';
import { withSimulation } from '../src/explore/running/simulation.ts';
import { Dpor } from '../src/explore/search/strategies/dpor.ts';
import { States } from '../src/explore/search/strategies/states.ts';
import type { Strategy } from '../src/explore/search/strategies/strategy.ts';
import { RACES } from '../src/races/index.ts';
import { LITMUS } from '../src/races/litmus/names.ts';
import { cpuMs } from './cpu-time.ts';

const MAKE: readonly (() => Strategy)[] = [() => new Dpor(), () => new States()];
/** A search is left after so much processor time. */
const MOST_MS = 2000;
const SHORT_MS = 100;
const CLOCK_EVERY = 64;

/** One search of one program. */
export type Searched = {
  readonly schedules: number;
  /** Schedules that were begun and showed nothing new. */
  readonly extra: number;
  readonly ms: number;
  readonly isWhole: boolean;
};
export type Line = { readonly name: string; readonly dpor: Searched; readonly states: Searched };

function search(scenario: CheckedScenario, strategy: Strategy): Searched {
  const limits = { maxSteps: 10_000, timeouts: 'never' } as const;
  return withSimulation(scenario, 1, limits, ({ simulator }) => {
    const start = cpuMs();
    let [schedules, extra] = [0, 0];
    for (let i = 0; ; i++) {
      const isOver = i % CLOCK_EVERY === 0 && cpuMs() - start > MOST_MS;
      const how = isOver ? undefined : simulator.run(strategy, i);
      if (how === undefined) return { schedules, extra, ms: cpuMs() - start, isWhole: !isOver };
      if (how === 'pruned') extra++;
      else schedules++;
    }
  });
}

/** Runs both searches on every program; the first program is run once before, to warm up. */
export function run(): readonly Line[] {
  const litmus = LITMUS.flatMap(({ usual, make }) => usual.map((numbers) => checkScenario(make(...numbers))));
  const races = RACES.flatMap(({ buggy, fixed }) => [checkScenario(buggy), checkScenario(fixed)]);
  const both = (scenario: CheckedScenario): Line => {
    const [dpor, states] = MAKE.map((make) => search(scenario, make())) as [Searched, Searched];
    return { name: scenario.name, dpor, states };
  };
  return [...litmus.slice(0, 1), ...litmus, ...races].map(both).slice(1);
}

/** Undefined where one of the two was left: their schedules are not alike. */
const timesAsFast = ({ dpor, states }: Line): number | undefined =>
  dpor.isWhole && states.isWhole ? dpor.ms / states.ms : undefined;

export function format(lines: readonly Line[]): string {
  const cells = ({ schedules, extra, ms, isWhole }: Searched): string =>
    `${schedules.toLocaleString('en-US')}${isWhole ? ' ' : '+'}`.padStart(10) +
    extra.toLocaleString('en-US').padStart(9) +
    `${(ms / 1000).toFixed(2)} s`.padStart(9);
  const isShort = ({ dpor, states }: Line) => dpor.ms < SHORT_MS && states.ms < SHORT_MS;
  const sum = (of: 'dpor' | 'states'): Searched =>
    lines.filter(isShort).reduce<Searched>(
      (all, { [of]: each }) => ({
        schedules: all.schedules + each.schedules,
        extra: all.extra + each.extra,
        ms: all.ms + each.ms,
        isWhole: true,
      }),
      { schedules: 0, extra: 0, ms: 0, isWhole: true },
    );
  const short: Line = {
    name: `${lines.filter(isShort).length} short ones`,
    dpor: sum('dpor'),
    states: sum('states'),
  };
  return [
    'searches (+: left before its end)             dpor: schedules, in vain         states: schedules, in vain     as fast',
    ...[...lines.filter((line) => !isShort(line)), short].map(
      (line) =>
        `${line.name.padEnd(40)}${cells(line.dpor)}   ${cells(line.states)}${(timesAsFast(line)?.toFixed(2) ?? '-').padStart(9)} x`,
    ),
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(format(run()));
