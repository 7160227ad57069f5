import { describe, expect, test } from 'vitest';
import { Chance } from '../../src/base/chance.ts';
import { at, Bare, WFI } from './bare.ts';

const X = 0x1000;
const Y = 0x2000;
const X_AT = 10;
const Y_AT = 11;
const STR_X = 0xf900_0141;
const STR_Y1 = 0xf900_0161;
const STR_Y = 0xf900_0162;
const STLR_Y = 0xc89f_fd62;
const STR_X2 = 0xf900_0142;
const LDR_X = 0xf940_0144;
const LDR_Y = 0xf940_0163;
const LDR_X3 = 0xf940_0143;
const LDR_Y4 = 0xf940_0164;
const LDAR_Y = 0xc8df_fd63;
const DMB_ISH = 0xd503_3bbf;
const DMB_ISHST = 0xd503_3abf;
const DMB_ISHLD = 0xd503_39bf;

/** A program of each vCPU; x1 = 1, x2 = 2, x10 and x11 the addresses of two variables. They read into x3 and x4. */
type Litmus = readonly (readonly number[])[];

/** Final values that were seen: x3 and x4 of each vCPU, then both variables. */
function outcomes(litmus: Litmus, storeBuffer: boolean, rounds = 3000): Set<string> {
  const bare = new Bare(litmus.length);
  for (const [index, words] of litmus.entries()) bare.write(index * 0x100, [...words, WFI]);
  const chance = new Chance(11);
  const seen = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    chance.begin(round);
    bare.setLong(X, 0n);
    bare.setLong(Y, 0n);
    const running = new Set(bare.cores);
    for (const [index, core] of bare.cores.entries()) {
      core.reset({ pc: at(index * 0x100), x0: 0n, affinity: index });
      core.options = { storeBuffer };
      core.setX(1, 1n);
      core.setX(2, 2n);
      core.setX(X_AT, at(X));
      core.setX(Y_AT, at(Y));
    }
    while (running.size > 0) {
      const core = [...running][chance.below(running.size)];
      if (!core) break;
      // Whether to drain a store of any core, or to run an instruction, is a choice of the schedule.
      const other = bare.cores[chance.below(bare.cores.length)];
      if (chance.below(2) === 0 && other && other.waitingStores > 0)
        other.drain(chance.below(other.waitingStores));
      else if (core.run(1) === 'wfi') running.delete(core);
    }
    const registers = bare.cores.map((core) => `${core.x(3)}${core.x(4)}`).join(' ');
    seen.add(`${registers} | ${bare.long(X)}${bare.long(Y)}`);
  }
  return seen;
}

const some = (seen: Set<string>, pattern: RegExp) => [...seen].some((outcome) => pattern.test(outcome));

/** The outcome that sequential consistency forbids, and whether it is allowed with the store buffers. */
const TESTS: readonly { name: string; litmus: Litmus; weak: RegExp; allowed: boolean }[] = [
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

describe('litmus tests', () => {
  test.each(TESTS)(
    '$name: the outcome that is not sequentially consistent is seen where the store buffers allow it',
    ({ litmus, weak, allowed }) => {
      expect(some(outcomes(litmus, true), weak)).toBe(allowed);
      expect(some(outcomes(litmus, false), weak)).toBe(false);
    },
  );

  test('a vCPU reads its own stores before any other vCPU does', () => {
    const seen = outcomes([[STR_X, LDR_X3], [LDR_X]], true);
    expect(some(seen, /^10 00/)).toBe(true);
    expect(some(seen, /^00/)).toBe(false);
  });
});

describe('exclusives', () => {
  const INCREMENT = [0xc85f_7d43, 0x9100_0463, 0xc804_7d43, 0x35ff_ffa4];

  test.each([false, true])(
    'increments by LDXR and STXR are never lost, with store buffers: %s',
    (storeBuffer) => {
      const bare = new Bare(3);
      const chance = new Chance(3);
      for (let round = 0; round < 300; round++) {
        chance.begin(round);
        bare.setLong(X, 0n);
        for (const [index, core] of bare.cores.entries()) {
          bare.write(index * 0x100, [...INCREMENT, ...INCREMENT, WFI]);
          core.reset({ pc: at(index * 0x100), x0: 0n, affinity: index });
          core.options = { storeBuffer };
          core.setX(X_AT, at(X));
        }
        const running = new Set(bare.cores);
        while (running.size > 0) {
          const core = [...running][chance.below(running.size)];
          if (core?.run(1) === 'wfi') running.delete(core);
        }
        expect(bare.long(X)).toBe(6n);
      }
    },
  );

  test('with a plain load and store in place of them increments are lost', () => {
    const bare = new Bare(2);
    const chance = new Chance(3);
    let lost = 0;
    for (let round = 0; round < 50; round++) {
      chance.begin(round);
      bare.setLong(X, 0n);
      for (const [index, core] of bare.cores.entries()) {
        bare.write(index * 0x100, [LDR_X3, 0x9100_0463, 0xf900_0143, WFI]);
        core.reset({ pc: at(index * 0x100), x0: 0n, affinity: index });
        core.setX(X_AT, at(X));
      }
      const running = new Set(bare.cores);
      while (running.size > 0) {
        const core = [...running][chance.below(running.size)];
        if (core?.run(1) === 'wfi') running.delete(core);
      }
      if (bare.long(X) !== 2n) lost++;
    }
    expect(lost).toBeGreaterThan(0);
  });
});
