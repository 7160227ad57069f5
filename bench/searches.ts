/**
 * The two searches of classes beside each other, `dpor` and `optimal`: schedules, schedules that showed nothing new, and seconds, on
 * the programs of the self-test and both variants of each race of the catalogue.
 */
import { fileURLToPath } from 'node:url';
import { checkScenario, type Scenario } from '../src/explore/loading/scenario.ts';
import { withSimulation } from '../src/explore/running/simulation.ts';
import { takeProfile } from '../src/explore/search/profile.ts';
import { Dpor } from '../src/explore/search/strategies/dpor.ts';
import { Optimal } from '../src/explore/search/strategies/optimal.ts';
import type { Strategy } from '../src/explore/search/strategies/strategy.ts';
import { RACES } from '../src/races/index.ts';
import { LITMUS } from '../src/races/litmus/names.ts';

const SECONDS = Number(process.env.SECS ?? 5);
const SEARCHES: readonly (() => Strategy)[] = [() => new Dpor(), () => new Optimal()];

export type Searched = {
  readonly schedules: number;
  readonly extra: number;
  readonly failing: number;
  readonly seconds: number;
  readonly done: boolean;
};
export type Line = { readonly name: string; readonly searches: readonly Searched[] };

function search(scenario: Scenario, make: () => Strategy): Searched {
  const now = performance.now.bind(performance);
  return withSimulation(checkScenario(scenario), 1, { maxSteps: 10_000, timeouts: 'never' }, ({ simulator }) => {
    takeProfile(simulator);
    const strategy = make();
    const start = now();
    let [schedules, extra, failing] = [0, 0, 0];
    for (let i = 0; ; i++) {
      if ((i & 31) === 0 && now() - start > SECONDS * 1000) break;
      const how = simulator.run(strategy, i);
      if (how === undefined) return { schedules, extra, failing, seconds: (now() - start) / 1000, done: true };
      if (how === 'pruned') extra++;
      else schedules++;
      if (how !== 'pruned' && how !== 'ended') failing++;
    }
    return { schedules, extra, failing, seconds: (now() - start) / 1000, done: false };
  });
}

function programs(): Scenario[] {
  const litmus = LITMUS.flatMap(({ usual, make }) => usual.map((numbers) => make(...numbers)));
  return [...litmus, ...RACES.flatMap(({ buggy, fixed }) => [buggy, fixed])] as Scenario[];
}

export function run(): Line[] {
  const only = process.env.ONLY;
  const order = programs().filter((p) => only === undefined || p.name.includes(only));
  return order.map((scenario): Line => {
    const line = { name: scenario.name, searches: SEARCHES.map((make) => search(scenario, make)) };
    console.log(format([line]));
    return line;
  });
}

export function format(lines: readonly Line[]): string {
  return lines.map(({ name, searches }) => {
    const cells = searches.map(({ schedules, extra, seconds, failing, done }) =>
      `${schedules}${done ? '' : '+'}`.padStart(9) + `${extra}`.padStart(7) + `${failing}`.padStart(7) + seconds.toFixed(3).padStart(9));
    const rate = searches.map(({schedules, seconds}) => schedules / seconds);
    return `${name.padEnd(36)}${cells.join('')} ${((rate[1] as number) / (rate[0] as number)).toFixed(2)}`;
  }).join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) run();
