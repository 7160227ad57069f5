import { Chance } from '../../../src/base/chance.ts';
import { type InstructionClass, wordOf } from './classes.ts';
import { PLAIN, virtualAddress, writeTables } from './tables.ts';

/** Where the runner (`runner.S`) has its things, as offsets from the start of RAM. */
export const RAM_BASE = 0x4000_0000;
export const RUNNER = 0x20_0000;
const HEADER = 0x30_0000;
const CODE = 0x40_0000;
const CODE_BYTES = 64;
export const RECORDS = 0x60_0000;
export const RECORD_BYTES = 2048;
export const MOST_CASES = 16_384;
/** Bytes of RAM that a batch takes. */
export const batchBytes = (cases: number) => RECORDS + Math.max(cases, 1) * RECORD_BYTES;

const BRK = 0xd420_0000;
const PROGRAM_WORDS = 8;
/** Offsets in a record. */
const SP_AT = 248;
const PSTATE_AT = 256;
const FPSR_AT = 264;
const FPCR_AT = 272;
const V_AT = 512;
const DATA_AT = 1024;

/**
 * SCTLR_EL1: MMU and caches on, RES1 bits, and UMA, UCT, UCI, DZE, A by the batch. Not SA and SA0: QEMU checks no
 * stack pointer's alignment.
 */
const SCTLR = 0x30d0_1805;
const SCTLR_OPTIONS = [0, 0x0400_c200, 0x0000_8200, 2, 0x0000_4000, 0];

const INTERESTING = [
  0n,
  1n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_ffff_ffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0xffff_ffff_8000_0000n,
  0x1_0000_0000n,
  0x0080n,
  0xff00n,
];

/** FP values of both widths that make trouble: zeros, infinities, NaNs, subnormals, powers of two, the ends of integers. */
const FLOATS = [
  0x0000_0000_0000_0000n,
  0x8000_0000_0000_0000n,
  0x7ff0_0000_0000_0000n,
  0xfff0_0000_0000_0000n,
  0x7ff8_0000_0000_0000n,
  0x7ff0_0000_0000_0001n,
  0xfff8_0000_0000_1234n,
  0x0000_0000_0000_0001n,
  0x000f_ffff_ffff_ffffn,
  0x0010_0000_0000_0000n,
  0x7fef_ffff_ffff_ffffn,
  0x3ff0_0000_0000_0000n,
  0xbff0_0000_0000_0000n,
  0x3fe0_0000_0000_0000n,
  0x43e0_0000_0000_0000n,
  0xc3e0_0000_0000_0000n,
  0x41df_ffff_ffe0_0000n,
  0x4340_0000_0000_0000n,
  0x7f80_0000_ff80_0000n,
  0x7fc0_0000_7f80_0001n,
  0x0080_0000_807f_ffffn,
  0x3f80_0000_bf80_0000n,
  0x0000_0001_8000_0000n,
  0x7f7f_ffff_4f00_0000n,
  0x4b00_0000_3f00_0000n,
  0x7c00_fc00_7e00_0001n,
  0x3c00_bc00_7bff_0400n,
];

const bits64 = (chance: Chance) => (BigInt(chance.bits()) << 32n) | BigInt(chance.bits());

function value(chance: Chance, { pointers, translates }: InstructionClass, data: bigint): bigint {
  if (chance.below(8) < pointers) {
    if (translates && chance.below(8) > 0) return virtualAddress(chance);
    const unaligned = chance.below(4) === 0 ? chance.below(16) : 0;
    return data + BigInt(256 + chance.below(32) * 16 + unaligned);
  }
  switch (chance.below(6)) {
    case 0:
      return INTERESTING[chance.below(INTERESTING.length)] ?? 0n;
    case 1:
      return BigInt.asUintN(64, BigInt(chance.below(130) - 65));
    case 2:
      return BigInt(chance.bits());
    default:
      return bits64(chance);
  }
}

