/** The identification registers, the last 32 bytes of a PrimeCell's frame: four words of the part, four common ones. */
const IDENTITIES = {
  pl011: [0x11, 0x10, 0x14, 0x00],
  pl031: [0x31, 0x10, 0x14, 0x00],
  pl061: [0x61, 0x10, 0x04, 0x00],
} as const;
const PRIMECELL = [0x0d, 0xf0, 0x05, 0xb1] as const;
const FIRST = 0xfe0;

/** The value of a part's identification register at `offset`; 0 for any other offset. */
export function peripheralId(part: keyof typeof IDENTITIES, offset: number): number {
  const index = (offset - FIRST) / 4;
  return (index < 4 ? IDENTITIES[part][index] : PRIMECELL[index - 4]) ?? 0;
}
