/**
 * A seeded stream of random numbers (xoroshiro64**, Blackman and Vigna). Each `begin` starts the stream of one unit of
 * work (a schedule, a device) from the seed and the unit's number. So a unit draws the same numbers in any order of the
 * units and in any process.
 */
export class Chance {
  readonly #seed: number;
  #a = 1;
  #b = 1;

  /** @param seed - 32 bits; higher bits are cut off */
  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /** Starts the stream of unit `index`. */
  begin(index: number): void {
    this.#a = mix(this.#seed, index);
    this.#b = mix(index ^ 0x5bd1e995, this.#seed) | 1;
  }

  /** Draws 32 random bits, as an unsigned number. */
  bits(): number {
    const a = this.#a;
    const b = this.#b ^ a;
    const product = Math.imul(a, 0x9e3779bb);
    this.#a = ((a << 26) | (a >>> 6)) ^ b ^ (b << 9);
    this.#b = (b << 13) | (b >>> 19);
    return Math.imul((product << 5) | (product >>> 27), 5) >>> 0;
  }

  /** Draws a whole number from 0 to n - 1. */
  below(n: number): number {
    // Multiplies, because the top bits are the best. The bias, n / 2^32, is too small to measure.
    return Math.floor((this.bits() * n) / 4294967296);
  }

  /** Draws a number from 0 to 1, 1 excluded. */
  unit(): number {
    return this.bits() / 4294967296;
  }
}

/** Mixes two 32-bit words into one. For a fixed `b`, a permutation of `a`. */
export function mix(a: number, b: number): number {
  let h = (a ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return h ^ (h >>> 16);
}