function vectorHalf(chance: Chance): bigint {
  const kind = chance.below(4);
  if (kind === 0) return FLOATS[chance.below(FLOATS.length)] ?? 0n;
  const random = bits64(chance);
  // Single precision with exponents near each other, else sums would only ever be the larger operand.
  if (kind === 1) return (random & 0x87ff_ffff_87ff_ffffn) | 0x3800_0000_3800_0000n;
  return kind === 2 ? (random & 0x807f_ffff_ffff_ffffn) | 0x3f80_0000_0000_0000n : random;
}

/** What decides a batch. */
export type Batch = {
  readonly kind: InstructionClass;
  readonly seed: number;
  readonly index: number;
  readonly cases: number;
};

/** The first program word of each case of a batch, and how many there are: for messages. */
export function programOf(image: DataView, index: number): readonly number[] {
  const at = CODE + index * CODE_BYTES + 4;
  const words = Array.from({ length: PROGRAM_WORDS }, (_, word) => image.getUint32(at + word * 4, true));
  const end = words.indexOf(BRK);
  return end < 0 ? words : words.slice(0, end);
}

/** Fills RAM, at `image`, with the header, the programs and the records of a batch. */
export function writeBatch(image: DataView, { kind, seed, index, cases }: Batch): void {
  const chance = new Chance(seed);
  chance.begin(index);
  const options = SCTLR_OPTIONS[chance.below(SCTLR_OPTIONS.length)] ?? 0;
  image.setBigUint64(HEADER, BigInt(cases), true);
  image.setBigUint64(HEADER + 8, BigInt(SCTLR | options), true);
  // One batch of eight traps FP and SIMD, at EL0 or at both levels.
  const traps = chance.below(8);
  image.setBigUint64(HEADER + 16, traps === 0 ? 0n : traps === 1 ? 0x10_0000n : 0x30_0000n, true);
  const { tcr, ttbr1 } = kind.translates ? writeTables(image, chance) : PLAIN;
  image.setBigUint64(HEADER + 24, tcr, true);
  image.setBigUint64(HEADER + 32, ttbr1, true);
  for (let number = 0; number < cases; number++) writeCase(image, chance, kind, number);
}

function writeCase(image: DataView, chance: Chance, kind: InstructionClass, number: number): void {
  const code = CODE + number * CODE_BYTES;
  const record = RECORDS + number * RECORD_BYTES;
  const data = BigInt(RAM_BASE + record + DATA_AT);
  const length = chance.below(3) > 0 ? 1 : 1 + chance.below(PROGRAM_WORDS - 1);
  for (let word = 0; word < CODE_BYTES / 4; word++) {
    const inside = word > 0 && word <= length;
    const instruction = inside ? wordOf(chance, kind, word - 1, length - word) : BRK;
    image.setUint32(code + word * 4, instruction, true);
  }
  for (let register = 0; register < 31; register++) {
    image.setBigUint64(record + register * 8, value(chance, kind, data), true);
  }
  const sp = data + BigInt(256 + chance.below(16) * 16) + (chance.below(8) === 0 ? 8n : 0n);
  image.setBigUint64(record + SP_AT, sp, true);
  const el = kind.el ?? (chance.below(4) === 0 ? 0 : 1);
  image.setBigUint64(
    record + PSTATE_AT,
    BigInt((chance.below(16) << 28) | (el === 0 ? 0x3c0 : 0x3c4)) & 0xffff_ffffn,
    true,
  );
  image.setBigUint64(record + FPSR_AT, 0n, true);
  image.setBigUint64(record + FPCR_AT, BigInt(chance.below(2) === 0 ? 0 : chance.below(32) << 22), true);
  for (let half = 0; half < 64; half++)
    image.setBigUint64(record + V_AT + half * 8, vectorHalf(chance), true);
  for (let at = DATA_AT; at < RECORD_BYTES; at += 8) image.setBigUint64(record + at, bits64(chance), true);
}
