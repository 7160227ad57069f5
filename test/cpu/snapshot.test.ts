import { expect, test } from 'vitest';
import { Chance } from '../../src/base/chance.ts';
import { CoreSnapshot } from '../../src/cpu/index.ts';
import { at, Bare, RAM_BYTES } from './bare.ts';

/** Stores X1 to the address in X2 and moves on by X3: `str x1,[x2]`, `add x2,x2,x3`, `add x1,x1,#1`, `b .-12`. */
const WRITER = [0xf900_0041, 0x8b03_0042, 0x9100_0421, 0x17ff_fffd];

function machine() {
  const bare = new Bare(2);
  const places = {
    ramAt: bare.ram.byteOffset,
    ramSize: RAM_BYTES,
    blocksAt: bare.blocksAt,
    dirtyPagesAt: bare.dirtyPagesAt,
  };
  for (const [index, core] of bare.cores.entries()) {
    core.setX(1, 1n);
    core.setX(2, at(0x10_0000 + index * 0x1_0000));
    core.setX(3, 512n);
  }
  bare.write(0, WRITER);
  return { bare, take: () => new CoreSnapshot(bare.ram.buffer, places, bare.cores) };
}

const contents = (bare: Bare) => Buffer.from(new Uint8Array(bare.ram.buffer, bare.ram.byteOffset, RAM_BYTES));

test('a restore returns memory and registers, and the same run follows', () => {
  const { bare, take } = machine();
  const chance = new Chance(9);
  bare.core.run(1000);
  const snapshot = take();
  const before = contents(bare);
  const pc = bare.core.pc;
  const ends: Buffer[] = [];
  for (let round = 0; round < 5; round++) {
    chance.begin(0);
    for (let step = 0; step < 50; step++) bare.cores[chance.below(2)]?.run(chance.below(100));
    ends.push(contents(bare));
    expect(snapshot.restore()).toBeGreaterThan(2);
    expect(contents(bare).equals(before)).toBe(true);
    expect(bare.core.pc).toBe(pc);
  }
  expect(ends.every((end) => end.equals(ends[0] ?? end))).toBe(true);
  expect(ends[0]?.equals(before)).toBe(false);
});

test('a restore copies the written pages only', () => {
  const { bare, take } = machine();
  const snapshot = take();
  // 8 stores 512 bytes apart are one page.
  bare.core.run(4 * 8);
  expect(snapshot.restore()).toBe(1);
  expect(snapshot.restore()).toBe(0);
});

test('a restore returns memory written by a device only after touched was called', () => {
  const { bare, take } = machine();
  const snapshot = take();
  bare.setLong(0x18_0ffc, 0x1234_5678_9abc_def0n);
  expect(snapshot.restore()).toBe(0);
  expect(bare.long(0x18_0ffc)).toBe(0x1234_5678_9abc_def0n);
  snapshot.touched(0x18_0ffc, 8);
  expect(snapshot.restore()).toBe(2);
  expect(bare.long(0x18_0ffc)).toBe(0n);
});
