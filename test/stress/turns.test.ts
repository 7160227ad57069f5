import { beforeEach, describe, expect, test } from 'vitest';
import { Layout } from '../../src/memory/layout.ts';
import { Turns, turnsRegion } from '../../src/stress/rules/turns.ts';

describe('the order in which handlers begin', () => {
  let turns: Turns;
  const never = () => false;

  beforeEach(() => {
    const layout = new Layout();
    const region = turnsRegion(layout, 4);
    turns = new Turns(new Int32Array(new SharedArrayBuffer(4 * layout.words)), region);
  });

  test('turns are noted from the moment at which a handler is held until its release', () => {
    turns.began(3, never);
    expect(turns.of(3)).toBe(0);
    turns.hold(0);
    turns.release();
    for (const source of [2, 1, 3]) turns.began(source, never);
    expect([1, 2, 3].map((source) => turns.of(source))).toEqual([2, 1, 3]);
    turns.end();
    turns.began(1, never);
    expect(turns.of(1)).toBe(2);
  });

  test('a held handler tells of its start, and waits until the run is over', () => {
    turns.hold(2);
    expect(turns.isEntered).toBe(false);
    turns.began(1, never);
    expect(turns.isEntered).toBe(false);
    let looks = 0;
    turns.began(2, () => ++looks > 3);
    expect(turns.isEntered).toBe(true);
    expect(looks).toBe(4);
  });
});
