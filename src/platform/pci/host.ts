import type { AccessBytes } from '../../board/guest-bus.ts';
import type { Frame } from '../bus.ts';
import { ECAM, PCI_IO, PCI_WINDOW } from '../memory-map.ts';
import type { PciFunction, PciSpace } from './function.ts';

const NOTHING = 0xffff_ffff;
/** Bytes of configuration space without extended capabilities. */
const CONFIG_BYTES = 0x100;

/**
 * Configuration space by ECAM: function 0 of each slot of bus 0. Nonexistent functions read all ones. Any vCPU's thread.
 * @see PCI Express Base Specification, "Enhanced Configuration Access Mechanism"
 */
export function ecamFrame(slots: readonly PciFunction[]): Frame {
  const functionAt = (offset: number) => {
    const isThere = offset >>> 20 === 0 && ((offset >>> 12) & 7) === 0;
    return isThere ? slots[(offset >>> 15) & 31] : undefined;
  };
  const word = (offset: number) => {
    const found = functionAt(offset);
    const register = offset & 0xffc;
    if (!found) return NOTHING;
    return register < CONFIG_BYTES ? found.read(register) >>> 0 : 0;
  };
  return {
    base: ECAM.base,
    bytes: ECAM.bytes,
    read(offset, bytes) {
      if (bytes === 8) return BigInt(word(offset)) | (BigInt(word(offset + 4)) << 32n);
      return BigInt.asUintN(8 * bytes, BigInt(word(offset)) >> BigInt(8 * (offset & 3)));
    },
    write(offset, bytes, value) {
      const found = functionAt(offset);
      const register = offset & 0xffc;
      if (!found || register >= CONFIG_BYTES || bytes === 8) return;
      const shift = 8 * (offset & 3);
      const mask = bytes === 4 ? -1 : ((1 << (8 * bytes)) - 1) << shift;
      found.write(register, Number(BigInt.asIntN(32, value)) << shift, mask);
    },
  };
}

/** The window of each space in the vCPUs' addresses, and the space's address at the start of the window. */
const WINDOWS = {
  memory: { frame: PCI_WINDOW, first: PCI_WINDOW.base },
  io: { frame: PCI_IO, first: 0 },
} as const;

/** The window of a space's BARs. Addresses outside all BARs read all ones. Any vCPU's thread. */
export function pciWindowFrame(space: PciSpace, slots: readonly PciFunction[]): Frame {
  const { frame, first } = WINDOWS[space];
  const find = (offset: number) => {
    for (const slot of slots) {
      const found = slot.targetAt(space, first + offset);
      if (found) return found;
    }
    return undefined;
  };
  return {
    base: frame.base,
    bytes: frame.bytes,
    read(offset, bytes: AccessBytes, vcpu) {
      const found = find(offset);
      return found ? found.target.read(found.offset, bytes, vcpu) : BigInt.asUintN(8 * bytes, -1n);
    },
    write(offset, bytes, value, vcpu) {
      const found = find(offset);
      found?.target.write(found.offset, bytes, value, vcpu);
    },
  };
}
