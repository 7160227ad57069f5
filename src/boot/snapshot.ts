import { Machine } from '../board/machine.ts';
import { CoreSnapshot } from '../cpu/index.ts';
import type { VcpuState } from './board-vcpu.ts';
import type { Controlled } from './controlled.ts';
import type { GuestBoard } from './guest-board.ts';

/** A saved run of the machine's words. */
type Span = { readonly from: number; readonly kept: Int32Array };

/**
 * A snapshot of a guest under the controlled scheduler, which can be restored any number of times. A restore copies the RAM pages
 * written since, the cores, and all other shared words of the machine. Needs a board built with `snapshots`; only the thread that runs
 * the board, while no core runs.
 */
export class BoardSnapshot {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #spans: readonly Span[];
  readonly #cores: CoreSnapshot;
  readonly #controlled: Controlled;
  readonly #states: readonly VcpuState[];

  /** Takes the snapshot, after draining all store buffers. */
  constructor(board: GuestBoard, controlled: Controlled) {
    const { machine, regions, plan } = board;
    const { words, config, memory } = machine;
    const [ram] = config.memory;
    if (plan.pages === 0 || !ram) throw new RangeError('the board was not built for snapshots');
    controlled.stores.drainAll();
    this.#words = words;
    this.#controlled = controlled;
    const ramAt = Machine.ramAt(config);
    const dirtyPagesAt = regions.dirtyPages.at * 4;
    const places = {
      ramAt,
      ramSize: ram.bytes,
      blocksAt: regions.vcpus.map(({ block }) => block.at * 4),
      dirtyPagesAt,
    };
    memory.noteWrites(new Uint8Array(words.buffer, dirtyPagesAt, plan.pages));
    this.#cores = new CoreSnapshot(
      words.buffer,
      places,
      controlled.vcpus.map(({ core }) => core),
    );
    this.#states = controlled.vcpus.map(({ state }) => state);
    const holes = [regions.dirtyPages, regions.watch, ...regions.vcpus.map(({ block }) => block)];
    this.#spans = spansAround(holes, ramAt / 4).map(([from, to]) => ({ from, kept: words.slice(from, to) }));
  }

  /** Restores the snapshot. Returns the number of copied RAM pages. */
  restore(): number {
    const pages = this.#cores.restore();
    for (const { from, kept } of this.#spans) this.#words.set(kept, from);
    for (const [vcpu, state] of this.#states.entries()) {
      const found = this.#controlled.vcpus[vcpu];
      if (found) found.state = state;
    }
    this.#controlled.stores.restored();
    return pages;
  }

  /** Words that a restore copies beside pages and registers. */
  get words(): number {
    return this.#spans.reduce((sum, { kept }) => sum + kept.length, 0);
  }
}

/** The parts of the first `end` words outside the holes. */
function spansAround(
  holes: readonly { readonly at: number; readonly words: number }[],
  end: number,
): [from: number, to: number][] {
  const spans: [number, number][] = [];
  let from = 0;
  for (const { at, words } of [...holes].sort((a, b) => a.at - b.at)) {
    if (at > from) spans.push([from, at]);
    from = Math.max(from, at + words);
  }
  if (end > from) spans.push([from, end]);
  return spans;
}
