/** Data races of random programs, against happens-before computed pair by pair over every interleaving. */
import { expect, test } from 'vitest';
import { Chance } from '../../src/base/chance.ts';
import { type DataRace, explore } from '../../src/explore/index.ts';

type Kind = 'read' | 'write' | 'load' | 'store' | 'add';
type Op = { readonly kind: Kind; readonly word: number };
type Program = readonly [readonly Op[], readonly Op[]];

const KINDS: readonly Kind[] = ['read', 'write', 'load', 'store', 'add'];
const WORDS = 3;
const NAMES = ['a', 'b'];

const isPlain = ({ kind }: Op): boolean => kind === 'read' || kind === 'write';
const reads = ({ kind }: Op): boolean => kind === 'read' || kind === 'load' || kind === 'add';
const writes = ({ kind }: Op): boolean => kind !== 'read' && kind !== 'load';

function draw(chance: Chance): Program {
  const thread = (): Op[] =>
    Array.from({ length: 1 + chance.below(4) }, () => ({
      kind: KINDS[chance.below(KINDS.length)] ?? 'read',
      word: chance.below(WORDS),
    }));
  return [thread(), thread()];
}

/** The races of one interleaving: a matrix of what happens before what, closed over all ways. */
function racesIn(trace: readonly { readonly op: Op; readonly thread: number }[], into: Set<string>): void {
  const n = trace.length;
  const before = trace.map(() => new Array<boolean>(n).fill(false));
  for (let j = 0; j < n; j++) {
    const { op, thread } = trace[j] as (typeof trace)[number];
    for (let i = 0; i < j; i++) if (trace[i]?.thread === thread) (before[i] as boolean[])[j] = true;
    if (isPlain(op) || !reads(op)) continue;
    const from = trace.findLastIndex((each, i) => i < j && each.op.word === op.word && writes(each.op));
    const source = trace[from];
    if (source !== undefined && !isPlain(source.op)) (before[from] as boolean[])[j] = true;
  }
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) if (before[i]?.[k] && before[k]?.[j]) (before[i] as boolean[])[j] = true;
    }
  }
  for (const [j, later] of trace.entries()) {
    for (const [i, earlier] of trace.slice(0, j).entries()) {
      if (earlier.thread === later.thread || earlier.op.word !== later.op.word || before[i]?.[j]) continue;
      if (!(writes(earlier.op) || writes(later.op)) || !(isPlain(earlier.op) || isPlain(later.op))) continue;
      const accesses = [earlier, later].map(({ op, thread }) => `${NAMES[thread]} ${effect(op)}`).sort();
      into.add(`s[${later.op.word}]: ${accesses.join(', ')}`);
    }
  }
}

/** What an access is to happens-before; which operation of Atomics it is makes no difference. */
function effect(op: { readonly kind: string }): string {
  if (op.kind === 'read' || op.kind === 'write') return `plain ${op.kind}`;
  return op.kind === 'load' ? 'atomic read' : 'atomic write';
}

function judge([a, b]: Program): string[] {
  const races = new Set<string>();
  const go = (trace: { op: Op; thread: number }[], i: number, j: number): void => {
    if (i === a.length && j === b.length) racesIn(trace, races);
    const [left, right] = [a[i], b[j]];
    if (left !== undefined) go([...trace, { op: left, thread: 0 }], i + 1, j);
    if (right !== undefined) go([...trace, { op: right, thread: 1 }], i, j + 1);
  };
  go([], 0, 0);
  return [...races].sort();
}

function explored([a, b]: Program, strategy: 'dfs' | 'dpor'): string[] {
  const body = (ops: readonly Op[]) => (s: Int32Array) => {
    for (const { kind, word } of ops) {
      if (kind === 'read') void s[word];
      else if (kind === 'write') s[word] = 1;
      else if (kind === 'load') Atomics.load(s, word);
      else Atomics[kind](s, word, 1);
    }
  };
  const { dataRaces } = explore({ words: WORDS, threads: { a: body(a), b: body(b) } }, { strategy });
  return [...new Set(dataRaces.map(say))].sort();
}

function say({ word, first, second }: DataRace): string {
  return `${word}: ${[first, second]
    .map((each) => `${each.thread} ${effect(each)}`)
    .sort()
    .join(', ')}`;
}

test.each(['dfs', 'dpor'] as const)(
  '%s finds the races of 300 random programs, and no others',
  (strategy) => {
    const chance = new Chance(20151001);
    let racy = 0;
    for (let i = 0; i < 300; i++) {
      chance.begin(i);
      const program = draw(chance);
      const expected = judge(program);
      if (expected.length > 0) racy++;
      expect(explored(program, strategy), `program ${i}: ${JSON.stringify(program)}`).toEqual(expected);
    }
    expect(racy).toBeGreaterThan(50);
    expect(racy).toBeLessThan(290);
  },
);
