import { IrqError } from '../../../base/irq-error.ts';
import { type Piece, WHOLE } from './pieces.ts';
import { countThreads, nthThread, type RunView, type Strategy } from './strategy.ts';

/** The bound of a search: at most so many preemptions, or delays. */
export type Bound =
  | { readonly kind: 'none' }
  | { readonly kind: 'preemptions'; readonly most: number }
  | { readonly kind: 'delays'; readonly most: number };

/**
 * Depth-first search of all schedules within a bound. A preemption takes another thread although the last
 * thread could go on. A delay passes over one thread that could go on, in the order of a scheduler that stays
 * with a thread while that thread can go on, and else takes the next in turn. A schedule runs from its start
 * each time; its first choices are those of the last schedule up to the deepest choice with an alternative
 * left. A caller may give the search pieces of the tree: then the search runs only those.
 */
export class Dfs implements Strategy {
  readonly name: string;
  readonly everyStep = false;
  readonly watches = false;
  /** The subtrees that are searched, one after the other. */
  readonly pieces: readonly Piece[];
  readonly #bound: Bound;
  /** By choice: the enabled threads, the thread from which the order counts, which in the order was taken, cost up to here, and alternatives within the bound. */
  readonly #enabled: number[] = [];
  readonly #current: number[] = [];
  readonly #taken: number[] = [];
  readonly #cost: number[] = [];
  readonly #children: number[] = [];
  #piece = 0;
  #started = false;
  #length = 0;
  #prefix = 0;
  #depth = 0;
  #done = 0;
  #cut = false;
  #cutNow = false;
  /** A schedule was begun, and has not come to its end. */
  #open = false;

  constructor(bound: Bound = { kind: 'none' }, pieces: readonly Piece[] = WHOLE) {
    this.pieces = pieces;
    this.name = bound.kind === 'none' ? 'dfs' : `dfs(${bound.kind}=${bound.most})`;
    this.#bound = bound;
  }

  /** The share of the tree, or of its pieces, that is done: exact at the end, an unbiased estimate before. */
  get fraction(): number {
    const all = this.pieces.reduce((sum, { share }) => sum + share, 0);
    return all === 0 ? 1 : this.#done / all;
  }

  /** Some schedule was left out because of the bound. */
  get cut(): boolean {
    return this.#cut;
  }

