/** Sizes of an access in bytes. */
export type AccessSize = 1 | 2 | 4 | 8;

/**
 * One register, or a run of equal registers. The `offset` of `read` and `write` counts from the start of the run. A
 * register without `read` reads as zero; a register without `write` ignores writes.
 */
export type Register<Frame> = {
  readonly name: string;
  /** Start of the run in its frame, and its length in bytes. */
  readonly at: number;
  readonly bytes: number;
  /** Supported access sizes; any other size reads as zero and ignores writes. */
  readonly sizes: readonly AccessSize[];
  readonly read?: (frame: Frame, offset: number, size: number) => bigint;
  readonly write?: (frame: Frame, offset: number, size: number, value: bigint) => void;
  /** speed: `read` for a 32-bit access, without a bigint, for a register on a busy path (bench its). */
  readonly readWord?: (frame: Frame, offset: number) => number;
  readonly writeWord?: (frame: Frame, offset: number, value: number) => void;
};

/**
 * The registers of a frame. Holes, unaligned accesses and unsupported sizes read as zero and ignore writes: KVM never
 * faults on them. @see check_region in vgic-mmio.c
 */
export class RegisterTable<Frame> {
  readonly rows: readonly Register<Frame>[];
  readonly #byWord: readonly (Register<Frame> | undefined)[];
  /** By word: the sum of the supported access sizes. */
  readonly #sizes: readonly number[];

  constructor(rows: readonly Register<Frame>[]) {
    const byWord: (Register<Frame> | undefined)[] = [];
    for (const row of rows) {
      for (let word = row.at >>> 2; word << 2 < row.at + row.bytes; word++) byWord[word] = row;
    }
    this.rows = rows;
    this.#byWord = Array.from(byWord);
    this.#sizes = this.#byWord.map((row) => row?.sizes.reduce((sum: number, size) => sum | size, 0) ?? 0);
  }

  read(frame: Frame, offset: number, size: number): bigint {
    const row = this.#find(offset, size);
    return row?.read === undefined ? 0n : row.read(frame, offset - row.at, size);
  }

  write(frame: Frame, offset: number, size: number, value: bigint): void {
    const row = this.#find(offset, size);
    row?.write?.(frame, offset - row.at, size, BigInt.asUintN(size * 8, value));
  }

  /** A 32-bit read as a number; unsigned. */
  readWord(frame: Frame, offset: number): number {
    const row = this.#find(offset, 4);
    if (row?.readWord !== undefined) return row.readWord(frame, offset - row.at) >>> 0;
    return row?.read === undefined ? 0 : Number(row.read(frame, offset - row.at, 4));
  }

  /** A 32-bit write of a number; uses only the lower 32 bits of `value`. */
  writeWord(frame: Frame, offset: number, value: number): void {
    const row = this.#find(offset, 4);
    if (row?.writeWord !== undefined) row.writeWord(frame, offset - row.at, value >>> 0);
    else row?.write?.(frame, offset - row.at, 4, BigInt(value >>> 0));
  }

  /** The register, or the run, at `offset`. */
  find(offset: number): Register<Frame> | undefined {
    return this.#byWord[offset >>> 2];
  }

  #find(offset: number, size: number): Register<Frame> | undefined {
    const row = this.find(offset);
    if (row === undefined || offset % size !== 0 || offset + size > row.at + row.bytes) return undefined;
    return ((this.#sizes[offset >>> 2] ?? 0) & size) === size ? row : undefined;
  }
}

/** A 32-bit register with 32-bit accesses. Values are unsigned. */
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
    readWord: read,
    ...(write
      ? {
          write: (frame, _offset, _size, value) => write(frame, Number(value)),
          writeWord: (frame, _offset, value) => write(frame, value),
        }
      : {}),
  };
}

/**
 * A 64-bit register whose upper half is RES0; takes accesses of 64 bits and of each half. Values are unsigned.
 * @param write - gets the lower half as written, or undefined if only the upper half is written
 */
export function lowHalf<Frame>(
  name: string,
  at: number,
  read: (frame: Frame) => number,
  write: (frame: Frame, value: number | undefined) => void,
): Register<Frame> {
  const isLow = (offset: number) => (offset & 4) === 0;
  return {
    name,
    at,
    bytes: 8,
    sizes: [4, 8],
    read: (frame, offset) => (isLow(offset) ? BigInt(read(frame) >>> 0) : 0n),
    readWord: (frame, offset) => (isLow(offset) ? read(frame) : 0),
    write: (frame, offset, _size, value) =>
      write(frame, isLow(offset) ? Number(BigInt.asUintN(32, value)) : undefined),
    writeWord: (frame, offset, value) => write(frame, isLow(offset) ? value : undefined),
  };
}

/** `count` 64-bit registers that take accesses of 64 bits and of each half. */
export function doubleWords<Frame>(
  name: string,
  at: number,
  count: number,
  read: (frame: Frame, index: number) => bigint,
  /** Gets the written bits in place, and their mask. */
  write?: (frame: Frame, index: number, value: bigint, mask: bigint) => void,
  /** speed: reads half `half` of the run, without a bigint. */
  readHalf?: (frame: Frame, half: number) => number,
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
    ...(readHalf ? { readWord: (frame, offset) => readHalf(frame, offset >>> 2) } : {}),
    ...(write
      ? {
          // speed: the masks are made once, because each step on a bigint allocates another (bench its).
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

/** Registers that exist, read as zero and ignore writes. */
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
