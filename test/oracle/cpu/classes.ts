import type { Chance } from '../../../src/base/chance.ts';

/**
 * Classes of instructions as templates of 32 bits, first bit 31: 0 and 1 are fixed, a dot is random. Written from the
 * encoding tables of Arm DDI 0487, and shared with nothing of the core's decoder.
 */
export type InstructionClass = {
  readonly name: string;
  readonly templates: readonly string[];
  /** How many of 8 registers begin as pointers into the case's data. */
  readonly pointers: number;
  /** QEMU's processor that has these instructions. */
  readonly cpu: 'cortex-a57' | 'cortex-a76';
  /** Words that a case must not have, `[mask, value]`. */
  readonly except?: readonly (readonly [number, number])[];
  /** Whether each case traps FP and SIMD, runs at EL0, or both by turns, is by chance; else it is as said. */
  readonly el?: 0 | 1;
  /** Whether translation tables are random, and most pointers lead there. */
  readonly translates?: boolean;
};

const DATA = { pointers: 2, cpu: 'cortex-a57' } as const;
const ACCESS = { pointers: 7, cpu: 'cortex-a57' } as const;

export const CLASSES: readonly InstructionClass[] = [
  {
    name: 'immediate',
    ...DATA,
    templates: [
      '...10000........................',
      '...10001.0......................',
      '...1001000......................',
      '...1001000......................',
      '...1001001......................',
      '...1001010......................',
      '...100101.......................',
      '...100110.......................',
      '...100110.......................',
      '...100111.......................',
    ],
  },
  {
    name: 'register',
    ...DATA,
    templates: [
      '...01010........................',
      '...01011..0.....................',
      '...01011001......0..............',
      '...01011001.....................',
      '...11010000.....000000..........',
      '.1111010010.........0.0....0....',
      '.1111010010.....................',
      '.0.11010100..........0..........',
      '.0011010110.....00..............',
      '.001101011000000.1..............',
      '.001101011000010................',
      '.1011010110000000000............',
      '.1.11010110.....................',
      '.0011011000.....................',
      '.00110110.......................',
      '10011011.01.....................',
    ],
  },
  {
    name: 'branch',
    ...DATA,
    templates: [
      // Offsets are put right by the generator: forward within the program, or to the BRK in front of it.
      '.00101..........................',
      '01010100...................0....',
      '.011010.........................',
      '.011011.........................',
      '1101011000.11111000000.....00000',
      '1101011000011111000000.....00000',
      '1101011001011111000000.....00000',
      '.0011010100.....................',
    ],
  },
  {
    name: 'load and store',
    ...ACCESS,
    templates: [
      '..111001..000000................',
      '..11100101000000................',
      '..111000..0.........01..........',
      '..111000..0.........11..........',
      '..111000..0.........00..........',
      '..111000..0.........10..........',
      '..111000..1......1..10..........',
      '..111000..1.........10..........',
      '..101000100.....................',
      '..101001........................',
      '.0101000........................',
      '..011000000000000000............',
    ],
    except: [],
  },
  {
    name: 'exclusive',
    ...ACCESS,
    templates: [
      '..001000010111110111110.........',
      '..001000000.....0.....1.........',
      '..001000010.....................',
      '1.001000011.....................',
      '1.001000001.....................',
      '..0010001.0.....1...............',
      '..001000................11......',
      '11010101000000110011....010.....',
    ],
  },
  {
    name: 'atomic',
    ...ACCESS,
    cpu: 'cortex-a76',
    templates: [
      '..111000..1.....0...00..........',
      '..111000..1.....100000..........',
      '..0010001.1......11111..........',
      '0.0010000.1......11111..........',
      '0.0010000.1....0.11111.........0',
    ],
  },
  {
    name: 'system',
    ...DATA,
    templates: [
      '1101010100.110110100001000......',
      '1101010100.110110100001000......',
      '1101010100111...................',
      '1101010100110..00000............',
      '1101010100.1101111010000..0.....',
      '110101010000001100100...........',
      '11010101000000110011....1.011111',
      '11010101000000110100....11.11111',
      '11010100000................00001',
      '11010100001................00000',
      '11010100.......................0',
      '1101010100001...0111............',
    ],
    except: [],
  },
  {
    name: 'translation',
    ...ACCESS,
    translates: true,
    templates: [
      '..11100101000000................',
      '..111000..0.........00..........',
      '..111000..0.........10..........',
      // Pairs are loads, and structures are none: QEMU does what precedes a page that faults, which this core checks first.
      '.0101001.1......................',
      '..001000010111110111110.........',
      '1101011000.11111000000.....00000',
      '11010101000010110111010000......',
    ],
  },
  {
    name: 'any',
    ...DATA,
    templates: ['................................'],
  },
  {
    name: 'SIMD load and store',
    ...ACCESS,
    templates: [
      '..111101..0000000...............',
      '..111100..0.........01..........',
      '..111100..0.........11..........',
      '..111100..0.........00..........',
      '..111100..1......1..10..........',
      '..101100........................',
      '..101101........................',
      '..011100000000000000............',
      '0.0011000.000000................',
      '0.0011001.0.....................',
      '0.0011010..00000................',
      '0.0011011.......................',
    ],
  },
  {
    name: 'SIMD integer',
    ...DATA,
    templates: [
      '0..01110..1...............1.....',
      '0..01110..1..........1..........',
      '0..01110..1.........00..........',
      '0..01110..10000.....10..........',
      '0..01110..11000.....10..........',
      '0.001110000.....0....1..........',
      '0.101110000.....0....1..........',
      '0.001110000.....0.0.00..........',
      '0.001110..0.....0...10..........',
      '0.101110..0.....0....0..........',
      '0..011110.......1....1..........',
      '0..011110.......0....1..........',
      '0..01111000000..........1.......',
      '0..0111100000.......01..........',
      '0..01111..........0.0...........',
      '0..01111............0...........',
    ],
  },
  {
    name: 'SIMD scalar',
    ...DATA,
    templates: [
      '01.11110..1..........1..........',
      '01.11110..1.........00..........',
      '01.11110..10000.....10..........',
      '01.11110..11000.....10..........',
      '01.11110000.....0....1..........',
      '01.111110.......1....1..........',
      '01.111110.......0....1..........',
      '01.11111............0...........',
    ],
  },
  {
    name: 'floating point',
    ...DATA,
    templates: [
      '00011110..1......10000..........',
      '00011110..1.....001000.....00000',
      '00011110..1........100.......000',
      '00011110..1.........01..........',
      '00011110..1.........10..........',
      '00011110..1.........11..........',
      '.0011110..1.....000000..........',
      '.0011110..0.....................',
      '00011111..0.....................',
      '00011111..1.....................',
      '.0011110..1...............00....',
    ],
  },
];