  begin(_run: RunView, again: boolean): boolean {
    if (again) this.#length = this.#prefix;
    else if (this.#started && !this.#backtrack()) {
      this.#length = 0;
      this.#piece++;
    }
    this.#open = false;
    if (this.#piece >= this.pieces.length) return false;
    this.#started = true;
    this.#prefix = this.#length;
    this.#depth = 0;
    this.#cutNow = false;
    this.#open = true;
    return true;
  }

  choose(enabled: number, current: number): number {
    const at = this.#depth++;
    if (at < this.#length) {
      // The enabled set can differ only after a wrong guess of the simulator, which will repeat the schedule.
      const node = this.#enabled[at] as number;
      return inOrder(
        node & enabled || enabled,
        this.#current[at] as number,
        node === enabled ? (this.#taken[at] as number) : 0,
      );
    }
    const taken = this.#planned?.taken[at] ?? 0;
    const cost =
      at === 0 ? 0 : (this.#cost[at - 1] as number) + this.#price(at - 1, this.#taken[at - 1] as number);
    this.#enabled[at] = enabled;
    this.#current[at] = current;
    this.#taken[at] = taken;
    this.#cost[at] = cost;
    this.#length = at + 1;
    this.#children[at] = this.#countChildren(at, cost);
    // Out of range, too, only where the simulator has guessed wrongly.
    return inOrder(enabled, current, Math.min(taken, countThreads(enabled) - 1));
  }

  end(): void {
    const { of } = this.#planned as Piece;
    this.#open = false;
    // The beginning of a piece can be new only in the piece's first schedule, from which the others take it.
    if (this.#prefix === 0) this.#requireSame(of);
    if (this.#cutNow) this.#cut = true;
    let share = 1;
    for (let at = 0; at < this.#length; at++) share /= this.#children[at] as number;
    this.#done += share;
  }

  /**
   * The pieces that begin as the piece of the last schedule, cut at the schedule's first fork beyond that
   * beginning; none if the schedule has no such fork.
   */
  fork(): Piece[] {
    const { taken, share } = this.#planned as Piece;
    let at = taken.length;
    while (at < this.#length && this.#children[at] === 1) at++;
    const branches = at < this.#length ? (this.#children[at] as number) : 0;
    return Array.from({ length: branches }, (_, k) => ({
      taken: [...this.#taken.slice(0, at), k],
      of: this.#children.slice(0, at + 1),
      share: share / branches,
    }));
  }

  /**
   * The pieces still to be searched, in order; in the middle of a schedule, the schedule itself is one of
   * them.
   */
  rest(): Piece[] {
    const planned = this.#planned;
    if (!this.#started || planned === undefined) return this.pieces.slice(this.#piece);
    const rest: Piece[] = [];
    const known = this.#open ? this.#prefix : this.#length;
    const at = (depth: number, taken: number): Piece => {
      const of = this.#children.slice(0, depth + 1);
      const share = of.reduce((all, children) => all / children, 1);
      return { taken: [...this.#taken.slice(0, depth), taken], of, share };
    };
    if (this.#open) rest.push(known > 0 ? at(known - 1, this.#taken[known - 1] as number) : planned);
    for (let depth = known - 1; depth >= planned.taken.length; depth--) {
      const alternatives = this.#children[depth] as number;
      for (let k = (this.#taken[depth] as number) + 1; k < alternatives; k++) rest.push(at(depth, k));
    }
    return [...rest, ...this.pieces.slice(this.#piece + 1)];
  }

  get #planned(): Piece | undefined {
    return this.pieces[this.#piece];
  }

  /**
   * Checks that the tree equals the tree that was cut into pieces: otherwise the search would leave out
   * schedules.
   * @throws IrqError `ERR_SCENARIO`
   */
  #requireSame(of: readonly number[]): void {
    if (of.every((children, at) => at < this.#length && children === this.#children[at])) return;
    throw new IrqError(
      'ERR_SCENARIO',
      `the schedules are not the same each time the scenario is explored, so the search cannot be shared out: its threads may depend on nothing but shared memory that they change with Atomics. One job without shards may show more`,
    );
  }

  /** The cost, at a choice, of taking the k-th thread in the order. */
  #price(at: number, k: number): number {
    if (k === 0 || this.#bound.kind === 'none') return 0;
    if (this.#bound.kind === 'delays') return k;
    const current = this.#current[at] as number;
    return current >= 0 && ((this.#enabled[at] as number) & (1 << current)) !== 0 ? 1 : 0;
  }

  #countChildren(at: number, cost: number): number {
    const all = countThreads(this.#enabled[at] as number);
    if (this.#bound.kind === 'none') return all;
    let within = 1;
    while (within < all && cost + this.#price(at, within) <= this.#bound.most) within++;
    if (within < all) this.#cutNow = true;
    return within;
  }

  #backtrack(): boolean {
    const from = this.#planned?.taken.length ?? 0;
    while (this.#length > from) {
      const at = this.#length - 1;
      const next = (this.#taken[at] as number) + 1;
      if (next < (this.#children[at] as number)) {
        this.#taken[at] = next;
        return true;
      }
      this.#length = at;
    }
    return false;
  }
}

/** The k-th of the enabled threads, counted from the current one on and around; from thread 0 at the start. */
function inOrder(enabled: number, current: number, k: number): number {
  const from = Math.max(0, current);
  const later = enabled & (-1 << from);
  const n = countThreads(later);
  return k < n ? nthThread(later, k) : nthThread(enabled & ~(-1 << from), k - n);
}
