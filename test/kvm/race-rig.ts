import * as board from '../../src/board/board.ts';
import { DEFAULT_CONFIG, type MachineConfig } from '../../src/board/config.ts';
import { layOut } from '../../src/board/layout.ts';
import { resetInterrupts } from '../../src/gic/reset.ts';
import { EDGE, ENABLED, GROUP1, LINE as WIRE } from '../../src/gic/state.ts';
import { LINE } from '../../src/memory/layout.ts';
import type { Words } from '../../src/memory/word.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

/** The module that a race runs on: the real one, or one whose source is mutated. */
export type Modules = { readonly board: typeof board };
export const REAL: Modules = { board };

export function mutated(...mistakes: readonly MistakeName[]): Modules {
  return loadMutated<Modules>({ board: 'board/board.ts' }, ...mistakes);
}

/** A board without an ITS. */
const CONFIG: MachineConfig = {
  ...DEFAULT_CONFIG,
  spis: 32,
  idBits: 14,
  eventfds: 3,
  otherThreads: 2,
  itses: 0,
  devices: 1,
  events: 1,
  memory: [],
  scenarioWords: 3 * LINE,
};

const { layout, scenario } = layOut(CONFIG);
/** Words for a race's own use, on lines of their own. */
export const notes = {
  returned: { at: scenario.at },
  late: { at: scenario.at + LINE },
  seen: { at: scenario.at + 2 * LINE },
};

export const names = (_: SharedArrayBuffer, byte: number) => layout.nameOf(byte >>> 2);

const views = new WeakMap<SharedArrayBuffer, Map<string, board.Board>>();

/** What a thread sees: SPIs 32 and up, edge-triggered and on, but for 40, which is level-triggered. */
export function view(words: Words, thread: number, modules: Modules, dispatch: 'inline' | 'main' = 'inline') {
  const known = views.get(words.buffer) ?? new Map<string, board.Board>();
  views.set(words.buffer, known);
  const key = `${thread} ${dispatch}`;
  const made = known.get(key) ?? new modules.board.Board(words, { ...CONFIG, dispatch }, thread);
  known.set(key, made);
  // A thread's code is run many times, and begins each time as if it were the first.
  made.vm.irqchip.hints.clear();
  return { interrupts: made.gic.interrupts, vm: made.vm };
}

export function setup(modules: Modules, prepare: (words: Words) => void): () => Words {
  return () => {
    const { words, gic } = modules.board.createBoard(CONFIG);
    resetInterrupts(gic.interrupts, (intid) => (intid === 40 ? 0 : EDGE) | ENABLED | GROUP1);
    gic.interrupts.setForwarding(3);
    prepare(words);
    return words;
  };
}

/** How often an SPI is pending: an edge by its latch, a level by its wire. */
export function isUp(words: Words, intid: number, modules: Modules): boolean {
  const { interrupts: all } = view(words, 0, modules);
  const state = all.state(all.find(0, intid));
  return (state & (intid === 40 ? WIRE : 1)) !== 0;
}
