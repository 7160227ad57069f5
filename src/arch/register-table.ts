/** Sizes of an access in bytes. */
export type AccessSize = 1 | 2 | 4 | 8;

/**
 * One register, or a run of equal ones. `offset` handed to `read` and `write` counts from the start of the run.
 * A register without `read` reads as zero, one without `write` ignores writes.
 */
export type Register<Frame> = {
  readonly name: string;
  /** Where it starts in its frame, and how many bytes the run takes. */
  readonly at: number;
  readonly bytes: number;
  /** Sizes of access that it takes; any other reads as zero and is not written. */
  readonly sizes: readonly AccessSize[];
  readonly read?: (frame: Frame, offset: number, size: number) => bigint;
  readonly write?: (frame: Frame, offset: number, size: number, value: bigint) => void;
};

/**
 * The registers of a frame. Holes, unaligned accesses and sizes that a register does not take read as zero and ignore
 * writes: KVM never faults on them. @see check_region in vgic-mmio.c
 */
export class RegisterTable<Frame> {
  readonly rows: readonly Register<Frame>[];
  readonly #byWord: readonly (Register<Frame> | undefined)[];

  constructor(rows: readonly Register<Frame>[]) {
    const byWord: (Register<Frame> | undefined)[] = [];
    for (const row of rows) {
      for (let word = row.at >>> 2; word << 2 < row.at + row.bytes; word++) byWord[word] = row;
    }
    this.rows = rows;
    this.#byWord = Array.from(byWord);
  }

  read(frame: Frame, offset: number, size: number): bigint {
    const row = this.#find(offset, size);
    return row?.read === undefined ? 0n : row.read(frame, offset - row.at, size);
  }

  write(frame: Frame, offset: number, size: number, value: bigint): void {
    const row = this.#find(offset, size);
    row?.write?.(frame, offset - row.at, size, BigInt.asUintN(size * 8, value));
  }

  /** The register, or the run of them, that lies at `offset`. */
  find(offset: number): Register<Frame> | undefined {
    return this.#byWord[offset >>> 2];
  }

  #find(offset: number, size: number): Register<Frame> | undefined {
    const row = this.find(offset);
    if (row === undefined || offset % size !== 0 || offset + size > row.at + row.bytes) return undefined;
    return row.sizes.includes(size as AccessSize) ? row : undefined;
  }
}

/** A 32-bit register that takes 32-bit accesses. Values are unsigned. */
export function word<Frame>(
  name: string,
  at: number,
  read: (frame: Frame) => number,
  write?: (frame: Frame, value: number) => void,
): Register<Frame> {
  return {
    name,
    at,
    bytes: 4,
    sizes: [4],
    read: (frame) => BigInt(read(frame) >>> 0),
    ...(write ? { write: (frame, _offset, _size, value) => write(frame, Number(value)) } : {}),
  };
}

/** `count` 64-bit registers that take accesses of 64 bits and of each half. */
export function doubleWords<Frame>(
  name: string,
  at: number,
  count: number,
  read: (frame: Frame, index: number) => bigint,
  /** Gets the bits written in place, and the mask of them. */
  write?: (frame: Frame, index: number, value: bigint, mask: bigint) => void,
): Register<Frame> {
  return {
    name,
    at,
    bytes: 8 * count,
    sizes: [4, 8],
    read: (frame, offset, size) => {
      const value = read(frame, offset >>> 3);
      if (size === 8) return BigInt.asUintN(64, value);
      return BigInt.asUintN(32, (offset & 4) === 0 ? value : value >> 32n);
    },
    ...(write
      ? {
          // speed: the masks are made once, because each step of a bigint makes another one (bench its).
          write: (frame, offset, size, value) => {
            if (size === 8) write(frame, offset >>> 3, value, WHOLE);
            else if ((offset & 4) === 0) write(frame, offset >>> 3, value, LOW_HALF);
            else write(frame, offset >>> 3, value << 32n, HIGH_HALF);
          },
        }
      : {}),
  };
}

const WHOLE = 0xffff_ffff_ffff_ffffn;
const LOW_HALF = 0xffff_ffffn;
const HIGH_HALF = 0xffff_ffff_0000_0000n;

/** Registers that are there, read as zero and ignore writes. */
export function zero<Frame>(
  name: string,
  at: number,
  bytes = 4,
  sizes: readonly AccessSize[] = [4],
): Register<Frame> {
  return { name, at, bytes, sizes };
}

/** The identification registers at the end of a frame. */
export function identification<Frame>(
  name: string,
  at: number,
  ids: (frame: Frame) => readonly number[],
): Register<Frame> {
  return {
    name,
    at,
    bytes: 48,
    sizes: [4],
    read: (frame, offset) => BigInt(ids(frame)[offset >>> 2] ?? 0),
  };
}
