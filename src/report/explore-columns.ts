import { isAbsolute, relative } from 'node:path';
import type { TraceEntry } from '../explore/index.ts';
import { textWidth } from './text-width.ts';

/** Wider than this, and threads no longer get a column each, but an indent. */
const MOST = 150;
const INDENT = 4;
/** Loops of at most so many operations are folded. */
const LONGEST_LOOP = 16;

/** A step with its number, or a fold: the last `period` lines come `times` times more. */
export type Line = { readonly number: number; readonly entry: TraceEntry } | Fold;
type Fold = {
  readonly fold: {
    readonly from: number;
    readonly to: number;
    readonly period: number;
    readonly times: number;
  };
};

/**
 * A schedule as columns of text, a thread each and a line for each operation:
 * `vcpu0  or  vcpu0.pending[2]  |= 0x4  (was 0x0)  src/vcpu.ts:41`. A `▶` marks a step before which another thread was
 * `vcpu0  or  vcpu0.pending[2]  |= 0x4  (was 0x0)  src/vcpu.ts:41`. A `▶` marks a step before which the scheduler stopped
 * another thread that could have gone on; repeated steps are folded.
 */
export function traceColumns(
  threads: readonly string[],
  trace: readonly TraceEntry[],
  firstStep = 1,
): string[] {
  const lines = foldLoops(trace, firstStep);
  const cells = new Map<TraceEntry, string>();
  const names = Math.max(0, ...threads.map((name) => name.length));
  for (const line of lines) {
    if ('entry' in line) cells.set(line.entry, cellOf(line.entry, names));
  }
  const widths = threads.map((name) =>
    Math.max(
      name.length,
      ...[...cells].filter(([entry]) => entry.thread === name).map(([, cell]) => cell.length),
    ),
  );
  const digits = String(firstStep + trace.length - 1).length;
  const sum = widths.reduce((total, width) => total + width + 2, digits + 3);
  const starts = threads.map((_, t) =>
    sum <= Math.min(MOST, textWidth())
      ? widths.slice(0, t).reduce((total, width) => total + width + 2, 0)
      : t * INDENT,
  );
  const end = Math.max(
    0,
    ...[...cells].map(([entry, cell]) => (starts[threads.indexOf(entry.thread)] ?? 0) + cell.length),
  );
  return lines.map((line) => {
    if ('fold' in line) {
      const { from, to, period, times } = line.fold;
      const what = period === 1 ? 'that step' : `those ${period} steps`;
      return `${' '.repeat(digits)}   … ${what} ${times} more time${times === 1 ? '' : 's'} (${from}–${to})`;
    }
    const { entry, number } = line;
    const start = starts[threads.indexOf(entry.thread)] ?? 0;
    const cell = `${' '.repeat(start)}${cells.get(entry) ?? ''}`;
    const mark = entry.preempted ? '▶' : ' ';
    return `${String(number).padStart(digits)} ${mark} ${cell.padEnd(end)}  ${siteOf(entry)}`.trimEnd();
  });
}

/** One step as text: thread, operation, word, the change, the value before. */
function cellOf(entry: TraceEntry, nameWidth: number): string {
  const { does, was } = effectOf(entry);
  const op = entry.op === 'compareExchange' ? 'cas' : entry.op;
  return [entry.thread.padEnd(nameWidth), op.padEnd(5), entry.target, does, was]
    .filter((part) => part !== '')
    .join('  ');
}

