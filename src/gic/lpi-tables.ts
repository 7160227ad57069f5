import { FIRST_LPI, type Intid, type VcpuId } from '../arch/intid.ts';
import { ADDRESS_4K, ADDRESS_64K, ENABLE_LPIS, ID_BITS } from '../arch/tables.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { GicPersonality } from './personality.ts';
import type { RedistributorWords } from './redistributor-words.ts';

/** KVM's ITS knows 16 bits of INTID, whatever PROPBASER says. @see INTERRUPT_ID_BITS_ITS in vgic.h */
const MOST_ID_BITS = 16;
const LEAST_ID_BITS = 14;

/**
 * The tables of the LPIs in guest memory: one byte of configuration each, and for each redistributor one pending bit
 * each. A table that lies outside the guest's memory reads as nothing: a guest's mistake is not an exception here.
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

  /** How many redistributors there are. */
  get vcpus(): number {
    return this.#registers.vcpus;
  }

  /** GICR_CTLR.EnableLPIs: whether this redistributor takes LPIs. */
  accepts(vcpu: VcpuId): boolean {
    return vcpu < this.#registers.vcpus && this.#registers.control(vcpu) === ENABLE_LPIS;
  }

  /**
   * One past the highest LPI that may be mapped: 2^min(IDbits + 1, 16) of PROPBASER, and no more than the machine has;
   * 0 where PROPBASER has fewer than 14 ID bits.
   */
  mappingLimit(): number {
    if (!this.#limited) return this.#most;
    const bits = Math.min(Number(this.#registers.propbaser(0) & ID_BITS) + 1, MOST_ID_BITS);
    return bits < LEAST_ID_BITS ? 0 : Math.min(2 ** bits, this.#most);
  }

  /** The configuration byte of an LPI in the table of `vcpu`; undefined where no memory is. */
  configByte(lpi: Intid, vcpu: VcpuId = 0): number | undefined {
    const base = this.#registers.propbaser(this.#shared ? 0 : vcpu) & ADDRESS_4K;
    const address = Number(base) + lpi - FIRST_LPI;
    return this.#memory.has(address, 1) ? this.#memory.byte(address) : undefined;
  }

  /** Whether there is memory behind the pending bit of an LPI. */
  hasPendingByte(lpi: Intid, vcpu: VcpuId): boolean {
    return this.#memory.has(this.#pendingByte(lpi, vcpu), 1);
  }

  /** The pending bit of an LPI in the table of `vcpu`; false where no memory is. */
  isPending(lpi: Intid, vcpu: VcpuId): boolean {
    const address = this.#pendingByte(lpi, vcpu);
    return this.#memory.has(address, 1) && (this.#memory.byte(address) & (1 << (lpi & 7))) !== 0;
  }

  /** Takes the pending bit of an LPI out of the table of `vcpu`: true if it was set. */
  importPending(lpi: Intid, vcpu: VcpuId): boolean {
    if (!this.isPending(lpi, vcpu)) return false;
    const mask = 1 << (lpi & 7);
    return (this.#memory.clearBits(this.#pendingByte(lpi, vcpu), mask) & mask) !== 0;
  }

  /** Writes the pending bit of an LPI, if it differs. @throws IrqError `ERR_GUEST_ADDRESS` where no memory is */
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
