import { interruptRegions } from '../../src/gic/interrupt-regions.ts';
import * as interrupts from '../../src/gic/interrupts.ts';
import { resetInterrupts } from '../../src/gic/reset.ts';
import { EDGE, ENABLED, GROUP1, LINE } from '../../src/gic/state.ts';
import * as vm from '../../src/kvm/vm.ts';
import { Layout } from '../../src/memory/layout.ts';
import type { Words } from '../../src/memory/word.ts';
import { loadMutated, type Mutation } from '../mutate.ts';

/** The modules that a race runs on: the real ones, or mutated ones. */
export type Modules = { readonly interrupts: typeof interrupts; readonly vm: typeof vm };
export const REAL: Modules = { interrupts, vm };

export function mutated(...mutations: readonly Mutation[]): Modules {
  return loadMutated<Modules>({ interrupts: 'gic/interrupts.ts', vm: 'kvm/vm.ts' }, ...mutations);
}

const THREADS = 4;
const EVENTFDS = 3;
const CONFIG = { vcpus: 1, spis: 32, idBits: 14 };

const layout = new Layout();
/** Words for a race's own use, on lines of their own. */
export const notes = layout.group('note', { returned: 1, late: 1, seen: 1 });
const interruptsAt = interruptRegions(layout, CONFIG);
const vmRegions = vm.vmRegions(layout, EVENTFDS, THREADS);

export const names = (_: SharedArrayBuffer, byte: number) => layout.nameOf(byte >>> 2);

/** A VM without an ITS: SPIs 32 and up, edge-triggered and on, but for 40, which is level-triggered. */
export function view(words: Words, thread: number, modules: Modules, dispatch: 'inline' | 'main' = 'inline') {
  const all = new modules.interrupts.Interrupts(words, interruptsAt);
  const lpis = undefined as never;
  const made = new modules.vm.Vm(words, vmRegions, {
    interrupts: all,
    lpis,
    itses: [],
    dispatch,
    reader: thread,
  });
  return { interrupts: all, vm: made };
}

export function setup(modules: Modules, prepare: (words: Words) => void): () => Words {
  return () => {
    const words = new Int32Array(new SharedArrayBuffer(layout.words * 4));
    const { interrupts: all, vm: made } = view(words, 0, modules);
    resetInterrupts(all, (intid) => (intid === 40 ? 0 : EDGE) | ENABLED | GROUP1);
    all.setForwarding(3);
    made.init();
    made.initVgic();
    prepare(words);
    return words;
  };
}

/** How often an SPI is pending: an edge by its latch, a level by its wire. */
export function isUp(words: Words, intid: number, modules: Modules): boolean {
  const { interrupts: all } = view(words, 0, modules);
  const state = all.state(all.find(0, intid));
  return (state & (intid === 40 ? LINE : 1)) !== 0;
}
