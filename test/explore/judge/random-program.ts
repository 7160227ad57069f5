/** Draws programs from seeds: short threads over few bytes, so that they meet; with loops, sleeps and locks among them. */
import {
  type Operand,
  type Operation,
  type Program,
  REGISTERS,
  type Statement,
  type View,
} from './program.ts';

/** Which kinds of statements a drawn program may have. */
export type Taste = {
  /** Of a hundred programs, so many have loops. */
  readonly loops: number;
};

type Cell = { readonly view: View; readonly index: number };

const WORDS: readonly Cell[] = [
  { view: 'i32', index: 0 },
  { view: 'i32', index: 1 },
];
/** Views of several kinds at the same bytes, and views that overlap. */
const MIXED: readonly Cell[] = [
  { view: 'i32', index: 0 },
  { view: 'u32', index: 0 },
  { view: 'i8', index: 0 },
  { view: 'u8', index: 0 },
  { view: 'i16', index: 1 },
  { view: 'u16', index: 1 },
  { view: 'u8', index: 3 },
  { view: 'i64', index: 0 },
  { view: 'u64', index: 0 },
  { view: 'i32', index: 1 },
];
const WIDE: readonly Cell[] = [
  { view: 'i64', index: 0 },
  { view: 'u64', index: 0 },
  { view: 'i64', index: 1 },
];

export function randomProgram(seed: number, taste: Taste = { loops: 50 }): Program {
  return new Drawing(seed, taste).program();
}

class Drawing {
  readonly #seed: number;
  readonly #cells: readonly Cell[];
  readonly #loops: boolean;
  readonly #sleeps: boolean;
  readonly #locks: boolean;
  /** Of ten reads and writes, so many are without Atomics. */
  readonly #plain: number;
  #state: number;
  #left = 0;
  #longLoops = 0;

  constructor(seed: number, taste: Taste) {
    this.#seed = seed;
    this.#state = (seed ^ 0x6a09e667) | 0;
    for (let i = 0; i < 4; i++) this.#below(2);
    const kind = this.#below(10);
    const all = kind < 5 ? WORDS : kind < 8 ? MIXED : WIDE;
    this.#cells = all === MIXED ? [this.#pick(all), this.#pick(all), this.#pick(all)] : all;
    this.#loops = this.#below(100) < taste.loops;
    this.#sleeps = this.#below(100) < 55;
    this.#locks = this.#below(100) < 10;
    this.#plain = this.#pick([0, 0, 5, 10]);
  }

