/**
 * The random strategies against recorded means: how many schedules each takes to the failure of six programs. The
 * reference was sampled with 40 seeds, so each of its 36 figures has a standard error of about 16 %, and some have to lie
 * far off. Two checks therefore: each figure within 25 %, but for three that are named; and each column as a whole, and
 * all columns together, by chi-square, with the reference's noise and ours.
 */
import { describe, expect, test } from 'vitest';
import { Chance } from '../../src/base/chance.ts';
import type { Scenario } from '../../src/explore/loading/scenario.ts';
import type { Profile } from '../../src/explore/search/profile.ts';
import { Pct } from '../../src/explore/search/strategies/pct.ts';
import { Pos } from '../../src/explore/search/strategies/pos.ts';
import { RandomWalk } from '../../src/explore/search/strategies/random.ts';
import type { RunView, Strategy } from '../../src/explore/search/strategies/strategy.ts';
import { Surw } from '../../src/explore/search/strategies/surw.ts';
import { Urw } from '../../src/explore/search/strategies/urw.ts';
import { count, type Wait, waitForFailure } from './drive.ts';
import * as litmus from './litmus.ts';

type Make = (seed: number, profile: Profile) => Strategy;

const PROGRAMS = {
  reorder_3: litmus.reorder(2, 1),
  reorder_5: litmus.reorder(4, 1),
  reorder_10: litmus.reorder(9, 1),
  reorder_20: litmus.reorder(10, 10),
  bluetooth: litmus.bluetooth(),
  'futex lost wake-up': litmus.futexLostWakeup(),
} satisfies Record<string, Scenario<Int32Array>>;

/** By sampler: the reference means of those programs. */
const MEANS = {
  random: [19, 35, 69, 9.4, 28, 3.8],
  'pct 2': [20, 47, 211, 117, 15, 7.5],
  'pct 3': [17, 49, 136, 51, 15, 5.5],
  pos: [11, 17, 46, 5.9, 15, 3.5],
  urw: [11, 12, 21, 5.8, 41, 3.4],
  surw: [5.2, 12, 23, 5.3, 11, 4.2],
} as const;
type Sampler = keyof typeof MEANS;
const SAMPLERS = Object.keys(MEANS) as Sampler[];

const MAKE: Readonly<Record<Sampler, Make>> = {
  random: (seed) => new RandomWalk(seed),
  'pct 2': (seed, { steps }) => new Pct(seed, 2, steps),
  'pct 3': (seed, { steps }) => new Pct(seed, 3, steps),
  pos: (seed) => new Pos(seed),
  urw: (seed, profile) => new Urw(seed, profile),
  surw: (seed, profile) => new Surw(seed, profile),
};

/**
 * Where we are farther off than 25 %. The first is the reference's chance: the exact figure is below. For the last the
 * paper's authors give 7.3, and ours is within 10 % of that.
 */
const FAR: readonly string[] = ['pct 3 reorder_5', 'pos reorder_10', 'surw reorder_3'];

const REFERENCE_SEEDS = 40;
/** Our own standard error is 3 % then, which the 16 % of the reference hide. */
const SEEDS = 1000;
/** For samplers with a mistake: it need not be measured as well as that. */
const FEW_SEEDS = 400;

const measured = new Map<Sampler, readonly Wait[]>();

/** The waits of a sampler for each of the programs' failures; measured once. */
function waits(sampler: Sampler): readonly Wait[] {
  const known = measured.get(sampler) ?? measure(MAKE[sampler], SEEDS);
  measured.set(sampler, known);
  return known;
}

function measure(make: Make, seeds: number): readonly Wait[] {
  return Object.values(PROGRAMS).map((program) => waitForFailure(program, seeds, make));
}

/**
 * How far a reference mean lies from a measured one, in standard deviations. A mean of waits is not normal but nearly
 * gamma; the cube root of that is nearly normal (Wilson and Hilferty, 1931).
 */
function distance(reference: number, { mean, deviation, seeds }: Wait): number {
  const shape = 1 / ((deviation / mean) ** 2 * (1 / REFERENCE_SEEDS + 1 / seeds));
  return (Math.cbrt(reference / mean) - (1 - 1 / (9 * shape))) * 3 * Math.sqrt(shape);
}

/** Sum of the squared distances of a column of the reference from what was measured. */
function chiSquare(column: Sampler, measuredWaits: readonly Wait[]): number {
  return measuredWaits.reduce((sum, wait, i) => sum + distance(MEANS[column][i] ?? 0, wait) ** 2, 0);
}

/** The chance of so great a chi-square or a greater one; for an even number of degrees of freedom. */
function chanceOf(chi: number, degrees: number): number {
  let term = 1;
  let sum = 1;
  for (let j = 1; j < degrees / 2; j++) {
    term *= chi / 2 / j;
    sum += term;
  }
  return Math.exp(-chi / 2) * sum;
}

test('the chance of a chi-square is that of the tables', () => {
  expect(chanceOf(12.592, 6)).toBeCloseTo(0.05, 4);
  expect(chanceOf(58.619, 36)).toBeCloseTo(0.01, 4);
});

describe.each(SAMPLERS)('%s', (sampler) => {
  test.each(Object.keys(PROGRAMS).map((name, i) => ({ name, i })))(
    'finds the failure of $name as fast as it should',
    ({ name, i }) => {
      const wait = waits(sampler)[i] as Wait;
      const reference = MEANS[sampler][i] as number;
      const near = Math.abs(wait.mean / reference - 1) < 0.25;
      expect(near).toBe(!FAR.includes(`${sampler} ${name}`));
      expect(Math.abs(distance(reference, wait))).toBeLessThan(2.6);
    },
  );

  test('fits the reference within the noise of its 40 seeds, and no other column does', () => {
    for (const column of SAMPLERS) {
      const chance = chanceOf(chiSquare(column, waits(sampler)), 6);
      if (column === sampler) expect(chance).toBeGreaterThan(0.05);
      else expect(chance).toBeLessThan(0.001);
    }
  });
});

