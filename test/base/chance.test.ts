import { describe, expect, test } from 'vitest';
import { Chance, mix } from '../../src/base/chance.ts';

const draw = (seed: number, unit: number, n = 64) => {
  const chance = new Chance(seed);
  chance.begin(unit);
  return Array.from({ length: n }, () => chance.bits());
};

describe('a seeded stream', () => {
  test('a unit draws the same numbers whichever units were drawn before it', () => {
    const chance = new Chance(7);
    chance.begin(3);
    chance.bits();
    chance.begin(1);
    expect(Array.from({ length: 64 }, () => chance.bits())).toEqual(draw(7, 1));
  });

  test('another seed, and another unit, draw other numbers', () => {
    const streams = [draw(7, 1), draw(7, 2), draw(8, 1), draw(0, 0)].map((stream) => stream.join());
    expect(new Set(streams).size).toBe(4);
  });

  test('below(n) draws every number from 0 to n - 1, each about equally often', () => {
    const chance = new Chance(11);
    chance.begin(0);
    const counts = Array.from({ length: 7 }, () => 0);
    for (let i = 0; i < 70_000; i++) {
      const drawn = chance.below(7);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    expect(counts).toHaveLength(7);
    // Six standard deviations of a binomial count.
    for (const count of counts)
      expect(Math.abs(count - 10_000)).toBeLessThan(6 * Math.sqrt(70_000 * (1 / 7) * (6 / 7)));
  });

  test('unit() stays below 1 and uses its whole range', () => {
    const chance = new Chance(5);
    chance.begin(0);
    const drawn = Array.from({ length: 10_000 }, () => chance.unit());
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...drawn)).toBeLessThan(1);
    expect(Math.max(...drawn) - Math.min(...drawn)).toBeGreaterThan(0.99);
  });

  test('mix is a permutation of its first word for each second word', () => {
    const mixed = Array.from({ length: 100_000 }, (_, a) => mix(a, 3));
    expect(new Set(mixed).size).toBe(100_000);
  });
});
