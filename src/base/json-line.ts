import type { ErrorCode } from './codes.ts';
import { excerpt, excerptOfJson } from './input-file.ts';
import { IrqError } from './irq-error.ts';
import { didYouMean } from './suggestion.ts';

/** The values of JSON.parse. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export type JsonObject = { readonly [name: string]: JsonValue };

/** Longest line that is parsed: a longer line of brackets alone could fill the heap. */
const LONGEST_LINE = 65_536;

const HEX = /^0x[0-9a-f]{1,16}$/i;

/**
 * The fields of one line of a JSONL file, taken one by one, each checked. Every failure names file, line, field and the
 * right value. One object reads one file: `open` moves the object to the next line, so a million lines do not allocate a
 * million objects.
 */
export class JsonLine {
  readonly #file: string;
  readonly #code: ErrorCode;
  #line = 0;
  #fields: JsonObject = {};
  #taken: string[] = [];

  constructor(file: string, code: ErrorCode) {
    this.#file = file;
    this.#code = code;
  }

  /** Makes `text` the current line. The text must be one JSON object. */
  open(text: string, line: number): void {
    this.#line = line;
    this.#taken.length = 0;
    if (text.length > LONGEST_LINE)
      throw this.error(`the line has ${text.length} characters; expected at most ${LONGEST_LINE}`);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      if (text.trim() === '') throw this.error('the line is empty; expected a JSON object');
      throw this.error(`${excerpt(text)} is not JSON; expected one JSON object a line`, { cause: error });
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.error(`${excerpt(text)} is not a JSON object`);
    }
    this.#fields = value as JsonObject;
  }

  error(message: string, options?: ErrorOptions): IrqError {
    return new IrqError(this.#code, `${this.#file}:${this.#line}: ${message}`, options);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#fields, name);
  }

  /** The raw value of a field; undefined if absent. */
  take(name: string): unknown {
    if (!Object.hasOwn(this.#fields, name)) return undefined;
    this.#taken.push(name);
    return this.#fields[name];
  }

  /** A JSON number, whole, from `least` to `most`. */
  integer(name: string, least: number, most: number): number {
    const value = this.take(name);
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw this.#wrong(name, value, least === most ? `${least}` : `a whole number from ${least} to ${most}`);
  }

  /** A string such as "0x1f", below 2^`bits`; `bits` at most 52. */
  hex(name: string, bits: number): number {
    const value = this.take(name);
    if (typeof value === 'string' && HEX.test(value)) {
      const number = Number(value);
      if (number < 2 ** bits) return number;
    }
    throw this.#wrong(name, value, `a hex string below 2^${bits}, such as "0x1f"`);
  }

  /** A string such as "0x1f", of at most 64 bits. */
  hex64(name: string): bigint {
    const value = this.take(name);
    if (typeof value === 'string' && HEX.test(value)) return BigInt(value);
    throw this.#wrong(name, value, 'a hex string of at most 64 bits, such as "0x1f"');
  }

  /** One of a few words. */
  choice<const Word extends string>(name: string, words: readonly Word[]): Word {
    const value = this.take(name);
    for (const word of words) if (word === value) return word;
    const near = typeof value === 'string' ? didYouMean(value, words) : '';
    throw this.#wrong(name, value, `${words.length > 1 ? 'one of ' : ''}${words.join(', ')}${near}`);
  }

  /** A non-empty string. */
  text(name: string): string {
    const value = this.take(name);
    if (typeof value === 'string' && value !== '') return value;
    throw this.#wrong(name, value, 'a string');
  }

  /** The fields not yet taken. */
  rest(): JsonObject {
    const left = Object.entries(this.#fields).filter(([name]) => !this.#taken.includes(name));
    return Object.fromEntries(left);
  }

  /** Checks that every field of the line was taken. `what` names the kind of line. */
  end(what: string): void {
    let fields = 0;
    for (const _ in this.#fields) fields++;
    if (fields === this.#taken.length) return;
    const extra = Object.keys(this.#fields).find((name) => !this.#taken.includes(name)) ?? '';
    throw this.error(`${what} has no field ${excerpt(extra)}; its fields are ${this.#taken.join(', ')}`);
  }

  #wrong(name: string, value: unknown, expected: string): IrqError {
    const got = value === undefined ? 'is missing' : `is ${excerptOfJson(value)}`;
    return this.error(`${name} ${got}; expected ${expected}`);
  }
}
