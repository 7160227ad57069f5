import type { VcpuId } from '../arch/intid.ts';
import type { AccessBytes } from '../board/guest-bus.ts';

/**
 * A device's window in the guest's physical addresses. A vCPU's access runs in the vCPU's thread; a frame guards the state that its
 * threads share.
 */
export type Frame = {
  readonly base: number;
  readonly bytes: number;
  /** @param offset - from the base; the access lies within the frame */
  read(offset: number, bytes: AccessBytes, vcpu: VcpuId): bigint;
  write(offset: number, bytes: AccessBytes, value: bigint, vcpu: VcpuId): void;
};

/** A device with 32-bit registers; a narrower access reaches a part of a register. */
export type WordFrame = {
  readonly base: number;
  readonly bytes: number;
  /** @param offset - a multiple of 4 */
  readWord(offset: number, vcpu: VcpuId): number;
  writeWord(offset: number, value: number, vcpu: VcpuId): void;
};

/** A frame of a device with 32-bit registers: narrower accesses see their bytes, wider ones two registers, low half first. */
export function wordFrame(device: WordFrame): Frame {
  return {
    base: device.base,
    bytes: device.bytes,
    read(offset, bytes, vcpu) {
      const aligned = offset & ~3;
      const low = BigInt(device.readWord(aligned, vcpu) >>> 0);
      if (bytes === 8) return low | (BigInt(device.readWord(aligned + 4, vcpu) >>> 0) << 32n);
      return BigInt.asUintN(8 * bytes, low >> BigInt(8 * (offset & 3)));
    },
    write(offset, bytes, value, vcpu) {
      device.writeWord(offset & ~3, Number(BigInt.asIntN(32, value)), vcpu);
      if (bytes === 8) device.writeWord((offset & ~3) + 4, Number(BigInt.asIntN(32, value >> 32n)), vcpu);
    },
  };
}

/** The frames of a board, found by address. A view; any vCPU's thread. */
export class FrameTable {
  readonly #frames: readonly Frame[];

  /** @param frames - disjoint; the most used frames first */
  constructor(frames: readonly Frame[]) {
    this.#frames = frames;
  }

  /** `undefined` if no frame contains the whole access. */
  read(address: number, bytes: AccessBytes, vcpu: VcpuId): bigint | undefined {
    for (const frame of this.#frames) {
      const offset = address - frame.base;
      if (offset >= 0 && offset + bytes <= frame.bytes) return frame.read(offset, bytes, vcpu);
    }
    return undefined;
  }

  /** False if no frame contains the whole access. */
  write(address: number, bytes: AccessBytes, value: bigint, vcpu: VcpuId): boolean {
    for (const frame of this.#frames) {
      const offset = address - frame.base;
      if (offset < 0 || offset + bytes > frame.bytes) continue;
      frame.write(offset, bytes, value, vcpu);
      return true;
    }
    return false;
  }
}
