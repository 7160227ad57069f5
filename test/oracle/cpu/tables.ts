import type { Chance } from '../../../src/base/chance.ts';

/** The runner's level 1 table; its entry 1 is the runner's own world. */
const LEVEL1 = 0x20_1000;
/** Room for random tables, 64 of 4 KiB. */
const TABLES = 0x38_0000;
const TABLE_COUNT = 64;
const TABLE_BYTES = 4096;
const RAM_BASE = 0x4000_0000n;
/** Memory behind the records that random pages lead to: zeros, which are UNDEFINED as instructions. */
const SCRATCH = 0x4600_0000n;

/** TCR_EL1 of a plain batch: 39 bits at TTBR0_EL1, none at TTBR1_EL1, 40 bits of physical address. */
const PLAIN_TCR = 0x2_0080_3519n;

/** How addresses are translated in a batch. */
export type Translation = { readonly tcr: bigint; readonly ttbr1: bigint };

export const PLAIN: Translation = { tcr: PLAIN_TCR, ttbr1: 0n };

/** Sizes of the upper range from which a walk begins at level 1. */
const FROM_LEVEL1 = 25;

/**
 * Fills tables at random: descriptors that are invalid, reserved, blocks, pages and tables of all levels, with all
 * permissions, with and without the access flag, and some beyond the physical address size. Table 0 has no blocks: at level 0
 * they are reserved, and QEMU 7.2 takes them for blocks of 512 GiB.
 */
export function writeTables(image: DataView, chance: Chance): Translation {
  for (let table = 0; table < TABLE_COUNT; table++) {
    for (let entry = 0; entry < 512; entry++) {
      image.setBigUint64(TABLES + table * TABLE_BYTES + entry * 8, descriptor(chance, table === 0), true);
    }
  }
  for (let entry = 2; entry < 512; entry++) image.setBigUint64(LEVEL1 + entry * 8, descriptor(chance), true);
  const t0sz = 25 + chance.below(9);
  const t1sz = 16 + chance.below(24);
  const epd1 = chance.below(8) === 0 ? 1 : 0;
  const low = t0sz | 0x3500 | (t1sz << 16) | (epd1 << 23);
  // 4 KiB is 2 in TG1, and 0 in TG0. TBI0 and TBI1 are bits 37 and 38, IPS bits 34:32.
  const high = chance.below(3) | (chance.below(4) << 5);
  const tcr = BigInt(low) | 0xb500_0000n | (BigInt(high) << 32n);
  return { tcr, ttbr1: t1sz < FROM_LEVEL1 ? RAM_BASE + BigInt(TABLES) : tableAddress(chance) };
}

const tableAddress = (chance: Chance) => RAM_BASE + BigInt(TABLES + chance.below(TABLE_COUNT) * TABLE_BYTES);

function descriptor(chance: Chance, onlyTables = false): bigint {
  const limits = chance.below(4) === 0 ? BigInt(chance.below(32)) << 59n : 0n;
  const kind = chance.below(onlyTables ? 5 : 8);
  if (kind === 0) return BigInt(chance.bits() & ~1);
  if (kind < 5) return tableAddress(chance) | limits | 3n;
  const attributes = (BigInt(chance.below(4)) << 6n) | (chance.below(8) > 0 ? 0x400n : 0n) | 0x300n;
  const never = BigInt(chance.below(4)) << 53n;
  const beyond = chance.below(32) === 0 ? 1n << BigInt(40 + chance.below(8)) : 0n;
  const output = SCRATCH + (BigInt(chance.below(4096)) << 12n);
  // A block at level 1 or 2, or reserved; at level 3 a page needs 3, which makes it a table above.
  return beyond | output | attributes | never | (chance.below(2) === 0 ? 1n : 3n);
}

/** An address at either side, with a top byte that may be a tag. */
export function virtualAddress(chance: Chance): bigint {
  const upper = chance.below(3) === 0;
  const bits = BigInt(chance.below(2) === 0 ? 39 : 30 + chance.below(18));
  const random = ((BigInt(chance.bits()) << 32n) | BigInt(chance.bits())) & ((1n << bits) - 1n);
  const nearEnd = chance.below(8) === 0 ? random | 0xff8n : random;
  const address = upper ? BigInt.asUintN(64, ~nearEnd) : nearEnd;
  return chance.below(6) === 0 ? address ^ (BigInt(chance.below(256)) << 56n) : address;
}
