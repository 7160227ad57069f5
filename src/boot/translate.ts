import { SCTLR_EL1, TCR_EL1, TTBR0_EL1, TTBR1_EL1 } from '../cpu/core/block.ts';
import type { Core } from '../cpu/index.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';

const PAGE_BITS = 12n;
const LEVEL_BITS = 9n;
const LEVEL_MASK = 0x1ffn;
const OUTPUT = 0xffff_ffff_f000n;
const VALID = 1n;
const TABLE = 2n;
const NOT_MAPPED = -1;

/**
 * Translates a virtual address with a vCPU's current translation tables, for debuggers and semihosting, which access memory on the
 * guest's behalf. 4 KiB granule, as in the core. Ignores permissions.
 * @returns the guest-physical address, or -1 if the address is not mapped
 */
export function translate(core: Core, memory: GuestMemory, address: bigint): number {
  if ((core.state(SCTLR_EL1) & 1n) === 0n) return Number(address & 0xffff_ffff_ffffn);
  const high = ((address >> 55n) & 1n) === 1n;
  const tcr = core.state(TCR_EL1);
  const size = high ? (tcr >> 16n) & 0x3fn : tcr & 0x3fn;
  const bits = 64n - size;
  if (bits <= PAGE_BITS || bits > 48n) return NOT_MAPPED;
  // The bits above the range must be all ones or all zeros, except the top byte, which may be a tag.
  const extended = BigInt.asIntN(56, address) >> bits;
  if (extended !== (high ? -1n : 0n)) return NOT_MAPPED;
  let table = core.state(high ? TTBR1_EL1 : TTBR0_EL1) & 0xffff_ffff_fffen;
  let level = 4n - (bits - PAGE_BITS + LEVEL_BITS - 1n) / LEVEL_BITS;
  for (; level <= 3n; level++) {
    const shift = PAGE_BITS + LEVEL_BITS * (3n - level);
    const mask =
      level === 4n - (bits - PAGE_BITS + LEVEL_BITS - 1n) / LEVEL_BITS
        ? (1n << (bits - shift)) - 1n
        : LEVEL_MASK;
    const at = Number((table & OUTPUT) + ((address >> shift) & mask) * 8n);
    if (!memory.has(at, 8)) return NOT_MAPPED;
    const entry = memory.doubleWord(at);
    if ((entry & VALID) === 0n) return NOT_MAPPED;
    if (level === 3n || (entry & TABLE) === 0n) {
      const offset = (1n << shift) - 1n;
      return Number((entry & OUTPUT & ~offset) | (address & offset));
    }
    table = entry;
  }
  return NOT_MAPPED;
}
