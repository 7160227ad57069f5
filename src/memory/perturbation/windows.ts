import { type Layout, LINE } from '../layout.ts';

/** Kinds of shared operations, as far as a window tells them apart. */
export const OPERATIONS = ['load', 'store', 'update', 'wait or notify'] as const;
export const LOAD = 0;
export const STORE = 1;
export const UPDATE = 2;
export const WAIT = 3;

/** Most kinds of lines that windows tell apart. Kind 0 is of words where no thread is delayed. */
const MOST_KINDS = 96;
/** Steps: an operation on a kind of line. */
export const STEPS = MOST_KINDS * OPERATIONS.length;
/** Windows of a protocol: pairs of consecutive steps of one thread. */
export const WINDOWS = STEPS * STEPS;

/** Lines whose words identify the interrupt, or the eventfd, that a thread handles. */
const TELLING = /^(lpi|spi|irqfd\.hooks|eventfdN\.low)$/;
/** Lines where one thread waits for another. */
const BLOCKING = /lock|^readers/i;

/** Words of the run and not of the machine: a delay there widens no window of a protocol. */
const EXEMPT = new Set(['header', 'clock', 'fault.occasions', 'scenario', 'ram']);

/**
 * The windows of a machine's protocols: pairs of consecutive steps between which another thread may step. A step is an
 * operation on a kind of cache line, and the layout names the lines: `vcpuN.listed` is the same kind for every vCPU.
 */
export class Windows {
  /** By cache line of the buffer: its kind, 0 where no thread is delayed. */
  readonly kindOf: Uint8Array;
  /** The kind of the lines that say whether a thread is in a reader section; 0 where the layout has none. */
  readonly sections: number;
  /** By kind, 1 or 0: whether its words identify the interrupt or eventfd that a thread handles. */
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

  /** Names both steps of a window: `load vcpuN.bell.sleepers, then update lpi`. */
  nameOf(window: number): string {
    return `${this.stepName(Math.floor(window / STEPS))}, then ${this.stepName(window % STEPS)}`;
  }

  /** An operation and the kind of its line. */
  stepName(step: number): string {
    const operation = OPERATIONS[step % OPERATIONS.length] ?? '';
    const name = this.#names[Math.floor(step / OPERATIONS.length)];
    return name ? `${operation} ${name}` : 'begin';
  }
}
