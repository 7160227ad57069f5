/** Returns the lowest set bit, 0 to 31, of a word that is not zero. */
export function lowestBit(word: number): number {
  // guard: lowest-bit-stands-alone
  return 31 - Math.clz32(word & -word);
}

/** Counts the bits that are set in a word. */
export function countBits(word: number): number {
  // guard: bits-counted-by-pair
  let v = word - ((word >>> 1) & 0x5555_5555);
  v = (v & 0x3333_3333) + ((v >>> 2) & 0x3333_3333);
  // guard: bits-counted-by-nibble
  return Math.imul((v + (v >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