  program(): Program {
    const threads = this.#below(5) < 2 ? 3 : 2;
    const most = threads === 2 ? 5 : 3;
    return {
      seed: this.#seed,
      threads: Array.from({ length: threads }, () => {
        this.#left = 1 + this.#below(most);
        return [...this.#block(0), ...this.#ending()];
      }),
    };
  }

  /** mulberry32. */
  #below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let w = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    w = (w + Math.imul(w ^ (w >>> 7), 61 | w)) ^ w;
    return ((w ^ (w >>> 14)) >>> 0) % n;
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)] as T;
  }

  #register(): number {
    return this.#below(REGISTERS);
  }

  #operand(): Operand {
    const kind = this.#below(10);
    if (kind < 7) return this.#pick([0, 1, 1, 2, 3, -1]);
    return { reg: this.#register(), plus: this.#pick([0, 0, 1]) };
  }

  #block(depth: number): Statement[] {
    const statements: Statement[] = [];
    while (this.#left > 0) {
      statements.push(...this.#statement(depth));
      if (depth > 0 && this.#below(2) === 0) break;
    }
    return statements;
  }

  #ending(): Statement[] {
    const kind = this.#below(10);
    if (kind < 4) {
      const reg = this.#register();
      const when = { reg, equal: this.#below(2) === 0, to: this.#pick([0, 1, 2]) };
      return [{ kind: 'if', when, yes: [{ kind: 'throw' }], no: [] }];
    }
    if (kind < 6) {
      const values = this.#pick(['1,0', '0,1', '0', '1', '0,0', '0,1,0', '1,0,1']);
      return [{ kind: 'throwIfLogged', values }];
    }
    return [];
  }

  #statement(depth: number): Statement[] {
    const kind = this.#below(100);
    if (this.#loops && kind < 30) return this.#loop();
    if (this.#sleeps && kind < 60) return this.#sleep();
    if (this.#locks && kind < 75 && this.#left > 1) return this.#locked(depth);
    if (kind < 80 && depth < 2) return this.#branch(depth);
    const to = this.#register();
    return [...this.#operation(to), ...(this.#below(3) === 0 ? [{ kind: 'log', reg: to } as const] : [])];
  }

  #operation(to: number): Statement[] {
    this.#left--;
    const { view, index } = this.#pick(this.#cells);
    const kind = this.#below(12);
    const make = (operation: Operation): Statement[] => [{ kind: 'do', operation }];
    if (kind < 4) return make({ kind: this.#isPlain() ? 'read' : 'load', view, index, to });
    if (kind < 8)
      return make({ kind: this.#isPlain() ? 'write' : 'store', view, index, a: this.#operand(), to });
    if (kind < 10)
      return make({
        kind: 'compareExchange',
        view,
        index,
        a: this.#operand(),
        b: this.#operand(),
        to,
      });
    const name = this.#pick(['add', 'sub', 'and', 'or', 'xor', 'exchange'] as const);
    return make({ kind: name, view, index, a: this.#operand(), to });
  }

  #isPlain(): boolean {
    return this.#plain > 0 && this.#below(10) < this.#plain;
  }

  /** Branches that mostly ask for what the thread has just read. */
  #branch(depth: number): Statement[] {
    const reg = this.#register();
    const look = this.#operation(reg);
    const when = { reg, equal: this.#below(2) === 0, to: this.#pick([0, 1, -1, 2]) };
    const then: Statement[] = this.#below(8) === 0 ? [{ kind: 'throw' }] : this.#block(depth + 1);
    const before = this.#left;
    const otherwise = this.#below(2) === 0 ? this.#block(depth + 1) : [];
    this.#left = Math.min(before, this.#left);
    return [...look, { kind: 'if', when, yes: then, no: otherwise }];
  }

  #locked(depth: number): Statement[] {
    const index = this.#below(2);
    this.#left -= 1;
    return [
      { kind: 'do', operation: { kind: 'lock', index } },
      ...this.#statement(depth),
      { kind: 'do', operation: { kind: 'unlock', index } },
    ];
  }

  #sleep(): Statement[] {
    const view = this.#cells.some((cell) => cell.view === 'i64') && this.#below(2) === 0 ? 'i64' : 'i32';
    const index = this.#below(view === 'i32' && this.#below(3) > 0 ? 1 : 2) as number;
    const to = this.#register();
    this.#left--;
    const kind = this.#below(10);
    if (kind < 4) {
      const count = this.#pick([undefined, 1, 1, 2]);
      return [{ kind: 'do', operation: { kind: 'notify', view, index, count, to } }];
    }
    const ms = this.#pick([undefined, undefined, undefined, 0, 5, 10, 10, 15]);
    const a = this.#pick([0, 0, 0, 1]);
    const wait: Statement = { kind: 'do', operation: { kind: 'wait', view, index, a, ms, to } };
    const log: Statement[] = this.#below(3) === 0 ? [{ kind: 'log', reg: to }] : [];
    if (kind < 8) return [wait, ...log];
    const reg = this.#register();
    const look: Statement = { kind: 'do', operation: { kind: 'load', view, index, to: reg } };
    const when = { reg, equal: true, to: a };
    this.#left--;
    if (kind === 8 || !this.#loops) return [look, { kind: 'if', when, yes: [wait, ...log], no: [] }];
    // Look and sleep until it changes.
    return [
      {
        kind: 'loop',
        times: Infinity,
        body: [look, { kind: 'if', when, yes: [wait], no: [] }],
        again: when,
      },
    ];
  }

  #loop(): Statement[] {
    const { view, index } = this.#pick(this.#cells);
    const [r, s] = [this.#register(), (this.#register() + 1) % REGISTERS];
    const load = (to: number, cell: Cell = { view, index }): Statement => ({
      kind: 'do',
      operation: { kind: this.#isPlain() ? 'read' : 'load', ...cell, to },
    });
    const log: Statement[] = this.#below(2) === 0 ? [{ kind: 'log', reg: r }] : [];
    this.#left -= 2;
    const times = this.#times();
    switch (this.#below(7)) {
      case 0: {
        // Retries until no thread was in between.
        const t = r === s ? (s + 1) % REGISTERS : s;
        const cas: Operation = {
          kind: 'compareExchange',
          view,
          index,
          a: { reg: r, plus: 0 },
          b: { reg: r, plus: 1 },
          to: t,
        };
        const again = { reg: t, equal: false, to: { reg: r, plus: 0 } };
        return [{ kind: 'loop', times, body: [load(r), ...log, { kind: 'do', operation: cas }], again }];
      }
      case 1: {
        // Reads until two looks agree.
        const t = r === s ? (s + 1) % REGISTERS : s;
        const again = { reg: t, equal: false, to: { reg: r, plus: 0 } };
        return [{ kind: 'loop', times, body: [load(r), ...log, load(t, this.#pick(this.#cells))], again }];
      }
      case 2: {
        // A lock that spins.
        const take: Operation = { kind: 'exchange', view, index, a: 1, to: r };
        const again = { reg: r, equal: false, to: 0 };
        const free: Operation = { kind: 'store', view, index, a: 0, to: s };
        return [
          { kind: 'loop', times, body: [{ kind: 'do', operation: take }], again },
          ...(this.#left > 0 ? this.#operation(s) : []),
          { kind: 'do', operation: free },
        ];
      }
      case 3: {
        // Two words in turn, in a loop that awaits one of them.
        const other = this.#pick(this.#cells);
        const again = { reg: r, equal: this.#below(2) === 0, to: this.#pick([0, 1]) };
        const when = { reg: s, equal: true, to: 1 };
        const inside: Statement[] =
          this.#below(3) === 0 ? [{ kind: 'if', when, yes: [load(r, other)], no: [] }] : [];
        return [{ kind: 'loop', times, body: [load(s, other), load(r), ...inside], again }];
      }
      case 4: {
        // A loop within a loop.
        const again = { reg: r, equal: true, to: 0 };
        const inner: Statement = { kind: 'loop', times: 2 + this.#below(4), body: [load(r)], again };
        const outer = { reg: s, equal: true, to: 0 };
        return [
          { kind: 'loop', times: Infinity, body: [inner, load(s, this.#pick(this.#cells))], again: outer },
        ];
      }
      default: {
        const again = { reg: r, equal: this.#below(3) > 0, to: this.#pick([0, 0, 1]) };
        return [{ kind: 'loop', times, body: [load(r), ...log], again }];
      }
    }
  }

  /** How often a loop goes round at most: mostly for ever, else some few times, and now and then very often. */
  #times(): number {
    const kind = this.#below(10);
    if (kind < 4) return Infinity;
    if (kind < 9 || this.#longLoops > 0) return 2 + this.#below(4);
    this.#longLoops++;
    return this.#pick([20, 63, 64, 65, 66, 100, 1000]);
  }
}

/** Whether a program has a loop in it. */
export function hasLoop(program: Program): boolean {
  const inside = (statements: readonly Statement[]): boolean =>
    statements.some(
      (statement) =>
        statement.kind === 'loop' ||
        (statement.kind === 'if' && (inside(statement.yes) || inside(statement.no))),
    );
  return program.threads.some(inside);
}

/** Whether a program reads or writes without Atomics. */
export function hasPlain(program: Program): boolean {
  return /"kind":"(read|write)"/.test(JSON.stringify(program));
}
