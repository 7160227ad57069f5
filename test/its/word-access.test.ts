import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gits } from '../../src/arch/registers.ts';
import { ITS_PERSONALITIES, type ItsPersonality } from '../../src/its/personality.ts';
import { Board } from './board.ts';

/** Registers that an access is tried on, and a hole; each with all bytes of a 64-bit register behind it. */
const PLACES = [gits.CTLR, gits.IIDR, gits.TYPER, gits.CBASER, gits.CWRITER, gits.CREADR, gits.BASER0, 0x40];
const access = fc.record({
  offset: fc.tuple(fc.constantFrom(...PLACES), fc.integer({ min: 0, max: 7 })).map(([at, more]) => at + more),
  value: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  writes: fc.boolean(),
});
type Access = { readonly offset: number; readonly value: number; readonly writes: boolean };

/** What the registers say after each access, made by numbers or by bigints. */
function run(personality: ItsPersonality, accesses: readonly Access[], byNumber: boolean): bigint[] {
  const { its } = new Board({ personality }).boot();
  return accesses.flatMap(({ offset, value, writes }) => {
    if (writes && byNumber) its.writeWord(offset, value);
    else if (writes) its.write(offset, 4, BigInt(value));
    const seen = byNumber ? BigInt(its.readWord(offset)) : its.read(offset, 4);
    return [seen, ...[gits.CTLR, gits.CWRITER, gits.CREADR].map((at) => its.read(at, 4))];
  });
}

test.each(Object.entries(ITS_PERSONALITIES))(
  'an access of 32 bits by a number does what one by a bigint does, in %s',
  (_name, personality) => {
    fc.assert(
      fc.property(fc.array(access, { maxLength: 30 }), (accesses) => {
        expect(run(personality, accesses, true)).toEqual(run(personality, accesses, false));
      }),
      { numRuns: 60 },
    );
  },
);

test('a write of the upper half of GITS_CWRITER leaves the offset as it is', () => {
  const { its } = new Board().boot();
  its.write(gits.CWRITER, 8, 0xffff_ffff_0000_0000n);
  its.writeWord(gits.CWRITER + 4, 0x20);
  expect(its.read(gits.CWRITER, 8)).toBe(0n);
  its.writeWord(gits.CWRITER, 0x20);
  expect(its.read(gits.CWRITER, 8)).toBe(0x20n);
});
