import { IrqError } from '../../base/irq-error.ts';
import type { SearchState } from './coverage.ts';
import type { Branches } from './part.ts';
import type { Profile } from './profile.ts';
import { type Bound, Dfs } from './strategies/dfs.ts';
import { Dpor, type Subtree } from './strategies/dpor.ts';
import { Pct } from './strategies/pct.ts';
import type { Piece } from './strategies/pieces.ts';
import { Pos } from './strategies/pos.ts';
import { RandomWalk } from './strategies/random.ts';
import { States } from './strategies/states.ts';
import type { Strategy } from './strategies/strategy.ts';
import { Surw } from './strategies/surw.ts';
import { Urw } from './strategies/urw.ts';

/** The names of the strategies, as options and the command line take them. */
export const STRATEGIES = ['auto', 'random', 'pct', 'pos', 'urw', 'surw', 'dfs', 'dpor', 'states'] as const;
export type StrategyName = (typeof STRATEGIES)[number];

/** How to search. */
export type SearchOptions = {
  /**
   * Default `auto`: a short portfolio of random strategies, then bounded searches, then a search of
   * everything.
   */
  readonly strategy?: StrategyName;
  /** Of `pct`: how many ordering constraints a bug needs at most; 3 where not given. */
  readonly depth?: number;
  /** Of `dfs`: the most preemptions, or the most delays, of a schedule; neither for every schedule. */
  readonly preemptions?: number;
  readonly delays?: number;
  readonly seed?: number;
  /** The most schedules to run; 100,000 for the random strategies, no bound for the others where not given. */
  readonly schedules?: number;
};

/** One search with one strategy. */
export type Phase = {
  readonly strategy: Strategy;
  readonly most: number;
  /** The strategy comes to an end by itself, and then has seen all there is within its bound. */
  readonly search: Search | undefined;
};

/** A strategy that comes to an end by itself. */
export type Search = Dfs | Dpor | States;

/** How far a search is, as plain data. */
export function stateOf(search: Search): SearchState {
  const { name } = search;
  if ('cut' in search) return { name, cut: search.cut, fraction: search.fraction };
  if ('states' in search) return { name, extra: search.extra, states: search.states };
  return 'extra' in search ? { name, extra: search.extra } : { name };
}

/** The part that a search left before its end still has to do; undefined if the part is unknown or empty. */
export function restOf(search: Search): Branches | undefined {
  if (search instanceof States) return undefined;
  if (search instanceof Dfs) {
    const pieces = search.rest();
    return pieces.length === 0 ? undefined : { pieces };
  }
  const subtrees = search.rest();
  return subtrees.length === 0 ? undefined : { subtrees };
}

const RANDOM_SCHEDULES = 100_000;
const PORTFOLIO_SCHEDULES = 256;
const STATES_SCHEDULES = 500_000;

/** The parts of a divided search that are to be done; undefined for the whole search. */
export type Shares = {
  piecesOf(bound: Bound): readonly Piece[] | undefined;
  subtrees(): readonly Subtree[] | undefined;
};

/** The searches that the options ask for, in order. */
export function planPhases(
  options: SearchOptions & { readonly shard?: object | undefined },
  profile: Profile,
  shares?: Shares,
): Phase[] {
  const { strategy = 'auto', depth = 3, seed = 0, schedules } = options;
  if (!STRATEGIES.includes(strategy)) {
    throw new IrqError(
      'ERR_USAGE',
      `there is no strategy ${JSON.stringify(strategy)}; there are: ${STRATEGIES.join(', ')}`,
    );
  }
  requireCount('depth', depth, 1, 64);
  if (schedules !== undefined) requireCount('schedules', schedules, 1, Number.MAX_SAFE_INTEGER);
  if (options.preemptions !== undefined) requireCount('preemptions', options.preemptions, 0, 1_000_000);
  if (options.delays !== undefined) requireCount('delays', options.delays, 0, 1_000_000);
  if (strategy !== 'dfs' && (options.preemptions ?? options.delays) !== undefined) {
    throw new IrqError(
      'ERR_USAGE',
      `preemptions and delays bound a search of dfs, and the strategy is ${strategy}: { strategy: 'dfs', … }`,
    );
  }
  if (options.preemptions !== undefined && options.delays !== undefined) {
    throw new IrqError('ERR_USAGE', 'a search is bounded by preemptions or by delays, not by both');
  }
  const sample = (each: Strategy, most = schedules ?? RANDOM_SCHEDULES): Phase => ({
    strategy: each,
    most,
    search: undefined,
  });
  const search = (each: Search, most = schedules ?? Infinity): Phase => ({
    strategy: each,
    most,
    search: each,
  });
  const dfs = (bound: Bound, most?: number): Phase => search(new Dfs(bound, shares?.piecesOf(bound)), most);
  switch (strategy) {
    case 'random':
      return [sample(new RandomWalk(seed))];
    case 'pct':
      return [sample(new Pct(seed, depth, profile.steps))];
    case 'pos':
      return [sample(new Pos(seed))];
    case 'urw':
      return [sample(new Urw(seed, profile))];
    case 'surw':
      return [sample(new Surw(seed, profile))];
    case 'dfs': {
      const { preemptions, delays } = options;
      if (preemptions !== undefined) return [dfs({ kind: 'preemptions', most: preemptions })];
      if (delays !== undefined) return [dfs({ kind: 'delays', most: delays })];
      return [dfs({ kind: 'none' })];
    }
    case 'dpor':
      return [search(new Dpor(shares?.subtrees()))];
    case 'states':
      return [search(new States())];
    default:
      return [
        sample(new RandomWalk(seed), PORTFOLIO_SCHEDULES),
        sample(new Pct(seed, 2, profile.steps), PORTFOLIO_SCHEDULES),
        sample(new Pct(seed, depth, profile.steps), PORTFOLIO_SCHEDULES),
        sample(new Surw(seed, profile), PORTFOLIO_SCHEDULES),
        sample(new Pos(seed), PORTFOLIO_SCHEDULES),
        dfs({ kind: 'preemptions', most: 0 }, 20_000),
        dfs({ kind: 'preemptions', most: 1 }, 100_000),
        dfs({ kind: 'preemptions', most: 2 }, 500_000),
        // A share cannot know the states that the others have met.
        ...(profile.fewStates && options.shard === undefined ? [search(new States(), STATES_SCHEDULES)] : []),
        search(new Dpor(shares?.subtrees()), Infinity),
      ];
  }
}

function requireCount(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new IrqError(
    'ERR_USAGE',
    `${name} has to be a whole number from ${least}${most < 1e9 ? ` to ${most}` : ''}, and is ${value}`,
  );
}
