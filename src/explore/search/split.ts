import type { Simulator } from '../running/simulator.ts';
import { type Bound, Dfs } from './strategies/dfs.ts';
import { type Piece, WHOLE } from './strategies/pieces.ts';
import { BLOCK } from './strategies/strategy.ts';

/** One process's share of an exploration that several do: number `index`, from 0, of `count`. */
export type Shard = { readonly index: number; readonly count: number };

/** Pieces for each of several shares: enough for shares of about the same size, though the pieces are not. */
const PIECES_PER_SHARE = 64;
const MOST_PIECES = 1024;

/** How many pieces to cut a tree into for so many shares. It may depend on nothing else: shards have to agree. */
export function piecesFor(shares: number): number {
  return Math.min(MOST_PIECES, PIECES_PER_SHARE * shares);
}

/**
 * Cuts the tree of a depth-first search into pieces, in the order in which the search comes to them: the greatest piece
 * at its first fork, again and again. Each cut takes one schedule. Which pieces come out depends on the tree and on
 * `count` alone, so processes that do not know of each other cut alike.
 * @param count - pieces there should be at least; fewer only where each is a single schedule.
 * @param watch - runs a schedule, and answers undefined where it has no end.
 * @returns undefined where a schedule had no end.
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

/** The pieces of one shard: they are dealt out in turn. */
export function takeShare(pieces: readonly Piece[], { index, count }: Shard): readonly Piece[] {
  return pieces.filter((_, i) => i % count === index);
}

/** The number of a shard's k-th schedule of a random strategy: blocks are dealt out in turn. */
export function shardIndex(k: number, { index, count }: Shard): number {
  return (Math.floor(k / BLOCK) * count + index) * BLOCK + (k % BLOCK);
}

function findGreatest(pieces: readonly Piece[], but: ReadonlySet<Piece>): Piece | undefined {
  let most: Piece | undefined;
  for (const piece of pieces) {
    if (!but.has(piece) && (most === undefined || piece.share > most.share)) most = piece;
  }
  return most;
}
