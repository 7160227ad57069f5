import { FIRST_LPI, type Intid, type VcpuId } from '../arch/intid.ts';
import { ADDRESS_4K, ADDRESS_64K, ENABLE_LPIS, ID_BITS } from '../arch/tables.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { GicPersonality } from './personality.ts';
import type { RedistributorWords } from './redistributor-words.ts';

/** KVM's ITS supports 16 bits of INTID, even if PROPBASER has more. @see INTERRUPT_ID_BITS_ITS in vgic.h */
const MOST_ID_BITS = 16;
const LEAST_ID_BITS = 14;

/**
 * The LPI tables in guest memory: a configuration byte for each LPI, and for each redistributor a pending bit for each LPI. A table
 * outside guest memory reads as empty: the guest's mistake is no exception of the harness.
 * Any thread.
 * @see Arm IHI 0069, "LPI Configuration tables", "LPI Pending tables"; gicv3-its-model section 4
 */
export class LpiTables {
  readonly #registers: RedistributorWords;
  readonly #memory: GuestMemory;
  readonly #shared: boolean;
  readonly #limited: boolean;
  readonly #most: number;

  /** @param idLimit - one past the highest INTID of the machine */
  constructor(
    registers: RedistributorWords,
    memory: GuestMemory,
    personality: GicPersonality,
    idLimit: number,
  ) {
    this.#registers = registers;
    this.#memory = memory;
    this.#shared = personality.sharedPropbaser;
    this.#limited = personality.limitsMappings;
    this.#most = idLimit;
  }

  /** The number of redistributors. */
  get vcpus(): number {
    return this.#registers.vcpus;
  }

  /** GICR_CTLR.EnableLPIs: whether the redistributor of `vcpu` accepts LPIs. */
  accepts(vcpu: VcpuId): boolean {
    return vcpu < this.#registers.vcpus && this.#registers.control(vcpu) === ENABLE_LPIS;
  }

  /**
   * One past the highest LPI that MAPTI may map: 2^min(IDbits + 1, 16) of PROPBASER, at most the machine's limit; 0 if PROPBASER has
   * fewer than 14 ID bits.
   */
  mappingLimit(): number {
    if (!this.#limited) return this.#most;
    const bits = Math.min(Number(this.#registers.propbaser(0) & ID_BITS) + 1, MOST_ID_BITS);
    return bits < LEAST_ID_BITS ? 0 : Math.min(2 ** bits, this.#most);
  }

  /** The configuration byte of an LPI in the table of `vcpu`; undefined outside guest memory. */
  configByte(lpi: Intid, vcpu: VcpuId = 0): number | undefined {
    const base = this.#registers.propbaser(this.#shared ? 0 : vcpu) & ADDRESS_4K;
    const address = Number(base) + lpi - FIRST_LPI;
    return this.#memory.has(address, 1) ? this.#memory.byte(address) : undefined;
  }

  /** Whether an LPI's pending bit lies in guest memory. */
  hasPendingByte(lpi: Intid, vcpu: VcpuId): boolean {
    return this.#memory.has(this.#pendingByte(lpi, vcpu), 1);
  }

  /** The pending bit of an LPI in the table of `vcpu`; false outside guest memory. */
  isPending(lpi: Intid, vcpu: VcpuId): boolean {
    const address = this.#pendingByte(lpi, vcpu);
    return this.#memory.has(address, 1) && (this.#memory.byte(address) & (1 << (lpi & 7))) !== 0;
  }

  /** Clears the pending bit of an LPI in the table of `vcpu`; true if the bit was set. */
  importPending(lpi: Intid, vcpu: VcpuId): boolean {
    if (!this.isPending(lpi, vcpu)) return false;
    const mask = 1 << (lpi & 7);
    return (this.#memory.clearBits(this.#pendingByte(lpi, vcpu), mask) & mask) !== 0;
  }

  /** Writes the pending bit of an LPI, if it differs. @throws IrqError `ERR_GUEST_ADDRESS` outside guest memory */
  storePending(lpi: Intid, vcpu: VcpuId, pending: boolean): void {
    const address = this.#pendingByte(lpi, vcpu);
    const mask = 1 << (lpi & 7);
    if (((this.#memory.byte(address) & mask) !== 0) === pending) return;
    if (pending) this.#memory.setBits(address, mask);
    else this.#memory.clearBits(address, mask);
  }

  #pendingByte(lpi: Intid, vcpu: VcpuId): number {
    return Number(this.#registers.pendbaser(vcpu) & ADDRESS_64K) + (lpi >>> 3);
  }
}
