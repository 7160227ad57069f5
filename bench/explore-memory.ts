/**
 * What plain accesses and large memories cost a search, as ratios within one run: the same program with Atomics and
 * without, and over 64 bytes and 64 MiB of which 64 bytes are touched. One thread, random walk, processor time.
 */
import { fileURLToPath } from 'node:url';
import { get, set } from '../src/explore/control/plain.ts';
import { checkScenario, type Scenario } from '../src/explore/loading/scenario.ts';
import { withSimulation } from '../src/explore/running/simulation.ts';
import { RandomWalk } from '../src/explore/search/strategies/random.ts';
import { cpuMs } from './cpu-time.ts';

/** Schedules per second of one program, by the number of its threads. */
type Row = { readonly what: string; readonly two: number; readonly three: number };

export type MemoryCosts = {
  readonly atomics: Row;
  /** Rewritten code, as of files and of tests with the plugin; and closures, which go through proxies. */
  readonly plain: Row;
  readonly proxied: Row;
  readonly small: Row;
  readonly large: Row;
};

type Words = Int32Array;
type Body = (words: Words) => void;

const TIMES = 5;
const WINDOWS = 8;
const BYTES = 64;
const LARGE_BYTES = 64 * 2 ** 20;

const INCREMENTS: Readonly<Record<string, Body>> = {
  atomics(words) {
    for (let k = 0; k < TIMES; k++) Atomics.store(words, 0, Atomics.load(words, 0) + 1);
  },
  /** The rewritten form of `words[0] = words[0] + 1`. */
  plain(words) {
    for (let k = 0; k < TIMES; k++) set(words, 0, (get(words, 0) as number) + 1);
  },
  proxied(words) {
    for (let k = 0; k < TIMES; k++) words[0] = (words[0] as number) + 1;
  },
};

/** Touches all words of the first 64 bytes. */
const touch: Body = (words) => {
  for (let at = 0; at < BYTES / 4; at++) Atomics.add(words, at, 1);
};

function scenario(body: Body, threads: number, bytes: number): Scenario<Words> {
  return {
    name: 'cost',
    setup: () => new Int32Array(new SharedArrayBuffer(bytes)),
    threads: Object.fromEntries(
      Array.from({ length: threads }, (_, t) => [`t${t}`, (words: Words) => body(words)]),
    ),
  };
}

/** Schedules per second: the best of some windows, the first of which warms up. */
function measure(body: Body, threads: number, ms: number, bytes = BYTES): number {
  const limits = { maxSteps: 1000, timeouts: 'late' } as const;
  return withSimulation(checkScenario(scenario(body, threads, bytes)), 1, limits, ({ simulator }) => {
    const strategy = new RandomWalk(1);
    let best = 0;
    let index = 0;
    for (let window = 0; window < WINDOWS; window++) {
      const first = index;
      const start = cpuMs();
      while (cpuMs() - start < ms / WINDOWS) {
        for (let k = 0; k < 500; k++) {
          if (simulator.run(strategy, index++) !== 'ended')
            throw new Error('a schedule of mere additions has failed');
          // As a search does: races are told of once.
          if (simulator.races !== undefined && simulator.races.fresh.size > 0) simulator.races.accept();
        }
      }
      if (window > 0) best = Math.max(best, ((index - first) / (cpuMs() - start)) * 1000);
    }
    return Math.round(best);
  });
}

/** Measures all rows. */
export function run(ms = 1000): MemoryCosts {
  const row = (what: string, body: Body = touch, bytes?: number): Row => ({
    what,
    two: measure(body, 2, ms, bytes),
    three: measure(body, 3, ms, bytes),
  });
  return {
    atomics: row('x = x + 1 by Atomics.load and store, 5 each', INCREMENTS.atomics),
    plain: row('the same without Atomics, rewritten', INCREMENTS.plain),
    proxied: row('the same without Atomics, by proxies', INCREMENTS.proxied),
    small: row('16 words of 64 bytes', touch, BYTES),
    large: row('16 words of 64 MiB', touch, LARGE_BYTES),
  };
}

export function format({ atomics, plain, proxied, small, large }: MemoryCosts): string {
  const line = ({ what, two, three }: Row, of?: Row): string => {
    const ratios =
      of === undefined ? '' : `  ${(two / of.two).toFixed(2)} and ${(three / of.three).toFixed(2)} ×`;
    return `  ${what.padEnd(44)}${[two, three].map((n) => n.toLocaleString('en-US').padStart(12)).join('  ')}${ratios}`;
  };
  return [
    'plain accesses and large memory, schedules/s       2 threads     3 threads',
    line(atomics),
    line(plain, atomics),
    line(proxied, atomics),
    line(small),
    line(large, small),
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(format(run()));
