import type { Simulator } from '../running/simulator.ts';
import type { Shares } from './phases.ts';
import { type Bound, Dfs } from './strategies/dfs.ts';
import { Dpor, EVERY_CLASS, type Subtree } from './strategies/dpor.ts';
import { type Piece, WHOLE } from './strategies/pieces.ts';
import { BLOCK } from './strategies/strategy.ts';

/** One process's share of an exploration that several do: number `index`, from 0, of `count`. */
export type Shard = { readonly index: number; readonly count: number };

/** Pieces for each of several shares: enough for shares of about the same size, though the pieces are not. */
const PIECES_PER_SHARE = 64;
const MOST_PIECES = 1024;

/**
 * The number of pieces of a tree for so many shares. Depends on nothing else, because shards have to agree.
 */
export function piecesFor(shares: number): number {
  return Math.min(MOST_PIECES, PIECES_PER_SHARE * shares);
}

/**
 * Cuts the tree of a depth-first search into pieces, in the order of the search: cuts the greatest piece at
 * its first fork, again and again. Each cut takes one schedule. The pieces depend on the tree and on `count`
 * alone, so processes that do not know of each other make the same cuts.
 * @param count - least number of pieces; fewer only if each piece is a single schedule.
 * @param watch - runs a schedule; its answer is undefined if the schedule has no end.
 * @returns undefined if a schedule had no end.
 */
export function splitTree(
  simulator: Simulator,
  bound: Bound,
  count: number,
  watch: (body: () => Dfs) => Dfs | undefined,
): readonly Piece[] | undefined {
  const pieces = [...WHOLE];
  const single = new Set<Piece>();
  while (pieces.length < count) {
    const piece = findGreatest(pieces, single);
    if (piece === undefined) break;
    const search = watch(() => {
      const dfs = new Dfs(bound, [piece]);
      simulator.run(dfs, 0);
      return dfs;
    });
    if (search === undefined) return undefined;
    const branches = search.fork();
    if (branches.length === 0) single.add(piece);
    else pieces.splice(pieces.indexOf(piece), 1, ...branches);
  }
  return pieces;
}

/**
 * Cuts a search of classes into subtrees, in the order of the search: cuts the subtree with the fewest
 * planned steps into its first schedule and the subtrees that follow from this schedule, again and again.
 * Each cut takes one schedule. The subtrees depend on the scenario and on `count` alone, as with {@link
 * splitTree}.
 */
export function splitClasses(
  simulator: Simulator,
  count: number,
  watch: (body: () => Dpor) => Dpor | undefined,
): readonly Subtree[] | undefined {
  const subtrees = [...EVERY_CLASS];
  while (subtrees.length < count) {
    const subtree = findLeastPlanned(subtrees);
    if (subtree === undefined) break;
    const search = watch(() => {
      const dpor = new Dpor([subtree]);
      simulator.run(dpor, 0);
      return dpor;
    });
    if (search === undefined) return undefined;
    subtrees.splice(subtrees.indexOf(subtree), 1, ...search.fork(count));
  }
  return subtrees;
}

/** The number of shares into which each kind of search is cut; undefined if such a search stays whole. */
export type ShareCounts = { readonly dfs?: number | undefined; readonly dpor?: number | undefined };

/**
 * The part of a search that is done here: a shard's share, or the whole search, cut for several threads.
 * @param watch - as for {@link splitTree}.
 */
export function sharesOf(
  simulator: Simulator,
  shard: Shard | undefined,
  { dfs, dpor }: ShareCounts,
  watch: <T>(body: () => T) => T | undefined,
): Shares {
  const take = <T>(all: readonly T[] | undefined): readonly T[] | undefined =>
    all && (shard === undefined ? all : takeShare(all, shard));
  return {
    piecesOf: (bound) =>
      dfs === undefined ? undefined : take(splitTree(simulator, bound, piecesFor(dfs), watch)),
    subtrees: () => (dpor === undefined ? undefined : take(splitClasses(simulator, piecesFor(dpor), watch))),
  };
}

/** The pieces of one shard: they are dealt out in turn. */
export function takeShare<T>(pieces: readonly T[], { index, count }: Shard): readonly T[] {
  return pieces.filter((_, i) => i % count === index);
}

/** The number of a shard's k-th schedule of a random strategy: blocks are dealt out in turn. */
export function shardIndex(k: number, { index, count }: Shard): number {
  return (Math.floor(k / BLOCK) * count + index) * BLOCK + (k % BLOCK);
}

/** The subtree with the fewest steps planned: most is left open in that one. */
function findLeastPlanned(subtrees: readonly Subtree[]): Subtree | undefined {
  let least: Subtree | undefined;
  for (const each of subtrees) {
    if (each.alone || each.done !== undefined) continue;
    if (least === undefined || each.plan.turns.length < least.plan.turns.length) least = each;
  }
  return least;
}

function findGreatest(pieces: readonly Piece[], but: ReadonlySet<Piece>): Piece | undefined {
  let most: Piece | undefined;
  for (const piece of pieces) {
    if (!but.has(piece) && (most === undefined || piece.share > most.share)) most = piece;
  }
  return most;
}
