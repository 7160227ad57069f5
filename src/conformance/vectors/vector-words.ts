import { excerpt } from '../../base/input-file.ts';
import { IrqError } from '../../base/irq-error.ts';
import { didYouMean } from '../../base/suggestion.ts';
import { type ItsNumber, VECTOR_LAYOUT, VECTOR_RAM_BYTES } from './vector-layout.ts';
import type { VectorMachine } from './vector-machine.ts';
import { type Place, parsePlace } from './vector-registers.ts';

const NUMBER = /^(?:0x[0-9a-f]+|\d+)$/i;
const SYMBOL = /^([A-Z][A-Z0-9_]*)(?:\+(.+))?$/;

/** The `key=value` words of a step; each key at most once. */
export type Pairs = ReadonlyMap<string, string>;

/** Parses the words of one line of a vector. Errors name file and line. */
export class VectorWords {
  readonly #file: string;
  readonly #line: number;
  readonly machine: VectorMachine;
  /** The ITS that the line concerns. */
  readonly its: ItsNumber;

  constructor(file: string, line: number, machine: VectorMachine, its: ItsNumber = 0) {
    this.#file = file;
    this.#line = line;
    this.machine = machine;
    this.its = its;
  }

  error(message: string, options?: ErrorOptions): IrqError {
    return new IrqError('ERR_VECTOR_FORMAT', `${this.#file}:${this.#line}: ${message}`, options);
  }

  unknown(what: string, word: string, known: readonly string[]): IrqError {
    const near = didYouMean(word, known) || `; expected ${known.join(', ')}`;
    return this.error(`unknown ${what} ${excerpt(word)}${near}`);
  }

  /** A number expression: decimal or 0x, a symbol of the layout with optional offset, or several joined by |. */
  wide(what: string, text: string | undefined): bigint {
    if (text === undefined) throw this.error(`${what} is missing`);
    let value = 0n;
    for (const part of text.split('|')) value |= this.#term(what, part, text);
    if (value >> 64n !== 0n) throw this.error(`${what} is ${excerpt(text)}; expected at most 64 bits`);
    return value;
  }

  #term(what: string, part: string, text: string): bigint {
    if (NUMBER.test(part)) return BigInt(part);
    const [, symbol, offset] = SYMBOL.exec(part) ?? [];
    if (symbol !== undefined && (offset === undefined || NUMBER.test(offset))) {
      if (!isSymbol(symbol)) throw this.unknown('symbol', symbol, Object.keys(VECTOR_LAYOUT));
      return BigInt(VECTOR_LAYOUT[symbol]) + BigInt(offset ?? 0);
    }
    throw this.error(
      `${what} is ${excerpt(text)}; expected a number (decimal or 0x), or SYMBOL+OFFSET, or A|B`,
    );
  }

  /** A number expression from `least` to `most`, which are safe integers. */
  number(what: string, text: string | undefined, least: number, most: number): number {
    const value = this.wide(what, text);
    if (value >= BigInt(least) && value <= BigInt(most)) return Number(value);
    const range = most > 0xffff ? `${least} to 0x${most.toString(16)}` : `${least} to ${most}`;
    throw this.error(`${what} is ${excerpt(text ?? '')}; expected ${range}`);
  }

  bit(what: string, text: string | undefined): 0 | 1 {
    return this.number(what, text, 0, 1) === 1 ? 1 : 0;
  }

  cpu(what: string, text: string | undefined): number {
    return this.number(what, text, 0, this.machine.cpus - 1);
  }

  /** Numbers joined by commas. */
  list(what: string, text: string, most: number): number[] {
    return text.split(',').map((part) => this.number(what, part, 0, most));
  }

  /** An address of `bytes` bytes of guest memory, all of which must exist. */
  memory(what: string, text: string | undefined, bytes: number): number {
    const first = VECTOR_LAYOUT.RAM;
    const last = first + VECTOR_RAM_BYTES - 1;
    const address = this.wide(what, text);
    if (address >= BigInt(first) && address + BigInt(bytes) - 1n <= BigInt(last)) return Number(address);
    const ram = `0x${first.toString(16)} to 0x${last.toString(16)}`;
    throw this.error(`${what} is ${excerpt(text ?? '')}; expected ${bytes} bytes inside RAM, ${ram}`);
  }

  place(text: string | undefined, bytes: number): Place {
    if (text === undefined) throw this.error('the register is missing; expected one such as GICD.CTLR');
    const place = parsePlace(text, this.machine.cpus, bytes);
    if (typeof place === 'string') throw this.error(`${excerpt(text)} is no register: ${place}`);
    return place;
  }

  /** Parses `words` as key=value; `known` lists the valid keys. */
  pairs(what: string, words: readonly string[], known: readonly string[]): Pairs {
    const pairs = new Map<string, string>();
    for (const word of words) {
      const equals = word.indexOf('=');
      if (equals < 1) throw this.error(`${what}: ${excerpt(word)} is not key=value${keysOf(known)}`);
      const key = word.slice(0, equals);
      if (!known.includes(key))
        throw this.error(`${what} has no ${excerpt(key)}${didYouMean(key, known) || keysOf(known)}`);
      if (pairs.has(key)) throw this.error(`${what} has ${key}= twice; expected it once`);
      pairs.set(key, word.slice(equals + 1));
    }
    return pairs;
  }

  /** Checks that a step has at most `most` words. */
  most(what: string, words: readonly string[], most: number): void {
    const extra = words[most];
    if (extra === undefined) return;
    const expected = most === 0 ? 'nothing' : `${most} word${most === 1 ? '' : 's'}`;
    throw this.error(`${what} has ${excerpt(extra)} too much; expected ${expected} after it`);
  }
}

const keysOf = (known: readonly string[]) =>
  known.length === 0 ? '; it takes none' : `; expected ${known.map((key) => `${key}=`).join(', ')}`;

const isSymbol = (word: string): word is keyof typeof VECTOR_LAYOUT => Object.hasOwn(VECTOR_LAYOUT, word);