/** What no case may have: it would end the run, wait, or change what the runner itself stands on. */
const NEVER: readonly (readonly [number, number])[] = [
  // HVC, SMC, HLT, DCPS: the runner's world, or a debugger's
  [0xffe0_001f, 0xd400_0002],
  [0xffe0_001f, 0xd400_0003],
  [0xffe0_0000, 0xd440_0000],
  [0xffe0_0000, 0xd4a0_0000],
  // ERET and DRPS
  [0xffbf_0000, 0xd69f_0000],
  // MSR SPSel, and all MSR of system registers but those that a class asks for (below)
  [0xffff_f0ff, 0xd500_40bf],
  // AT: PAR_EL1 has attributes that QEMU takes from the tables
  [0xfff8_ffc0, 0xd508_7800],
  // LDTR and the like are fine; prefetches of pages are too. Pointer authentication of the FP space is not in the profile.
];

const isAllowedMsr = (word: number) => {
  // NZCV, FPCR, FPSR, DAIF, TPIDR_EL0, TPIDRRO_EL0
  const encoding = (word >>> 5) & 0xffff;
  return [0xda10, 0xda11, 0xda20, 0xda21, 0xde82, 0xde83].includes(encoding);
};

/** Registers that read the same here and there: state that the runner has set, and what is UNDEFINED. */
const READABLE = new Set([
  0xda10, 0xda11, 0xda20, 0xda21, 0xde82, 0xde83, 0xc080, 0xc082, 0xc100, 0xc101, 0xc102, 0xc208, 0xc210,
  0xc212, 0xc510, 0xc600, 0xd807,
]);

/** op1 3, CRn 7, CRm 4, op2 1. */
const DC_ZVA = 0x1ba1;

