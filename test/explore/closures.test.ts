/** Variables of a test that its threads change: all runs of a thread share them, which no program means. */
import { describe, expect, test } from 'vitest';
import { explore } from '../../src/explore/index.ts';
import { freeNamesOf } from '../../src/explore/loading/free-writes.ts';
import type { Scenario } from '../../src/explore/loading/scenario.ts';

type Words = Int32Array;
const add = (w: Words): void => void Atomics.add(w, 0, 1);

/** What a search says of a thread `a` beside one that adds. */
function explored(a: (w: Words) => void, rest: Partial<Scenario<Words>> = {}) {
  const result = explore({ name: 'closure', words: 2, threads: { a, b: add }, ...rest }, { strategy: 'dfs' });
  return { ...result, named: (result.closures ?? []).map(({ thread, variable }) => `${thread} ${variable}`) };
}

const lineOf = (site: string | undefined): number => Number(site?.split(':').at(-2));

/** The number of the line that calls this. */
function here(): number {
  const [, , frame = ''] = new Error().stack?.split('\n') ?? [];
  return lineOf(frame);
}

describe('a variable that a thread changes outside shared memory', () => {
  test('the result names a variable outside shared memory, with its line, that made a thread nondeterministic', () => {
    let n = 0;
    const line = here() + 2;
    const { failure, named, closures } = explored((w) => {
      n++;
      Atomics.store(w, 1, n);
    });
    expect(failure?.kind).toBe('nondeterminism');
    expect(named).toEqual(['a n']);
    expect(failure?.message).toMatch(
      new RegExp(`Note: a changes \`n\` \\(closures\\.test\\.ts:${line}\\): outside`),
    );
    expect(lineOf(closures?.[0]?.site)).toBe(line);
  });

  test('the result names a variable outside shared memory that made an end wrong, though the program is right', () => {
    const order: string[] = [];
    const { failure, named } = explored(
      (w) => {
        add(w);
        order.push('a');
      },
      { finally: () => expect(order).toEqual(['a']) },
    );
    expect(failure?.kind).toBe('assertion');
    expect(named).toEqual(['a order']);
    expect(failure?.message).toMatch(
      /\. Note: a changes `order` \(closures\.test\.ts:\d+\): outside shared memory/,
    );
  });

  test('the result names a variable outside shared memory that a thread changes, without any failure', () => {
    const seen = { times: 0 };
    const { verdict, exhausted, coverage, named } = explored((w) => {
      add(w);
      seen.times += 1;
    });
    expect({ verdict, exhausted }).toEqual({ verdict: 'pass', exhausted: true });
    expect(named).toEqual(['a seen']);
    expect(coverage.statement).toMatch(
      /; a changes `seen` \(closures\.test\.ts:\d+\): outside shared memory, and all/,
    );
  });

  test('after a failure, the result names a variable that a function called by the thread changes', () => {
    let calls = 0;
    const bump = (): number => ++calls;
    const { failure, named } = explored((w) => {
      bump();
      if (Atomics.add(w, 0, 1) === 1) throw new Error('second');
    });
    expect(failure?.message).toMatch(/^a: second\. Note: a changes `calls` \(closures\.test\.ts:\d+\)/);
    expect(named).toEqual(['a calls']);
  });

  test("no closure is named for a thread's own variable, an unchanged variable, or shared memory", () => {
    const table = new Map([[0, 1]]);
    const hidden = new Int32Array(new SharedArrayBuffer(4));
    let last = 1;
    const { named, verdict } = explored((w) => {
      let own = 0;
      own++;
      last = 1;
      hidden[0] = own;
      table.set(0, 1);
      Atomics.add(w, 0, own + (table.get(0) ?? 0) + last - 2);
    });
    expect({ named, verdict }).toEqual({ named: [], verdict: 'pass' });
  });
});

test('the text of a function says which variables from outside it changes', () => {
  let [a, b, c, d] = [0, 0, 0, 0];
  const list: number[] = [];
  const object = { x: 1 } as { x?: number };
  const writes = (fn: object) => freeNamesOf(fn).writes.map(({ name }) => name);
  expect(writes(() => a++)).toEqual(['a']);
  expect(
    writes(() => {
      [b, { c }] = [1, { c: 2 }];
      d ||= 1;
    }),
  ).toEqual(['b', 'c', 'd']);
  const both = () => {
    list.push(1);
    object.x = 2;
  };
  expect(writes(both)).toEqual(['list', 'object']);
  expect(writes(() => delete object.x)).toEqual(['object']);
  expect(
    writes(
      {
        method(e: number) {
          e++;
          return Atomics.add(list as never, 0, a + b + c + d);
        },
      }.method,
    ),
  ).toEqual([]);
});
