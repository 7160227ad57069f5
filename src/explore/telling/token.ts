import { fnv1a } from '../../base/fnv.ts';
import { IrqError } from '../../base/irq-error.ts';
import { MOST_THREADS } from '../loading/shape.ts';
import { EVERYTHING, type Range } from '../memory/ownership.ts';
import type { Timeouts } from '../running/simulator-options.ts';
import { MOST_MARKS } from '../search/schedule.ts';

/** The content of a token. */
export type Token = {
  readonly scenario: string;
  readonly seed: number;
  readonly timeouts: Timeouts;
  /** The non-default choices: the number of the choice (from 0), and the thread taken. */
  readonly turns: readonly (readonly [choice: number, thread: number])[];
  /** By step, six bits of the operation (see `stepMark`); for long schedules, only of the first steps. */
  readonly marks: readonly number[];
  /** Bytes whose plain accesses are steps; see ownership.ts. Default none. */
  readonly shared?: readonly Range[];
};

const VERSION = 'x1';
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Writes a token: `x1:scenario:seed and mode:choices:marks:check`, safe in any shell. */
export function encodeToken(token: Token): string {
  const turns = token.turns
    .map(([choice, thread]) => `${choice.toString(36)}.${thread.toString(36)}`)
    .join('-');
  const marks = token.marks
    .slice(0, MOST_MARKS)
    .map((mark) => DIGITS[mark & 63])
    .join('');
  const shared = encodeRanges(token.shared ?? []);
  const mode = `${(token.seed >>> 0).toString(36)}.${token.timeouts[0]}${shared === '' ? '' : `.${shared}`}`;
  const text = [VERSION, token.scenario, mode, turns || '.', marks || '.'].join(':');
  return `${text}:${checksum(text)}`;
}

/**
 * Reads a token.
 * @param scenario - the required scenario's name; left out, any.
 * @throws IrqError `ERR_TOKEN` for damage, another version, or another scenario.
 */
export function decodeToken(text: string, scenario?: string): Token {
  const parts = text.trim().split(':');
  const [version, name, mode, turns, marks, check] = parts;
  if (version !== VERSION && /^x\d+$/.test(version ?? '')) {
    throw new IrqError(
      'ERR_TOKEN',
      `the token is of version ${version}, and this irqloom reads ${VERSION}: explore again to get a new one`,
    );
  }
  if (parts.length !== 6 || version !== VERSION || !name || !mode || !turns || !marks || !check) {
    throw new IrqError(
      'ERR_TOKEN',
      `not a token: it has the form ${VERSION}:scenario:seed.mode:choices:marks:check, got ${JSON.stringify(text.slice(0, 80))}`,
    );
  }
  const expected = checksum(parts.slice(0, 5).join(':'));
  if (check !== expected) {
    throw new IrqError(
      'ERR_TOKEN',
      `the token is damaged: its check is ${check}, and by its text it should be ${expected}. Copy it whole`,
    );
  }
  if (scenario !== undefined && name !== scenario) {
    throw new IrqError('ERR_TOKEN', `the token is of scenario ${name}, and this one is ${scenario}`);
  }
  const [seed = '', letter, ranges = ''] = mode.split('.');
  const timeouts = (['late', 'any', 'never'] as const).find((each) => each[0] === letter);
  const pairs = turns === '.' ? [] : turns.split('-').map((pair) => pair.split('.').map(numberOf));
  const shared = decodeRanges(ranges);
  const isWhole =
    timeouts !== undefined &&
    shared !== undefined &&
    !Number.isNaN(numberOf(seed)) &&
    pairs.every(
      ([choice = NaN, thread = NaN, ...more]) => more.length === 0 && choice >= 0 && thread < MOST_THREADS,
    ) &&
    (marks === '.' || [...marks].every((digit) => DIGITS.includes(digit)));
  if (!isWhole) {
    throw new IrqError('ERR_TOKEN', `the token cannot be understood: ${JSON.stringify(text.slice(0, 80))}`);
  }
  return {
    scenario: name,
    seed: numberOf(seed) | 0,
    timeouts,
    shared,
    turns: pairs.map(([choice, thread]) => [choice ?? 0, thread ?? 0] as const),
    marks: marks === '.' ? [] : [...marks].map((digit) => DIGITS.indexOf(digit)),
  };
}

const ALL = 'all';

/** `40_8-52_4`: bytes 40 to 47 and 52 to 55, in base 36. */
function encodeRanges(ranges: readonly Range[]): string {
  if (ranges === EVERYTHING) return ALL;
  return ranges.map(([at, size]) => `${at.toString(36)}_${size.toString(36)}`).join('-');
}

/** Undefined if a range is malformed, or the ranges together exceed the limit of shared bytes. */
function decodeRanges(text: string): readonly Range[] | undefined {
  if (text === '') return [];
  if (text === ALL) return EVERYTHING;
  let bytes = 0;
  const ranges: Range[] = [];
  for (const range of text.split('-')) {
    const [at = Number.NaN, size = Number.NaN, ...more] = range.split('_').map(numberOf);
    bytes += size;
    // Also false if a field is not a number.
    if (!(more.length === 0 && at <= MOST_ADDRESS && bytes <= MOST_SHARED)) return undefined;
    ranges.push([at, size]);
  }
  return ranges;
}

/** The highest start of a range, and the most bytes of all ranges: each byte is marked before a replay. */
const MOST_ADDRESS = 2 ** 32;
const MOST_SHARED = 2 ** 26;

/** A number in base 36, at most 2^36; NaN for anything else. */
function numberOf(digits: string): number {
  return /^[0-9a-z]{1,7}$/.test(digits) ? Number.parseInt(digits, 36) : Number.NaN;
}

/** A checksum of the text, at most seven characters. */
function checksum(text: string): string {
  return (fnv1a(text) >>> 0).toString(36);
}
