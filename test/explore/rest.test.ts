import { describe, expect, test } from 'vitest';
import { Chance } from '../../src/base/chance.ts';
import { type Bound, Dfs } from '../../src/explore/search/strategies/dfs.ts';
import { type Piece, WHOLE } from '../../src/explore/search/strategies/pieces.ts';
import type { RunView } from '../../src/explore/search/strategies/strategy.ts';

const VIEW = {} as RunView;
const DEPTH = 6;

/** The threads that could go on after some choices: one to three, as the choices have it, so that subtrees differ in size. */
function enabledAfter(path: string): number {
  let sum = 7;
  for (const taken of path) sum = (sum * 31 + Number(taken) + 1) % 101;
  return [0b1, 0b11, 0b111, 0b101][sum % 4] as number;
}

/** Runs schedules, at most so many; the last one is left after `steps` choices. @returns the schedules that came to their end */
function drive(dfs: Dfs, most: number, steps = DEPTH): string[] {
  const paths: string[] = [];
  while (dfs.begin(VIEW, false)) {
    const isLast = paths.length === most;
    let path = '';
    let current = -1;
    for (let step = 0; step < (isLast ? steps : DEPTH); step++) {
      current = dfs.choose(enabledAfter(path), current);
      path += current;
    }
    if (isLast) return paths;
    dfs.end();
    paths.push(path);
  }
  return paths;
}

const BOUNDS: readonly Bound[] = [
  { kind: 'none' },
  { kind: 'preemptions', most: 1 },
  { kind: 'delays', most: 2 },
];

describe('a depth-first search that is left', () => {
  test.each(BOUNDS)(
    'says what is left: other searches of that see each other schedule once, within $kind',
    (bound) => {
      const whole = drive(new Dfs(bound), Infinity);
      expect(new Set(whole).size).toBe(whole.length);
      const chance = new Chance(1);
      for (let trial = 0; trial < 50; trial++) {
        chance.begin(trial);
        const seen: string[] = [];
        let share = 0;
        let cut = false;
        let pieces: readonly Piece[] = WHOLE;
        while (pieces.length > 0) {
          const dfs = new Dfs(bound, pieces);
          const all = pieces.reduce((sum, each) => sum + each.share, 0);
          // Left between two schedules, or in the middle of one.
          seen.push(...drive(dfs, 1 + chance.below(9), chance.below(DEPTH)));
          share += dfs.fraction * all;
          cut ||= dfs.cut;
          pieces = dfs.rest();
        }
        expect(seen.toSorted()).toEqual(whole.toSorted());
        expect(share).toBeCloseTo(1, 9);
        expect(cut).toBe(bound.kind !== 'none');
      }
    },
  );

  test('a depth-first search has nothing left at its end, and everything before its beginning', () => {
    const dfs = new Dfs();
    expect(dfs.rest()).toEqual(WHOLE);
    drive(dfs, Infinity);
    expect(dfs.rest()).toEqual([]);
  });

  test('a rest without its last piece is found to miss schedules', () => {
    const dfs = new Dfs();
    const seen = drive(dfs, 5, 3);
    seen.push(...drive(new Dfs({ kind: 'none' }, dfs.rest().slice(0, -1)), Infinity));
    expect(seen.length).toBeLessThan(drive(new Dfs(), Infinity).length);
  });
});
