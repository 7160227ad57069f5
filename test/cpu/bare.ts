import { BLOCK_BYTES, Core, type CoreParts, sharedMemory } from '../../src/cpu/index.ts';

export const RAM_BASE = 0x4000_0000;
export const RAM_BYTES = 0x20_0000;
const FIRST_BLOCK = 64;

/** Instructions that the tests put into memory by hand. */
export const NOP = 0xd503_201f;
export const WFI = 0xd503_207f;
export const ERET = 0xd69f_03e0;
/** `b .` */
export const SELF = 0x1400_0000;

/** Cores that share one memory, with nothing around them but what a test puts there. */
export class Bare {
  readonly cores: readonly Core[];
  readonly ram: DataView<SharedArrayBuffer>;
  readonly dirtyPagesAt: number;
  readonly watchAt: number;
  /** Words of the vCPUs, 64 bytes each, and behind them the word that ends a run. */
  readonly besideAt: number;
  readonly endAt: number;

  /**
   * @param watches - whether accesses can be watched
   * @param beside - whether the cores are for threads side by side: a test plays the threads by writing their words
   */
  constructor(
    cores = 1,
    parts: Partial<Pick<CoreParts, 'bus' | 'systemRegisters' | 'hypercall'>> = {},
    watches = false,
    beside = false,
  ) {
    const ramAt = Math.ceil((FIRST_BLOCK + cores * BLOCK_BYTES) / 65_536) * 65_536;
    // Behind RAM: a byte for each page, where a test wants them noted.
    const dirtyPagesAt = ramAt + RAM_BYTES;
    this.dirtyPagesAt = dirtyPagesAt;
    this.watchAt = dirtyPagesAt + 32_768;
    this.besideAt = dirtyPagesAt + 49_152;
    this.endAt = this.besideAt + cores * 64;
    const memory = sharedMemory(dirtyPagesAt + 65_536);
    this.ram = new DataView(memory.buffer, ramAt, RAM_BYTES);
    this.cores = Array.from({ length: cores }, (_, index) => {
      const core = new Core({
        memory,
        at: FIRST_BLOCK + index * BLOCK_BYTES,
        lockAt: 0,
        dirtyPagesAt,
        ramAt,
        ramBase: RAM_BASE,
        ramSize: RAM_BYTES,
        bus: { read: () => undefined, write: () => false },
        systemRegisters: { read: () => undefined, write: () => false },
        hypercall: () => {},
        ...(watches ? { watchAt: this.watchAt } : {}),
        ...(beside ? { beside: { at: this.besideAt, index, count: cores, endAt: this.endAt } } : {}),
        ...parts,
      });
      core.reset({ pc: BigInt(RAM_BASE), x0: 0n, affinity: index });
      return core;
    });
  }

  /** Byte offset of each core's block in the memory. */
  get blocksAt(): readonly number[] {
    return this.cores.map((_, index) => FIRST_BLOCK + index * BLOCK_BYTES);
  }

  get core(): Core {
    const [core] = this.cores;
    if (!core) throw new Error('there is no core');
    return core;
  }

  /** Puts instructions, or other words, at an offset of RAM. */
  write(offset: number, words: readonly number[]): this {
    for (const [index, word] of words.entries()) this.ram.setUint32(offset + index * 4, word, true);
    return this;
  }

  long(offset: number): bigint {
    return this.ram.getBigUint64(offset, true);
  }

  setLong(offset: number, value: bigint): void {
    this.ram.setBigUint64(offset, value, true);
  }
}

/** A guest-physical address. */
export const at = (offset: number): bigint => BigInt(RAM_BASE + offset);