test('the whole table fits the reference within its noise', () => {
  const chi = SAMPLERS.reduce((sum, sampler) => sum + chiSquare(sampler, waits(sampler)), 0);
  expect(chanceOf(chi, 36)).toBeGreaterThan(0.05);
});

/** Partial order sampling as it must not be: operations that conflict with what was run keep their priority. */
class WithoutRedraw implements Strategy {
  readonly name = 'without redraw';
  readonly everyStep = true;
  readonly watches = true;
  readonly #chance: Chance;
  readonly #priority: number[] = [];
  #run: RunView | undefined;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
  }

  begin(run: RunView): boolean {
    this.#chance.begin(run.index);
    this.#run = run;
    for (let t = 0; t < run.threads; t++) this.#priority[t] = this.#chance.unit();
    return true;
  }

  choose(enabled: number, current: number): number {
    if (current >= 0) this.#priority[current] = this.#chance.unit();
    const rank = (t: number) => ((enabled & (1 << t)) === 0 ? -1 : (this.#priority[t] ?? 0));
    const threads = Array.from({ length: this.#run?.threads ?? 0 }, (_, t) => t);
    return threads.reduce((best, t) => (rank(t) > rank(best) ? t : best));
  }

  end(): void {}
}

test.each<readonly [string, Sampler, Make]>([
  ['PCT with steps twice too many', 'pct 2', (seed, { steps }) => new Pct(seed, 2, 2 * steps)],
  ['PCT with one change too few', 'pct 3', MAKE['pct 2']],
  ['POS that draws nothing again', 'pos', (seed) => new WithoutRedraw(seed)],
  [
    'URW that takes all threads for equally long',
    'urw',
    (seed, profile) => new Urw(seed, { ...profile, operations: new Int32Array(32).fill(1000) }),
  ],
  ['SURW that picks no word', 'surw', (seed, profile) => new Surw(seed, { ...profile, words: [] })],
])('and a sampler with a mistake does not: %s', (_mistake, column, make) => {
  expect(chanceOf(chiSquare(column, measure(make, FEW_SEEDS)), 6)).toBeLessThan(0.05);
});

/** All that PCT can draw, one after the other: an order of the threads, and the steps at which the first falls behind. */
class AllDraws implements Strategy {
  readonly name = 'all draws';
  readonly everyStep = true;
  readonly watches = true;
  readonly #draws: readonly { readonly order: readonly number[]; readonly changes: readonly number[] }[];
  #changes: readonly number[] = [];
  /** Threads that have not fallen, the most important one first. */
  #left: readonly number[] = [];
  /** Those that have, by the number of their change: a lower number is a lower place. */
  #fallen: (number | undefined)[] = [];
  #run: RunView | undefined;

  constructor(threads: number, depth: number, steps: number) {
    this.#draws = orders(threads).flatMap((order) =>
      tuples(depth - 1, steps).map((changes) => ({ order, changes })),
    );
  }

  begin(run: RunView): boolean {
    const draw = this.#draws[run.index];
    if (draw === undefined) return false;
    this.#run = run;
    this.#changes = draw.changes;
    this.#left = draw.order;
    this.#fallen = draw.changes.map(() => undefined);
    return true;
  }

  choose(enabled: number): number {
    this.#changes.forEach((step, i) => {
      if (step !== this.#run?.steps) return;
      const first = this.#first(enabled);
      this.#left = this.#left.filter((t) => t !== first);
      this.#fallen = this.#fallen.map((t) => (t === first ? undefined : t));
      this.#fallen[i] = first;
    });
    return this.#first(enabled);
  }

  end(): void {}

  #first(enabled: number): number {
    const places = [...this.#left, ...this.#fallen.toReversed()];
    return places.find((t) => t !== undefined && (enabled & (1 << t)) !== 0) ?? 0;
  }
}

function orders(n: number): number[][] {
  if (n === 0) return [[]];
  return orders(n - 1).flatMap((order) =>
    Array.from({ length: n }, (_, at) => [...order.slice(0, at), n - 1, ...order.slice(at)]),
  );
}

function tuples(length: number, n: number): number[][] {
  if (length === 0) return [[]];
  return tuples(length - 1, n).flatMap((tuple) => Array.from({ length: n }, (_, i) => [...tuple, i]));
}

/** The exact means 1 / P of PCT, where its draws can be counted out; k is the length of the longest schedule. */
test.each([
  ['reorder_3', 2, 8, 24],
  ['reorder_3', 3, 8, 14.77],
  ['reorder_5', 2, 12, 60],
  ['reorder_5', 3, 12, 34.29],
  ['bluetooth', 2, 10, 20],
  ['bluetooth', 3, 10, 14.29],
  ['futex lost wake-up', 2, 4, 8],
  ['futex lost wake-up', 3, 4, 5.33],
] as const)('of all that PCT can draw, as much fails as should: %s, depth %i', (name, depth, steps, mean) => {
  const program = PROGRAMS[name];
  const all = count(program, new AllDraws(Object.keys(program.threads).length, depth, steps));
  expect(all.schedules / all.failing).toBeCloseTo(mean, 2);
  const chance = all.failing / all.schedules;
  const n = 20_000;
  const { failing } = count(program, new Pct(11, depth, steps), n);
  expect(Math.abs(failing / n - chance)).toBeLessThanOrEqual(4 * Math.sqrt((chance * (1 - chance)) / n));
});
