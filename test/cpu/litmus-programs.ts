/**
 * Litmus tests, named as herd names them. A program of each vCPU; x1 = 1, x2 = 2, x10 and x11 the addresses of two
 * variables. They read into x3 and x4.
 */
export type Litmus = readonly (readonly number[])[];

export const STR_X = 0xf900_0141;
const STR_Y1 = 0xf900_0161;
const STR_Y = 0xf900_0162;
const STLR_Y = 0xc89f_fd62;
const STR_X2 = 0xf900_0142;
export const LDR_X = 0xf940_0144;
const LDR_Y = 0xf940_0163;
export const LDR_X3 = 0xf940_0143;
const LDR_Y4 = 0xf940_0164;
const LDAR_Y = 0xc8df_fd63;
const DMB_ISH = 0xd503_3bbf;
const DMB_ISHST = 0xd503_3abf;
const DMB_ISHLD = 0xd503_39bf;

/** Whether an outcome was seen: x3 and x4 of each vCPU, then both variables. */
export const some = (seen: Set<string>, pattern: RegExp) =>
  [...seen].some((outcome) => pattern.test(outcome));

/** The outcome that sequential consistency forbids, and whether it is allowed with the store buffers. */
export const LITMUS: readonly { name: string; litmus: Litmus; weak: RegExp; allowed: boolean }[] = [
  {
    name: 'MP',
    litmus: [
      [STR_X, STR_Y],
      [LDR_Y, LDR_X],
    ],
    weak: /^00 20/,
    allowed: true,
  },
  {
    name: 'MP+dmb.st+po',
    litmus: [
      [STR_X, DMB_ISHST, STR_Y],
      [LDR_Y, LDR_X],
    ],
    weak: /^00 20/,
    allowed: false,
  },
  {
    name: 'MP+dmb+dmb.ld',
    litmus: [
      [STR_X, DMB_ISH, STR_Y],
      [LDR_Y, DMB_ISHLD, LDR_X],
    ],
    weak: /^00 20/,
    allowed: false,
  },
  {
    name: 'MP+rel+acq',
    litmus: [
      [STR_X, STLR_Y],
      [LDAR_Y, LDR_X],
    ],
    weak: /^00 20/,
    allowed: false,
  },
  {
    name: 'SB',
    litmus: [
      [STR_X, LDR_Y],
      [STR_Y1, LDR_X],
    ],
    weak: /^00 00/,
    allowed: true,
  },
  {
    name: 'SB+dmb.lds',
    litmus: [
      [STR_X, DMB_ISHLD, LDR_Y],
      [STR_Y1, DMB_ISHLD, LDR_X],
    ],
    weak: /^00 00/,
    allowed: true,
  },
  {
    name: 'SB+dmb.sts',
    litmus: [
      [STR_X, DMB_ISHST, LDR_Y],
      [STR_Y1, DMB_ISHST, LDR_X],
    ],
    weak: /^00 00/,
    allowed: true,
  },
  {
    name: 'SB+dmbs',
    litmus: [
      [STR_X, DMB_ISH, LDR_Y],
      [STR_Y1, DMB_ISH, LDR_X],
    ],
    weak: /^00 00/,
    allowed: false,
  },
  {
    name: 'LB',
    litmus: [
      [LDR_X3, STR_Y1],
      [LDR_Y, STR_X],
    ],
    weak: /^10 10/,
    allowed: false,
  },
  {
    name: '2+2W',
    litmus: [
      [STR_X, STR_Y],
      [STR_Y1, STR_X2],
    ],
    weak: /\| 11$/,
    allowed: true,
  },
  {
    name: '2+2W+dmb.sts',
    litmus: [
      [STR_X, DMB_ISHST, STR_Y],
      [STR_Y1, DMB_ISHST, STR_X2],
    ],
    weak: /\| 11$/,
    allowed: false,
  },
  {
    name: 'S',
    litmus: [
      [STR_X2, STR_Y1],
      [LDR_Y, STR_X],
    ],
    weak: /^00 10 \| 2/,
    allowed: true,
  },
  {
    name: 'S+dmb.st+po',
    litmus: [
      [STR_X2, DMB_ISHST, STR_Y1],
      [LDR_Y, STR_X],
    ],
    weak: /^00 10 \| 2/,
    allowed: false,
  },
  {
    name: 'R',
    litmus: [
      [STR_X, STR_Y1],
      [STR_Y, LDR_X],
    ],
    weak: /^00 00 \| .2/,
    allowed: true,
  },
  {
    name: 'R+dmbs',
    litmus: [
      [STR_X, DMB_ISH, STR_Y1],
      [STR_Y, DMB_ISH, LDR_X],
    ],
    weak: /^00 00 \| .2/,
    allowed: false,
  },
  {
    name: 'IRIW',
    litmus: [[STR_X], [STR_Y1], [LDR_X3, LDR_Y4], [LDR_Y, LDR_X]],
    weak: /^00 00 10 10/,
    allowed: false,
  },
];