function isHarmful(word: number): boolean {
  // BR, BLR and RET to X30: behind a BL that may be a loop without end.
  if ((word & 0xff9f_fc1f) >>> 0 === 0xd61f_0000 && ((word >>> 5) & 31) === 30) return true;
  if (NEVER.some(([mask, value]) => (word & mask) >>> 0 === value >>> 0)) return true;
  // MSR and MRS of registers
  if ((word & 0xffd0_0000) >>> 0 === 0xd510_0000) {
    const reads = (word & 0x0020_0000) !== 0;
    return reads ? !READABLE.has((word >>> 5) & 0xffff) : !isAllowedMsr(word);
  }
  // SYS and SYSL: DC ZVA, cache maintenance by address, IC, TLBI
  if ((word & 0xfff8_0000) >>> 0 === 0xd508_0000) return ((word >>> 5) & 0x3fff) !== DC_ZVA;
  if ((word & 0xfff8_0000) >>> 0 === 0xd528_0000) return true;
  // Hints but NOP wait, or are pointer authentication; MSR of PSTATE fields of later profiles
  if ((word & 0xffff_f01f) >>> 0 === 0xd503_201f) return ((word >>> 5) & 0x7f) !== 0;
  if ((word & 0xfff8_f01f) >>> 0 === 0xd500_401f) return !((word & 0xffff_f0df) >>> 0 === 0xd503_40df);
  return false;
}

/** A word of a class. `room` says how many words follow in the program: branches go no further. */
export function wordOf(chance: Chance, kind: InstructionClass, index: number, room: number): number {
  for (;;) {
    const template = kind.templates[chance.below(kind.templates.length)] ?? '';
    let word = 0;
    const random = chance.bits();
    for (let bit = 0; bit < 32; bit++) {
      const digit = template[31 - bit];
      const one = digit === '.' ? ((random >>> bit) & 1) !== 0 : digit === '1';
      if (one) word |= 1 << bit;
    }
    word = withNearTarget(chance, word >>> 0, index, room);
    if (isHarmful(word) || isOfLaterProfile(word, kind)) continue;
    return word;
  }
}

/** Direct branches go forward within the program, or to the BRK in front of it: no loop has no end. */
function withNearTarget(chance: Chance, word: number, index: number, room: number): number {
  const back = chance.below(8) === 0;
  const offset = back ? -(index + 1) : 1 + chance.below(room + 1);
  const field = (bits: number, at: number) => ((offset & ((1 << bits) - 1)) << at) >>> 0;
  if ((word & 0x7c00_0000) >>> 0 === 0x1400_0000) return ((word & 0xfc00_0000) | field(26, 0)) >>> 0;
  if ((word & 0xff00_0000) >>> 0 === 0x5400_0000) return ((word & 0xff00_001f) | field(19, 5)) >>> 0;
  if ((word & 0x7e00_0000) >>> 0 === 0x3400_0000) return ((word & 0xff00_001f) | field(19, 5)) >>> 0;
  if ((word & 0x7e00_0000) >>> 0 === 0x3600_0000) return ((word & 0xfff8_001f) | field(14, 5)) >>> 0;
  return word;
}

/** What QEMU's processor has and this profile has not, or the other way round. */
function isOfLaterProfile(word: number, kind: InstructionClass): boolean {
  // LSE: this profile has it, the cortex-a57 has not.
  const lse =
    (word & 0x3f20_0c00) >>> 0 === 0x3820_0000 ||
    (word & 0x3fa0_7c00) >>> 0 === 0x08a0_7c00 ||
    (word & 0xbfa0_7c00) >>> 0 === 0x0820_7c00;
  if (kind.cpu === 'cortex-a57') {
    if (lse) return true;
    // AES, SHA1, SHA256, and PMULL of 64 bits: its cryptographic extension
    if ((word & 0xff3e_0c00) >>> 0 === 0x4e28_0800 || (word & 0xff3e_0c00) >>> 0 === 0x5e28_0800) return true;
    if ((word & 0xff20_8c00) >>> 0 === 0x5e00_0000) return true;
    if ((word & 0xbfe0_fc00) >>> 0 === 0x0ee0_e000) return true;
    return false;
  }
  if (!lse) return true;
  // LDAPR is FEAT_LRCPC.
  return (word & 0x3fe0_fc00) >>> 0 === 0x38a0_c000;
}
