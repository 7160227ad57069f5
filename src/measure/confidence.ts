import { tailQuantile } from './normal.ts';

/** Bounds of a value, as far as the sample tells. Open ends are 0 and Infinity. */
export type Bounds = { readonly low: number; readonly high: number };

/** Up to this variance, the binomial is summed term by term: at most 18,000 terms. */
const SUMMED_VARIANCE = 1e6;

/**
 * The ranks, from 1, of the two of `total` ordered values between which a quantile of their source lies. The number of
 * values below a quantile is binomial for any source, so the bounds hold for any distribution of independent values.
 * Rank 0 and rank `total + 1` mean that no value is low, or high, enough.
 * @param share - the quantile, 0 to 1.
 * @param confidence - 0 to 1; each side misses with at most half of the rest.
 */
export function rankBounds(
  total: number,
  share: number,
  confidence: number,
): readonly [low: number, high: number] {
  if (total === 0) return [0, 1];
  if (share <= 0) return [0, 1];
  if (share >= 1) return [total, total + 1];
  const miss = (1 - confidence) / 2;
  const variance = total * share * (1 - share);
  const [low, high] =
    variance > SUMMED_VARIANCE ? bySkewedNormal(total, share, miss) : bySum(total, share, miss);
  return [Math.max(0, low), Math.min(total + 1, high)];
}

/**
 * Walks the binomial from its most likely value outwards, each term from its neighbour, until the terms vanish.
 * Dividing by their sum replaces the unknown first term.
 */
function bySum(total: number, share: number, miss: number): readonly [number, number] {
  const odds = share / (1 - share);
  const peak = Math.min(total, Math.floor((total + 1) * share));
  const below: number[] = [];
  for (let k = peak, term = 1; k > 0 && term > 1e-25; k--) {
    term *= k / ((total - k + 1) * odds);
    below.push(term);
  }
  const above = [1];
  for (let k = peak, term = 1; k < total && term > 1e-25; k++) {
    term *= ((total - k) * odds) / (k + 1);
    above.push(term);
  }
  const terms = [...below.reverse(), ...above];
  const allowed = miss * terms.reduce((sum, term) => sum + term, 0);

  let low = peak - below.length;
  for (let i = 0, sum = terms[0] ?? 0; sum <= allowed; low++) sum += terms[++i] ?? 0;
  let high = peak + above.length;
  for (let i = terms.length - 1, sum = terms[i] ?? 0; sum <= allowed; high--) sum += terms[--i] ?? 0;
  return [low, high];
}

/** Cornish and Fisher's first correction: off by a small part of one rank at these sizes. */
function bySkewedNormal(total: number, share: number, miss: number): readonly [number, number] {
  const z = tailQuantile(miss);
  const middle = total * share + ((1 - 2 * share) * (z * z - 1)) / 6;
  const spread = z * Math.sqrt(total * share * (1 - share));
  return [Math.floor(middle - spread), Math.ceil(middle + spread) + 1];
}
