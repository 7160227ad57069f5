/** Bytes of one register access. */
export type AccessBytes = 1 | 2 | 4 | 8;

/**
 * A guest's loads and stores to registers, by guest-physical address. Implemented by a machine's MMIO bus, and by the
 * bus of a VM that ioctls set up.
 */
export type RegisterBus = {
  read(address: number, bytes: AccessBytes): bigint;
  write(address: number, bytes: AccessBytes, value: bigint): void;
};

/** A bus with 32-bit accesses as numbers too: for a driver on a busy path. */
export type WordBus = RegisterBus & {
  /** Unsigned. */
  readWord(address: number): number;
  writeWord(address: number, value: number): void;
};

/** Guest-physical base addresses of the distributor and of the first redistributor, and whether the GIC has vPEs. */
export type GicFrames = { readonly gicdBase: number; readonly gicrBase: number; readonly vpes?: number };
