import { countThreads, nthThread, type RunView, type Strategy } from './strategy.ts';

/** What bounds a search: at most so many preemptions, or delays. */
export type Bound =
  | { readonly kind: 'none' }
  | { readonly kind: 'preemptions'; readonly most: number }
  | { readonly kind: 'delays'; readonly most: number };

/**
 * Depth-first search of all schedules within a bound. A preemption: another thread is taken though the last one could
 * go on. A delay: one thread that could go on is passed over, in the order of a scheduler that stays with a thread while
 * it can go on and else takes the next in turn. A schedule runs from its start each time; its first choices are those
 * of the last schedule up to the deepest one that has an alternative left.
 */
export class Dfs implements Strategy {
  readonly name: string;
  readonly everyStep = false;
  readonly watches = false;
  readonly #bound: Bound;
  /** By choice: who was enabled, from whom the order counts, which in the order was taken, cost up to here, and alternatives within the bound. */
  readonly #enabled: number[] = [];
  readonly #current: number[] = [];
  readonly #taken: number[] = [];
  readonly #cost: number[] = [];
  readonly #children: number[] = [];
  #length = 0;
  #prefix = 0;
  #depth = 0;
  #started = false;
  #fraction = 0;
  #cut = false;

  constructor(bound: Bound = { kind: 'none' }) {
    this.name = bound.kind === 'none' ? 'dfs' : `dfs(${bound.kind}=${bound.most})`;
    this.#bound = bound;
  }

  /** The share of the tree that is done: exact at the end, an unbiased estimate before. */
  get fraction(): number {
    return this.#fraction;
  }

  /** Some schedule was left out because of the bound. */
  get cut(): boolean {
    return this.#cut;
  }

  begin(_run: RunView, again: boolean): boolean {
    if (again) this.#length = this.#prefix;
    else if (this.#started && !this.#backtrack()) return false;
    this.#started = true;
    this.#prefix = this.#length;
    this.#depth = 0;
    return true;
  }

  choose(enabled: number, current: number): number {
    const at = this.#depth++;
    if (at < this.#length) {
      // Another set can be enabled only where the simulator has guessed wrongly; it will repeat the schedule.
      const node = this.#enabled[at] as number;
      return inOrder(
        node & enabled || enabled,
        this.#current[at] as number,
        node === enabled ? (this.#taken[at] as number) : 0,
      );
    }
    const cost =
      at === 0 ? 0 : (this.#cost[at - 1] as number) + this.#price(at - 1, this.#taken[at - 1] as number);
    this.#enabled[at] = enabled;
    this.#current[at] = current;
    this.#taken[at] = 0;
    this.#cost[at] = cost;
    this.#length = at + 1;
    this.#children[at] = this.#countChildren(at, cost);
    return inOrder(enabled, current, 0);
  }

  end(): void {
    let share = 1;
    for (let at = 0; at < this.#length; at++) share /= this.#children[at] as number;
    this.#fraction += share;
  }

  /** What taking the k-th in the order costs at a choice. */
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
    if (within < all) this.#cut = true;
    return within;
  }

  #backtrack(): boolean {
    while (this.#length > 0) {
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
