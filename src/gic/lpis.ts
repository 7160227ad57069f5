import { FIRST_LPI, type Intid, type VcpuId } from '../arch/intid.ts';
import { LPI_ENABLE, LPI_PRIORITY } from '../arch/lpi-config.ts';
import { Bitmap } from '../memory/bitmap.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { MUTEX, Mutex } from '../memory/mutex.ts';
import { add, load, type Words } from '../memory/word.ts';
import { forget } from './holding.ts';
import { type Interrupts, NONE } from './interrupts.ts';
import type { LpiTables } from './lpi-tables.ts';
import {
  ENABLED,
  HELD,
  isDeliverable,
  isPending,
  LATCH,
  LOADED,
  MAPPED,
  NO_TARGET,
  ORPHAN,
  PRIORITY,
  PRIORITY_SHIFT,
  REROUTED,
  TARGET,
  TARGET_SHIFT,
  targetOf,
} from './state.ts';

/** Bits that an LPI does not keep when its last mapping ends. */
const ENDS = MAPPED | ENABLED | LATCH | HELD | ORPHAN | LOADED | REROUTED;

export type LpiRegions = {
  /** A word for each LPI: how many DevID:EvID pairs map it. */
  readonly mappings: Region;
  /** A bit for each LPI: whether any pair maps it. So a walk over those that are mapped looks at few words. */
  readonly mapped: Region;
  /** Held while an LPI comes to life or ends: two ITSes may map the same one. KVM: the lock of the LPI xarray. */
  readonly lock: Region;
};

/** Adds the regions of {@link Lpis} to a layout. @param idLimit - one past the highest LPI */
export function lpiRegions(layout: Layout, idLimit: number): LpiRegions {
  const count = idLimit - FIRST_LPI;
  return layout.group('lpis', { mappings: count, mapped: Math.ceil(count / 32), lock: MUTEX });
}

/**
 * The LPIs as the ITS sees them: mapped by any number of DevID:EvID pairs, configured from a byte of guest memory,
 * sent to a vCPU, latched. An LPI's state word lives as long as a pair maps it.
 *
 * `map` and `unmap` may be called by two ITSes at the same time, each with its own lock held; `configure` and `retarget` with
 * the ITS lock held; `latch` by any thread at any time.
 */
export class Lpis {
  readonly #words: Words;
  readonly #mappings: number;
  readonly #mapped: Bitmap;
  readonly #lock: Mutex;
  readonly #interrupts: Interrupts;
  readonly #tables: LpiTables;
  readonly #outlives: boolean;

  /** @param outlives - see `outliveMappings` in {@link GicPersonality} */
  constructor(
    words: Words,
    regions: LpiRegions,
    interrupts: Interrupts,
    tables: LpiTables,
    outlives = false,
  ) {
    this.#words = words;
    this.#mappings = regions.mappings.at - FIRST_LPI;
    this.#mapped = new Bitmap(words, regions.mapped);
    this.#lock = new Mutex(words, regions.lock, 'the LPI lock');
    this.#interrupts = interrupts;
    this.#tables = tables;
    this.#outlives = outlives;
  }

  /** How many vCPUs, and so redistributors, there are. */
  get vcpus(): number {
    return this.#interrupts.vcpus;
  }

  /** Whether the redistributor of `vcpu` takes LPIs (GICR_CTLR.EnableLPIs); false where there is no such vCPU. */
  accepts(vcpu: VcpuId): boolean {
    return this.#tables.accepts(vcpu);
  }

  /** One past the highest LPI that may be mapped now, 0 if none may. @see LpiTables.mappingLimit */
  mappingLimit(): number {
    return this.#tables.mappingLimit();
  }

  /** The byte of `lpi` in the configuration table of its target; undefined where no memory is. */
  configByte(lpi: Intid): number | undefined {
    const target = this.targetOf(lpi);
    return this.#tables.configByte(lpi, target === NO_TARGET ? 0 : target);
  }

