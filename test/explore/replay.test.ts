import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/loading/scenario.ts';
import { explore } from '../../src/explore/search/explore.ts';
import { replay } from '../../src/explore/telling/replay.ts';
import { decodeToken, encodeToken } from '../../src/explore/telling/token.ts';
import * as litmus from './litmus.ts';

const BUGGY = [
  litmus.lostUpdate(2, 2),
  litmus.reorder(3, 1),
  litmus.bluetooth(),
  litmus.deadlock01(),
  litmus.futexLostWakeup(),
];

describe.each(BUGGY.map((program) => [program.name, program] as const))(
  'the token of a failure of %s',
  (_name, program) => {
    test('repeats it, step for step', () => {
      for (const strategy of ['auto', 'random', 'dpor'] as const) {
        for (const shrink of [true, false]) {
          const { failure } = explore(program, { strategy, seed: 11, shrink });
          const again = replay(failure?.token ?? '', program);
          expect(again.diverged).toBeUndefined();
          expect(again.trace).toEqual(failure?.trace);
          expect(again.failure).toMatchObject({
            kind: failure?.kind,
            message: failure?.message,
            token: failure?.token,
          });
          expect(again.schedule).toHaveLength(again.steps);
        }
      }
    });

    test('is short, and has no character that a shell would take for its own', () => {
      const token = explore(program).failure?.token ?? '';
      expect(token).toMatch(/^x1:[\w.+-]+:[0-9a-z.]+:[0-9a-z.-]+:[\w.-]+:[0-9a-z]+$/);
      expect(token.length).toBeLessThan(80);
    });
  },
);

test('a token survives writing and reading', () => {
  const token = fc.record({
    scenario: fc.constantFrom('a', 'lost-update', 'x.y_z'),
    seed: fc.integer(),
    timeouts: fc.constantFrom('late', 'any', 'never'),
    turns: fc.array(fc.tuple(fc.nat(5000), fc.nat(29))),
    marks: fc.array(fc.nat(63), { maxLength: 160 }),
    // In order, and not side by side.
    shared: fc
      .array(fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 64 })))
      .map((ranges) => {
        let end = 0;
        return ranges.map(([gap, size]) => {
          const at = end + gap;
          end = at + size;
          return [at, size] as const;
        });
      }),
  });
  fc.assert(
    fc.property(token, (value) => {
      expect(decodeToken(encodeToken(value))).toEqual(value);
    }),
  );
});

describe('a token is refused', () => {
  const token = encodeToken({
    scenario: 'lost-update-2x1',
    seed: 7,
    timeouts: 'late',
    turns: [[1, 1]],
    marks: [1, 2],
  });

  test('a token is refused if one character is another', () => {
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom('a', 'Z', '3', ':', '-'), (at, other) => {
        const damaged = token.slice(0, at) + other + token.slice(at + 1);
        if (damaged === token) return;
        expect(() => decodeToken(damaged)).toThrow(expect.objectContaining({ code: 'ERR_TOKEN' }));
      }),
    );
  });

  test('a token is refused if cut off, of another version, or of another scenario', () => {
    expect(() => decodeToken(token.slice(0, -3))).toThrow(/is damaged/);
    expect(() => decodeToken('hello')).toThrow(/not a token/);
    expect(() => decodeToken(token.replace('x1', 'x2'))).toThrow(/of version x2, and this irqloom reads x1/);
    expect(() => replay(token, litmus.bluetooth())).toThrow(
      /is of scenario lost-update-2x1, and this one is bluetooth/,
    );
  });

  test.each([
    ['a range of 2 GB', 'x1:lost:7.l.0_zik0zk:1.1:.'],
    ['ranges that are more than a program shares in sum', 'x1:lost:7.l.0_zik0z-0_zik0z:1.1:.'],
    ['a range without a size', 'x1:lost:7.l.4:1.1:.'],
    ['a range of three numbers', 'x1:lost:7.l.0_4_4:1.1:.'],
    ['a range that is no number', 'x1:lost:7.l.0_8m80!:1.1:.'],
    ['a seed that is no number', 'x1:lost:-.l:1.1:.'],
    ['a choice of 40 digits', `x1:lost:7.l:${'9'.repeat(40)}.1:.`],
    ['a thread that no scenario has', 'x1:lost:7.l:1.65535:.'],
    ['the first thread that is too many', 'x1:lost:7.l:1.u:.'],
    ['a mark that is none', 'x1:lost:7.l:1.1:A*'],
  ])('with %s is refused, although its check is right', (_, text) => {
    let hash = 0x811c9dc5;
    for (const each of text) hash = Math.imul(hash ^ each.charCodeAt(0), 0x01000193);
    const token = `${text}:${(hash >>> 0).toString(36)}`;
    expect(() => decodeToken(token, 'lost')).toThrow(/cannot be understood/);
  });
});

describe('where the code has changed', () => {
  const before = litmus.lostUpdate(2, 1);
  const token = explore(before).failure?.token ?? '';
  const changed = (a: (s: Int32Array) => void): Scenario<Int32Array> => ({
    ...before,
    threads: { ...before.threads, t0: a },
  });

  test('a replay of changed code says at which step the schedules differ, and which operation was expected there', () => {
    const other = changed((s) => {
      Atomics.load(s, 0);
      Atomics.add(s, 0, 1);
    });
    expect(replay(token, other).diverged).toEqual({ step: 4, expected: 'store', saw: 'add' });
  });

  test('a replay also names the step if the changed code is shorter or longer', () => {
    expect(
      replay(
        token,
        changed((s) => void Atomics.load(s, 0)),
      ).diverged,
    ).toMatchObject({ step: 4, expected: 'store', saw: 'the end of the schedule' });
    const longer = changed((s) => {
      Atomics.store(s, 0, Atomics.load(s, 0) + 1);
      Atomics.load(s, 0);
    });
    expect(replay(token, longer).diverged).toEqual({
      step: 5,
      expected: 'the end of the schedule',
      saw: 'load',
    });
  });

  test('a replay of unchanged code says nothing about a difference', () => {
    expect(replay(token, before).diverged).toBeUndefined();
  });
});
