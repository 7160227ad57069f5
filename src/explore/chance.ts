import { mix } from './thread-runner.ts';

/**
 * A random stream (xoroshiro64**, Blackman and Vigna) that is begun anew for each schedule from the seed and the
 * schedule's number, so that a schedule is the same in whichever order, or process, it is run.
 */
export class Chance {
  readonly #seed: number;
  #a = 1;
  #b = 1;

  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /** Begins the stream of one schedule. */
  begin(index: number): void {
    this.#a = mix(this.#seed, index);
    this.#b = mix(index ^ 0x5bd1e995, this.#seed) | 1;
  }

  /** 32 random bits, as an unsigned number. */
  bits(): number {
    const a = this.#a;
    const b = this.#b ^ a;
    const product = Math.imul(a, 0x9e3779bb);
    this.#a = ((a << 26) | (a >>> 6)) ^ b ^ (b << 9);
    this.#b = (b << 13) | (b >>> 19);
    return Math.imul((product << 5) | (product >>> 27), 5) >>> 0;
  }

  /** A whole number from 0 to n - 1. */
  below(n: number): number {
    // By multiplication: the top bits are the best ones. The bias, n / 2^32, is below anything that could be measured.
    return Math.floor((this.bits() * n) / 4294967296);
  }

  /** A number from 0 to 1, 1 excluded. */
  unit(): number {
    return this.bits() / 4294967296;
  }
}
