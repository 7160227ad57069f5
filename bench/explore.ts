/**
 * Schedules per second of the explorer in one thread: 2 and 3 threads with 10 adds each on one word, the program that
 * the figures recorded for other tools were measured with (on another machine of two x86-64 cores; see docs).
 */
import { fileURLToPath } from 'node:url';
import { checkScenario, type Scenario } from '../src/explore/loading/scenario.ts';
import { withSimulation } from '../src/explore/running/simulation.ts';
import { type Profile, takeProfile } from '../src/explore/search/profile.ts';
import { Dfs } from '../src/explore/search/strategies/dfs.ts';
import { Dpor } from '../src/explore/search/strategies/dpor.ts';
import { Pct } from '../src/explore/search/strategies/pct.ts';
import { Pos } from '../src/explore/search/strategies/pos.ts';
import { RandomWalk } from '../src/explore/search/strategies/random.ts';
import type { Strategy } from '../src/explore/search/strategies/strategy.ts';
import { Surw } from '../src/explore/search/strategies/surw.ts';
import { Urw } from '../src/explore/search/strategies/urw.ts';

/** One line of the result: schedules per second, 0 where the benchmark took no measurement. */
export type Speed = {
  readonly what: string;
  readonly two: number;
  readonly three: number;
  readonly recorded: boolean;
};

/** Recorded with the tools themselves on a machine of two cores; 2 × 10 and 3 × 10 fetch-adds, single-threaded. */
const RECORDED: readonly Speed[] = [
  { what: 'relacy (C++ fibers), random', two: 1_438_701, three: 823_112, recorded: true },
  { what: 'shuttle 0.9.3 (Rust), random', two: 207_019, three: 143_068, recorded: true },
  { what: 'shuttle 0.9.3 (Rust), pct(3)', two: 220_248, three: 153_243, recorded: true },
  { what: 'loom 0.7.2 (Rust), exhaustive', two: 21_651, three: 15_595, recorded: true },
  { what: 'fast-check 4, scheduler', two: 5_156, three: 5_061, recorded: true },
];

const STRATEGIES: readonly (readonly [string, (profile: Profile) => Strategy])[] = [
  ['random', () => new RandomWalk(1)],
  ['pct(2)', (profile) => new Pct(1, 2, profile.steps)],
  ['pct(3)', (profile) => new Pct(1, 3, profile.steps)],
  ['pos', () => new Pos(1)],
  ['urw', (profile) => new Urw(1, profile)],
  ['surw', (profile) => new Surw(1, profile)],
  ['dfs', () => new Dfs()],
  ['dfs, 2 preemptions', () => new Dfs({ kind: 'preemptions', most: 2 })],
  ['dpor', () => new Dpor()],
];

function adds(threads: number): Scenario<Int32Array> {
  const body = (words: Int32Array): void => {
    for (let k = 0; k < 10; k++) Atomics.add(words, 0, 1);
  };
  return {
    name: `add-${threads}x10`,
    words: 1,
    threads: Object.fromEntries(
      Array.from({ length: threads }, (_, i) => [`t${i}`, (words: Int32Array) => body(words)]),
    ),
    finally(words) {
      if (Atomics.load(words, 0) !== threads * 10) throw new Error('an add was lost');
    },
  };
}

/** Schedules per second of one strategy: the best of five windows, as other work on the machine only slows a window. */
function measure(threads: number, make: (profile: Profile) => Strategy, ms: number): number {
  const now = performance.now.bind(performance);
  return withSimulation(
    checkScenario(adds(threads)),
    1,
    { maxSteps: 1000, timeouts: 'late' },
    ({ simulator }) => {
      const profile = takeProfile(simulator);
      let strategy = make(profile);
      let index = 0;
      let best = 0;
      for (let window = 0; window < 6; window++) {
        let schedules = 0;
        const start = now();
        while (now() - start < ms / 6) {
          for (let k = 0; k < 200; k++) {
            const how = simulator.run(strategy, index);
            if (how === 'failed' || how === 'stuck' || how === 'limit')
              throw new Error('a schedule of mere adds has failed');
            if (how === undefined) {
              // A search that is through begins again.
              strategy = make(profile);
              continue;
            }
            schedules++;
            index++;
          }
        }
        // The first window warms up.
        if (window > 0) best = Math.max(best, (schedules / (now() - start)) * 1000);
      }
      return Math.round(best);
    },
  );
}

/** Milliseconds for every schedule of 3 × 10 with at most two preemptions, and how many they are. */
function timeBounded(): { schedules: number; ms: number } {
  const now = performance.now.bind(performance);
  return withSimulation(checkScenario(adds(3)), 1, { maxSteps: 1000, timeouts: 'late' }, ({ simulator }) => {
    const dfs = new Dfs({ kind: 'preemptions', most: 2 });
    const start = now();
    let schedules = 0;
    while (simulator.run(dfs, schedules) !== undefined) schedules++;
    return { schedules, ms: now() - start };
  });
}

export type Speeds = {
  readonly lines: readonly Speed[];
  readonly bounded: { schedules: number; ms: number };
};

/** Measures every strategy. */
export function run(ms = 1000): Speeds {
  const bounded = timeBounded();
  const measured = STRATEGIES.map(
    ([what, make]): Speed => ({
      what,
      two: measure(2, make, ms),
      three: measure(3, make, ms),
      recorded: false,
    }),
  );
  return { lines: [...measured, ...RECORDED], bounded };
}

export function format({ lines, bounded }: Speeds): string {
  return [
    'exploration, schedules/s, one thread                2 x 10        3 x 10',
    ...lines.map(({ what, two, three, recorded }) => {
      const label = recorded ? `  recorded: ${what}` : `irqloom ${what}`;
      return `${label.padEnd(46)}${two.toLocaleString('en-US').padStart(12)}  ${three.toLocaleString('en-US').padStart(12)}`;
    }),
    `every schedule of 3 x 10 with at most 2 preemptions: ${bounded.schedules} in ${bounded.ms.toFixed(1)} ms, from a cold start`,
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(format(run()));
