import { expect, test } from 'vitest';
import { Bare, SELF } from './bare.ts';

const TLBI_VMALLE1IS = 0xd508_831f;
const DSB_ISH = 0xd503_3b9f;
const CASP_X0_X2_X4 = 0x4820_7c82;

/** A word of a vCPU that has heeded epoch 0 only, and is within a run: a thread that died there leaves it so. */
const WITHIN_OLD = 1;
const OUTSIDE = 0;

/** Two vCPUs in threads of their own, of which the second is played by the test. */
function two(...words: readonly number[]) {
  const bare = new Bare(2, {}, false, true).write(0, [...words, SELF]);
  const word = (at: number) => new Int32Array(bare.ram.buffer, at, 1);
  return { bare, other: word(bare.besideAt + 64), end: word(bare.endAt), lock: word(0) };
}

test('a DSB after broadcast maintenance does not wait for a vCPU outside its core', () => {
  const { bare, other } = two(TLBI_VMALLE1IS, DSB_ISH);
  other[0] = OUTSIDE;
  expect(bare.core.run(10)).toBe('limit');
  expect(bare.core.instructions).toBe(10n);
});

test('a DSB stops waiting for a vCPU whose thread has died once the run has ended, and ends its own run', () => {
  const { bare, other, end } = two(TLBI_VMALLE1IS, DSB_ISH);
  other[0] = WITHIN_OLD;
  end[0] = 1;
  expect(bare.core.run(10)).toBe('stop');
  expect(bare.core.instructions).toBe(2n);
});

test('a DSB without prior broadcast maintenance does not wait for other vCPUs', () => {
  const { bare, other } = two(DSB_ISH);
  other[0] = WITHIN_OLD;
  expect(bare.core.run(10)).toBe('limit');
});

test('a 128-bit atomic proceeds without the lock of a dead thread once the run has ended', () => {
  const { bare, end, lock } = two(CASP_X0_X2_X4);
  bare.core.setX(4, 0x4000_1000n);
  bare.core.setX(2, 7n);
  Atomics.store(lock, 0, 1);
  end[0] = 1;
  bare.core.run(1);
  expect(bare.long(0x1000)).toBe(7n);
});