  /** Whether the bit of `lpi` in the pending table of `vcpu` lies in guest memory. */
  hasPendingByte(lpi: Intid, vcpu: VcpuId): boolean {
    return this.#tables.hasPendingByte(lpi, vcpu);
  }

  /** Takes the bit of `lpi` out of the pending table of `vcpu`: true if it was set. It is not latched by this. */
  importPending(lpi: Intid, vcpu: VcpuId): boolean {
    return this.#tables.importPending(lpi, vcpu);
  }

  /** One past the highest LPI. */
  get limit(): number {
    return this.#interrupts.idLimit;
  }

  /**
   * Makes it pending: an MSI, or the INT command. The hot path of an MSI. Latched even where it is disabled.
   * @param looks - as in {@link Interrupts.latch}
   * @returns whether it was pending already
   */
  latch(lpi: Intid, looks = true): boolean {
    const at = this.#interrupts.findLpi(lpi);
    return at !== NONE && this.#interrupts.latch(at, lpi, looks);
  }

  /** Takes the pending state away: the CLEAR command. */
  clear(lpi: Intid): void {
    // guard: clear-takes-pending
    this.#interrupts.change(this.#at(lpi), lpi, LATCH | HELD, 0);
  }

  isPending(lpi: Intid): boolean {
    return isPending(this.#interrupts.state(this.#at(lpi)));
  }

  isMapped(lpi: Intid): boolean {
    return (this.#interrupts.state(this.#at(lpi)) & MAPPED) !== 0;
  }

  /** The vCPU it goes to, or {@link NO_TARGET}. */
  targetOf(lpi: Intid): VcpuId {
    return this.#interrupts.goalOf(this.#at(lpi), lpi);
  }

  /**
   * Counts one more pair that maps `lpi`. True for the first: then it has just come to life, sent nowhere and disabled,
   * and wants its target, its configuration and its pending bit. A later pair changes nothing in it, nor does the first one if the
   * LPI has outlived its last mapping: see {@link ORPHAN}.
   */
  map(lpi: Intid): boolean {
    this.#lock.lock();
    try {
      if (add(this.#words, this.#mappings + lpi, 1) !== 0) return false;
      this.#mapped.set(lpi - FIRST_LPI);
      if ((this.#interrupts.amend(this.#at(lpi), ORPHAN, 0) & ORPHAN) !== 0) return false;
      const fresh = MAPPED | (NO_TARGET << TARGET_SHIFT);
      this.#interrupts.change(this.#at(lpi), lpi, ENDS | TARGET, fresh);
      return true;
    } finally {
      this.#lock.unlock();
    }
  }

  /** Counts one pair less; with the last one the LPI ends, and its latch is gone, unless a vCPU's list holds the LPI. */
  unmap(lpi: Intid): void {
    // guard: unmap-takes-lock
    this.#lock.lock();
    try {
      // guard: lpi-lives-while-mapped
      if (add(this.#words, this.#mappings + lpi, -1) !== 1) return;
      const at = this.#at(lpi);
      const isHad = (state: number) => (state & LOADED) !== 0 || isDeliverable(state);
      if (this.#outlives && isHad(this.#interrupts.state(at))) {
        const state = this.#interrupts.amend(at, 0, ORPHAN);
        // A vCPU that took it meanwhile did not see that it is an orphan.
        if (this.#interrupts.isListed(targetOf(state), lpi) && isHad(state)) return;
      }
      this.#mapped.claim(lpi - FIRST_LPI);
      this.#interrupts.change(at, lpi, ENDS, NO_TARGET << TARGET_SHIFT);
    } finally {
      this.#lock.unlock();
    }
  }

  /** How many pairs map it. For tests and for saving. */
  mappings(lpi: Intid): number {
    return load(this.#words, this.#mappings + lpi);
  }

  /** Takes over a byte of the configuration table. One that is latched and was disabled is listed now. */
  configure(lpi: Intid, config: number): void {
    const enable = (config & LPI_ENABLE) !== 0 ? ENABLED : 0;
    const priority = (config & LPI_PRIORITY) << PRIORITY_SHIFT;
    // guard: lpi-byte-configures
    this.#interrupts.change(
      this.#at(lpi),
      lpi,
      (ENABLED & ~enable) | (PRIORITY & ~priority),
      enable | priority,
    );
  }

  /** Retargets an LPI to another vCPU; a pending LPI stays pending. */
  retarget(lpi: Intid, vcpu: VcpuId): void {
    this.#interrupts.retarget(this.#at(lpi), lpi, vcpu);
  }

  /** Reads the configuration of `lpi` again, if there is memory to read it from: INV, GICR_INVLPIR. */
  reload(lpi: Intid): void {
    const config = this.configByte(lpi);
    if (config !== undefined && this.isMapped(lpi)) this.configure(lpi, config);
  }

  /** Reads the configuration of every LPI that goes to `vcpu` again: INVALL, GICR_INVALLR. */
  reloadAll(vcpu: VcpuId): void {
    this.forEachMapped((lpi) => {
      if (this.targetOf(lpi) === vcpu) this.reload(lpi);
    });
  }

  /**
   * KVM's way of turning LPIs off: what is on the list of `vcpu` is taken off it, and is pending no longer.
   * @see vgic_flush_pending_lpis
   */
  forget(vcpu: VcpuId): void {
    this.forEachMapped((lpi) => {
      if (!this.#interrupts.unlist(vcpu, lpi)) return;
      const at = this.#at(lpi);
      this.#interrupts.bury(at, forget(this.#interrupts, at, lpi));
    });
  }

  /**
   * KVM's way of turning LPIs on: what is pending for `vcpu` is what its table says, set or clear; the table is only
   * read. Stops at the first byte that cannot be read. @see its_sync_lpi_pending_table
   */
  syncPending(vcpu: VcpuId): void {
    this.forEachMapped((lpi) => {
      if (this.targetOf(lpi) !== vcpu) return;
      if (this.#tables.isPending(lpi, vcpu)) this.#interrupts.change(this.#at(lpi), lpi, 0, LATCH);
      else this.clear(lpi);
    });
  }

  /** The architecture's way of turning LPIs off: what is pending for `vcpu` goes to its table, as far as there is memory. */
  storePending(vcpu: VcpuId): void {
    this.forEachMapped((lpi) => {
      if (this.targetOf(lpi) !== vcpu || !this.#tables.hasPendingByte(lpi, vcpu)) return;
      const before = this.#interrupts.change(this.#at(lpi), lpi, LATCH | HELD, 0);
      if (isPending(before)) this.#tables.storePending(lpi, vcpu, true);
    });
  }

  /** The architecture's way of turning LPIs on: takes what is pending for `vcpu` out of its table. */
  loadPending(vcpu: VcpuId): void {
    this.forEachMapped((lpi) => {
      if (this.targetOf(lpi) === vcpu && this.#tables.importPending(lpi, vcpu)) this.latch(lpi);
    });
  }

  /**
   * Writes what is pending into the pending tables, for saving a machine whose vCPUs stand still; the first KiB of a
   * table is left alone. @see KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES
   * @throws IrqError `ERR_GUEST_ADDRESS` where a table lies outside the guest's memory
   */
  savePendingTables(): void {
    this.forEachMapped((lpi) => {
      const target = this.targetOf(lpi);
      // guard: pending-lpi-is-saved
      if (target !== NO_TARGET) this.#tables.storePending(lpi, target, this.isPending(lpi));
    });
  }

  /** Every LPI that is mapped, or has outlived its mapping, in order. `visit` must not keep the ITS lock busy for long. */
  forEachMapped(visit: (lpi: Intid) => void): void {
    for (let bit = this.#mapped.next(0); bit >= 0; bit = this.#mapped.next(bit + 1)) {
      if (this.isMapped(FIRST_LPI + bit)) visit(FIRST_LPI + bit);
    }
  }

  #at(lpi: Intid): number {
    const at = this.#interrupts.findLpi(lpi);
    if (at === NONE)
      throw new RangeError(`${lpi} is not an LPI of this machine (${FIRST_LPI} to ${this.limit - 1})`);
    return at;
  }
}
