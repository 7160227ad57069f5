import { describe, expect, test } from 'vitest';
import { StoreBuffers } from '../../src/boot/store-buffers.ts';
import { at, Bare, RAM_BASE, WFI } from '../cpu/bare.ts';

const X = 0x1000;
const X_AT = 10;
const DEVICE_AT = 12;
const DEVICE = 0x0900_0000n;
const STR_X = 0xf900_0141;
/** `str w1,[x12]` */
const WRITE_DEVICE = 0xb900_0181;
const DMB_ISHST = 0xd503_3abf;
const TLBI_VMALLE1IS = 0xd508_831f;
const DSB_ISH = 0xd503_3b9f;

function weak(bare: Bare): void {
  for (const core of bare.cores) {
    core.options = { storeBuffer: true };
    core.setX(1, 1n);
    core.setX(X_AT, at(X));
    core.setX(DEVICE_AT, DEVICE);
  }
}

describe("a write of a device's register", () => {
  /** What memory has at the moment of the write. */
  function seenByDevice(...words: number[]): bigint | undefined {
    let seen: bigint | undefined;
    const bare: Bare = new Bare(1, {
      bus: {
        read: () => undefined,
        write: () => {
          seen = bare.long(X);
          return true;
        },
      },
    });
    weak(bare);
    bare.write(0, [...words, WFI]);
    expect(bare.core.run(100)).toBe('wfi');
    return seen;
  }

  test('a device write finds an earlier store that a store barrier orders before it', () => {
    expect(seenByDevice(STR_X, DMB_ISHST, WRITE_DEVICE)).toBe(1n);
  });

  test('a device write without a barrier passes a waiting store', () => {
    expect(seenByDevice(STR_X, WRITE_DEVICE)).toBe(0n);
  });
});

describe('broadcast TLB maintenance', () => {
  function machine() {
    const bare = new Bare(2);
    weak(bare);
    bare.write(0, [TLBI_VMALLE1IS, DSB_ISH, WFI]);
    bare.write(0x100, [STR_X, WFI]);
    const [first, second] = bare.cores;
    if (!first || !second) throw new Error('there are two cores');
    second.pc = BigInt(RAM_BASE + 0x100);
    const words = new Int32Array(bare.ram.buffer);
    const buffers = new StoreBuffers(bare.cores, words, 1);
    expect(second.run(1)).toBe('limit');
    expect(buffers.waiting()).toEqual([0, 1]);
    return { bare, buffers, first };
  }

  test("broadcast TLB maintenance ends its vCPU's run, and heedFlushes then drains every vCPU's stores", () => {
    const { bare, buffers, first } = machine();
    expect(first.run(100)).toBe('stop');
    expect(first.pc).toBe(at(4));
    buffers.heedFlushes();
    expect(buffers.waiting()).toEqual([0, 0]);
    expect(bare.long(X)).toBe(1n);
  });

  test('heedFlushes without broadcast TLB maintenance leaves stores waiting', () => {
    const { bare, buffers } = machine();
    buffers.heedFlushes();
    expect(buffers.waiting()).toEqual([0, 1]);
    expect(bare.long(X)).toBe(0n);
  });
});
