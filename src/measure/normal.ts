/** Beyond this, the continued fraction is the better series; both agree to 14 digits around it. */
const SERIES_END = 3;

/**
 * P(Z > z) of the standard normal distribution, to about 13 digits of the tail itself and not of 1 minus it.
 * @see Abramowitz and Stegun 26.2.11 (series), 26.2.14 (continued fraction)
 */
export function upperTail(z: number): number {
  if (z < 0) return 1 - upperTail(-z);
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z < SERIES_END) {
    let sum = 0;
    let term = z;
    for (let k = 1; sum + term !== sum; k += 2) {
      sum += term;
      term *= (z * z) / (k + 2);
    }
    return 0.5 - density * sum;
  }
  let fraction = z;
  for (let k = 100; k > 0; k--) fraction = z + k / fraction;
  return density / fraction;
}

/** The z for which P(Z > z) is `tail`, between 0 and 1. */
export function tailQuantile(tail: number): number {
  let low = -38;
  let high = 38;
  for (let halving = 0; halving < 60; halving++) {
    const middle = (low + high) / 2;
    if (upperTail(middle) > tail) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