/** The effect of a step on its word, and the word's value before. */
export function effectOf({ op, value, result }: TraceEntry): { does: string; was: string } {
  const [first, second] = Array.isArray(value) ? value : [value, null];
  const plain = { does: show(first), was: `(was ${show(result)})` };
  switch (op) {
    case 'load':
    case 'read':
      return { does: `= ${show(result)}`, was: '' };
    case 'store':
    case 'write':
      return { does: `:= ${show(first)}`, was: '' };
    case 'add':
      return { ...plain, does: `+= ${show(first)}` };
    case 'sub':
      return { ...plain, does: `-= ${show(first)}` };
    case 'and':
      return { does: `&= ${hex(first)}`, was: `(was ${hex(result)})` };
    case 'or':
      return { does: `|= ${hex(first)}`, was: `(was ${hex(result)})` };
    case 'xor':
      return { does: `^= ${hex(first)}`, was: `(was ${hex(result)})` };
    case 'exchange':
      return { ...plain, does: `:= ${show(first)}` };
    case 'compareExchange':
      return isSame(first, result)
        ? { does: `${show(first)} → ${show(second)}`, was: '' }
        : { does: `${show(first)} → ${show(second)} failed`, was: `(is ${show(result)})` };
    case 'wait': {
      const bound = second === null ? '' : `, ${show(second)} ms`;
      return {
        does: `while ${show(first)}${bound}`,
        was: result === null ? '(sleeps for good)' : `(${result})`,
      };
    }
    case 'notify':
      return { does: first === null ? 'all' : `at most ${show(first)}`, was: `(woke ${show(result)})` };
    case 'timeout':
      return { does: 'time is up', was: '' };
    default:
      return { does: '', was: '' };
  }
}

/** Folds the loops of one or more threads, where a fold saves at least two lines. */
export function foldLoops(trace: readonly TraceEntry[], firstStep = 1): Line[] {
  const keys = trace.map(({ thread, op, target, value, result, site, preempted }) =>
    JSON.stringify([thread, op, target, value, result, site, preempted]),
  );
  const lines: Line[] = [];
  for (let i = 0; i < trace.length; ) {
    const loop = loopAt(keys, i);
    const length = loop?.period ?? 1;
    for (let k = i; k < i + length; k++) {
      const entry = trace[k];
      if (entry !== undefined) lines.push({ number: firstStep + k, entry });
    }
    i += length;
    if (loop === undefined) continue;
    const covered = loop.period * loop.times;
    lines.push({ fold: { ...loop, from: firstStep + i, to: firstStep + i + covered - 1 } });
    i += covered;
  }
  return lines;
}

function loopAt(keys: readonly string[], at: number): { period: number; times: number } | undefined {
  for (let period = 1; period <= LONGEST_LOOP; period++) {
    let same = 0;
    while (at + period + same < keys.length && keys[at + same] === keys[at + period + same]) same++;
    const times = Math.floor(same / period);
    if (times >= 2 && period * times >= 3) return { period, times };
  }
  return undefined;
}

/** Where a step is called from, and from where that is: most operations stand in small functions. */
export function siteOf({ site, callers }: TraceEntry): string {
  const [caller] = callers ?? [];
  if (site === '' || caller === undefined) return shortSite(site);
  const [inner, outer] = [shortSite(site), shortSite(caller)];
  const file = inner.slice(0, inner.lastIndexOf(':'));
  return `${inner} ← ${outer.startsWith(`${file}:`) ? outer.slice(file.length) : outer}`;
}

/** `src/vcpu.ts:41` of a path with line and column; relative to the working directory for a path below. */
export function shortSite(site: string): string {
  const [, path = '', line = ''] = /^(.*?):(\d+)(?::\d+)?$/.exec(site) ?? [];
  if (path === '') return site;
  const near = isAbsolute(path) ? relative(process.cwd(), path) : path;
  const shown = near.startsWith('..') ? path.split('/').slice(-3).join('/') : near;
  return `${shown}:${line}`;
}

function show(value: unknown): string {
  return value === null || value === undefined ? '–' : String(value);
}

function hex(value: unknown): string {
  if (typeof value === 'number') return `0x${(value < 0 ? value >>> 0 : value).toString(16)}`;
  if (typeof value === 'string' && /^-?\d+n$/.test(value)) {
    return `0x${BigInt.asUintN(64, BigInt(value.slice(0, -1))).toString(16)}n`;
  }
  return show(value);
}

/** Whether a compareExchange that expected `a` and returned `b` has stored; -1 and 4294967295 are one word. */
function isSame(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === 'number' && typeof b === 'number' && a >>> 0 === b >>> 0);
}
