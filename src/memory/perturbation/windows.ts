import { type Layout, LINE } from '../layout.ts';

/** Kinds of shared operations, as far as a window tells them apart. */
export const OPERATIONS = ['load', 'store', 'update', 'wait or notify'] as const;
export const LOAD = 0;
export const STORE = 1;
export const UPDATE = 2;
export const WAIT = 3;

/** Most kinds of lines that a layout is told apart by; kind 0 is that of words where no thread is delayed. */
const MOST_KINDS = 96;
/** Steps: an operation on a kind of line. */
export const STEPS = MOST_KINDS * OPERATIONS.length;
/** Windows of a protocol: two steps that one thread makes one after the other. */
export const WINDOWS = STEPS * STEPS;

/** Lines by which one finds the interrupt, or the eventfd, that a thread deals with. */
const TELLING = /^(lpi|spi|irqfd\.hooks|eventfdN\.low)$/;
/** Lines where one thread waits for another. */
const BLOCKING = /lock|^readers/i;

/** Words that belong to a run and not to the machine: a delay there widens no window of a protocol. */
const EXEMPT = new Set(['header', 'clock', 'fault.occasions', 'scenario', 'ram']);

/**
 * The windows of a machine's protocols: between which two steps of a thread another thread may come in. A step is an
 * operation on a kind of cache line, and the layout names the lines: `vcpuN.listed` is the same kind for every vCPU.
 */
export class Windows {
  /** By cache line of the buffer: its kind, 0 where no thread is delayed. */
  readonly kindOf: Uint8Array;
  /** The kind of the lines that say whether a thread is in a reader section; 0 where the layout has none. */
  readonly sections: number;
  /** By kind, 1 or 0: whether its words tell what a thread has in hand. */
  readonly tells: Uint8Array;
  /** By kind, 1 or 0: whether threads wait there for one another. */
  readonly blocks: Uint8Array;
  readonly #names: readonly string[];

  constructor(layout: Layout) {
    this.kindOf = new Uint8Array(Math.ceil(layout.words / LINE));
    const kinds = new Map<string, number>();
    for (const [region, { at, words }] of layout.regions()) {
      if (EXEMPT.has(region)) continue;
      for (let line = at; line < at + words; line += LINE) {
        const name = layout
          .nameOf(line)
          .replace(/\[\d+\]/, '')
          .replace(/\d+/g, 'N');
        // Kinds past the limit share the last one.
        const kind = kinds.get(name) ?? Math.min(kinds.size + 1, MOST_KINDS - 1);
        kinds.set(name, kind);
        this.kindOf[line / LINE] = kind;
      }
    }
    const names = new Array<string>(MOST_KINDS).fill('');
    for (const [name, kind] of kinds) names[kind] ||= name;
    this.#names = names;
    this.tells = Uint8Array.from(names, (name) => (TELLING.test(name) ? 1 : 0));
    this.blocks = Uint8Array.from(names, (name) => (BLOCKING.test(name) ? 1 : 0));
    this.sections = kinds.get('readers.threadN') ?? 0;
  }

  /** `load vcpuN.bell.sleepers, then update lpi`: what a window lies between. */
  nameOf(window: number): string {
    return `${this.stepName(Math.floor(window / STEPS))}, then ${this.stepName(window % STEPS)}`;
  }

  /** An operation and the kind of line that it is made on. */
  stepName(step: number): string {
    const operation = OPERATIONS[step % OPERATIONS.length] ?? '';
    const name = this.#names[Math.floor(step / OPERATIONS.length)];
    return name ? `${operation} ${name}` : 'begin';
  }
}
