import { expect, test } from 'vitest';
import { tailQuantile, upperTail } from '../../src/measure/normal.ts';

/** Computed with SciPy 1.17, scipy.stats.norm.sf. */
const KNOWN: [z: number, tail: number][] = [
  [-3, 0.9986501019683699],
  [-1, 0.8413447460685429],
  [0, 0.5],
  [0.5, 0.3085375387259869],
  [1, 0.15865525393145707],
  [1.96, 0.024997895148220435],
  [2.9, 0.0018658133003840375],
  [3, 0.0013498980316300933],
  [3.1, 0.0009676032132183563],
  [5, 2.866515718791933e-7],
  [8, 6.22096057427174e-16],
  [20, 2.7536241186061556e-89],
  [37, 5.7255712225239266e-300],
];

test.each(KNOWN)('the tail above %d', (z, tail) => {
  expect(Math.abs(upperTail(z) / tail - 1)).toBeLessThan(1e-12);
  if (z > -3) expect(tailQuantile(tail)).toBeCloseTo(z, 10);
});

test('the comparison sees an error of a millionth of a far tail', () => {
  expect(Math.abs(upperTail(8 + 1e-7) / 6.22096057427174e-16 - 1)).toBeGreaterThan(1e-7);
});
