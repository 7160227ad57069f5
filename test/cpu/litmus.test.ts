import { describe, expect, test } from 'vitest';
import { Chance } from '../../src/base/chance.ts';
import { at, Bare, WFI } from './bare.ts';
import { LDR_X, LDR_X3, LITMUS, type Litmus, STR_X, some } from './litmus-programs.ts';

const X = 0x1000;
const Y = 0x2000;
const X_AT = 10;
const Y_AT = 11;
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

describe('litmus tests', () => {
  test.each(LITMUS)(
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

  test('with plain loads and stores instead of exclusives, increments are lost', () => {
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
