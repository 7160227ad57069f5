import { expect, test } from 'vitest';
import { makeAccess } from '../../../src/explore/loading/access.ts';
import { rewriteAccesses } from '../../../src/explore/loading/rewrite.ts';
import { PRELUDE, RandomProgram } from './random-program.ts';

type Bag = Record<PropertyKey, unknown>;

const plainly = {
  get: (target: unknown, key: unknown) => (target as Bag)[key as PropertyKey],
  set: (target: unknown, key: unknown, value: unknown) => {
    (target as Bag)[key as PropertyKey] = value;
    return value;
  },
  construct: (callee: unknown, args: readonly unknown[]) =>
    new (callee as new (...a: unknown[]) => unknown)(...args),
  viewOf: (value: unknown) => value,
};
const access = makeAccess(plainly);

type Run = (text: string) => string;

/** All that a program says and leaves behind, as text. */
const runWith =
  (given: object): Run =>
  (code) =>
    show(
      new Function(
        '$irq',
        `${PRELUDE}
        (function () { ${code} }).call({});
        return [log, i, [...t], v, w, u];`,
      )(given),
    );

function show(value: unknown, depth = 0): string {
  if (typeof value === 'function') return 'function';
  if (typeof value === 'symbol') return 'symbol';
  if (typeof value !== 'object' || value === null) return `${typeof value} ${String(value)}`;
  if (depth > 4) return '…';
  return `{${Object.keys(value)
    .map((key) => `${key}: ${show((value as Bag)[key], depth + 1)}`)
    .join()}}`;
}

const PROGRAMS = 300;
const FIRST_SEED = 1;

/** How many random programs do something else once they are rewritten; `say` hears of each. */
function countDifferences(
  given: object,
  say: (about: string) => void,
): { ran: number; places: number; differ: number } {
  const run = runWith(given);
  let ran = 0;
  let places = 0;
  let differ = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + PROGRAMS; seed++) {
    const code = new RandomProgram(seed).body();
    let wanted: string;
    try {
      wanted = run(code);
    } catch (error) {
      // Not every random text is a program.
      if (error instanceof SyntaxError) continue;
      throw error;
    }
    ran++;
    const rewritten = rewriteAccesses(`(function () { ${code} })`, 'script');
    places += rewritten.places;
    const text = rewritten.text.toString().replace(/^\(function \(\) \{|\}\);?$/g, '');
    if (run(text) === wanted) continue;
    differ++;
    say(`seed ${seed}:\n${code}\nrewritten:\n${text}`);
  }
  return { ran, places, differ };
}

test(`${PROGRAMS} random programs do the same in the same order when their accesses are rewritten`, () => {
  const seen: string[] = [];
  const { ran, places } = countDifferences(access, (about) => seen.push(about));
  expect(seen).toEqual([]);
  expect(ran).toBeGreaterThan(PROGRAMS * 0.9);
  expect(places).toBeGreaterThan(PROGRAMS * 5);
});

test.each([
  [
    'reads after the right side',
    { assign: (t: Bag, k: string, of: (v: unknown) => unknown) => [of(1), plainly.set(t, k, of(t[k]))][1] },
  ],
  [
    'goes on behind a ?. that found nothing',
    { chain: (base: unknown, rest: (v: unknown) => unknown) => rest(base ?? {}) },
  ],
  [
    'loses the this of a method',
    { bind: (object: unknown, method: (o: unknown) => unknown) => method(object) },
  ],
  [
    'counts down for up',
    { postIncrement: access.postDecrement, postIncrementLoose: access.postDecrementLoose },
  ],
  ['is strict where the code is not', { setLoose: access.set }],
])('the comparison notices a rewriting that %s', (_, wrong) => {
  expect(countDifferences({ ...access, ...wrong }, () => {}).differ).toBeGreaterThan(0);
});

test('what cannot be an element is left as it is, and no line moves', () => {
  const same = [
    'a.b; a["b"]; a["get" + n](0); a[Symbol.iterator](); a[typeof b]',
    '[1, 2][i]; "abc"[i]; a[i](b); a[i]`x`; delete a[i]; new a[i](1); new Error(text)',
    'class A extends B { get(k) { return super[k]; } }',
  ];
  for (const code of same)
    expect(rewriteAccesses(code, 'script').text.toString()).toBe(code.replace(/[^;}]$/, '$&;'));
  const code = 'a[\n  i // one\n] =\n  b?.[\n j ]\n(c)\n[x]\n';
  const text = rewriteAccesses(code, 'script').text.toString();
  expect(text.split('\n')).toHaveLength(code.split('\n').length);
});
