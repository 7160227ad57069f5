import { FIRST_LPI, type Intid, type VcpuId } from '../arch/intid.ts';
import { LPI_ENABLE, LPI_PRIORITY } from '../arch/lpi-config.ts';
import { Bitmap } from '../memory/bitmap.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { MUTEX, Mutex } from '../memory/mutex.ts';
import { add, load, type Words } from '../memory/word.ts';
import { type Interrupts, NONE } from './interrupts.ts';
import type { LpiTables } from './lpi-tables.ts';
import { forget } from './queueing.ts';
import {
  ENABLED,
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
  UNQUEUED,
} from './state.ts';

/** Bits that are cleared when the last mapping of an LPI ends. */
const ENDS = MAPPED | ENABLED | LATCH | UNQUEUED | ORPHAN | LOADED | REROUTED;

export type LpiRegions = {
  /** A word for each LPI: how many DevID:EvID pairs map it. */
  readonly mappings: Region;
  /** A bit for each LPI: whether any pair maps the LPI. A walk over mapped LPIs reads few words. */
  readonly mapped: Region;
  /** Held while an LPI is created or ended: two ITSes may map the same LPI. KVM: the lock of the LPI xarray. */
  readonly lock: Region;
};

/** Adds the regions of {@link Lpis} to a layout. @param idLimit - one past the highest LPI */
export function lpiRegions(layout: Layout, idLimit: number): LpiRegions {
  const count = idLimit - FIRST_LPI;
  return layout.group('lpis', { mappings: count, mapped: Math.ceil(count / 32), lock: MUTEX });
}

/**
 * The LPIs, for the ITS: an LPI is mapped by any number of DevID:EvID pairs, configured by a byte of guest memory, and targeted at a
 * vCPU. Its state word is valid while a pair maps the LPI.
 *
 * Two ITSes may call `map` and `unmap` at the same time, each with its own lock held. Callers of `configure` and `retarget` hold the
 * lock of the ITS. Any thread may call `latch` at any time.
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

  /** The number of vCPUs, and therefore of redistributors. */
  get vcpus(): number {
    return this.#interrupts.vcpus;
  }

  /** Whether the redistributor of `vcpu` accepts LPIs (GICR_CTLR.EnableLPIs); false if no such vCPU exists. */
  accepts(vcpu: VcpuId): boolean {
    return this.#tables.accepts(vcpu);
  }

  /** One past the highest LPI that MAPTI may map now; 0 if none. @see LpiTables.mappingLimit */
  mappingLimit(): number {
    return this.#tables.mappingLimit();
  }

  /** The byte of `lpi` in the configuration table of its target; undefined outside guest memory. */
  configByte(lpi: Intid): number | undefined {
    const target = this.targetOf(lpi);
    return this.#tables.configByte(lpi, target === NO_TARGET ? 0 : target);
  }

  /** Whether the bit of `lpi` in the pending table of `vcpu` lies in guest memory. */
  hasPendingByte(lpi: Intid, vcpu: VcpuId): boolean {
    return this.#tables.hasPendingByte(lpi, vcpu);
  }

  /** Clears the bit of `lpi` in the pending table of `vcpu`; true if the bit was set. Does not latch the LPI. */
  importPending(lpi: Intid, vcpu: VcpuId): boolean {
    return this.#tables.importPending(lpi, vcpu);
  }

  /** One past the highest LPI. */
  get limit(): number {
    return this.#interrupts.idLimit;
  }

  /**
   * Makes an LPI pending: an MSI, or the INT command. Latches a disabled LPI too. The hot path of an MSI.
   * @param checkFirst - as in {@link Interrupts.latch}
   * @returns whether the LPI was latched already
   */
  latch(lpi: Intid, checkFirst = true): boolean {
    const at = this.#interrupts.findLpi(lpi);
    return at !== NONE && this.#interrupts.latch(at, lpi, checkFirst);
  }

  /** Clears the pending state: the CLEAR command. */
  clear(lpi: Intid): void {
    // guard: clear-takes-pending
    this.#interrupts.change(this.#at(lpi), lpi, LATCH | UNQUEUED, 0);
  }

  isPending(lpi: Intid): boolean {
    return isPending(this.#interrupts.state(this.#at(lpi)));
  }

  isMapped(lpi: Intid): boolean {
    return (this.#interrupts.state(this.#at(lpi)) & MAPPED) !== 0;
  }

  /** The vCPU that the LPI targets, or {@link NO_TARGET}. */
  targetOf(lpi: Intid): VcpuId {
    return this.#interrupts.goalOf(this.#at(lpi), lpi);
  }

  /**
   * Counts one more pair that maps `lpi`. True if the LPI is new: disabled and without a target, so the caller sets its target,
   * configuration and pending bit. False for a further pair, and for an LPI that has outlived its last mapping ({@link ORPHAN}).
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

  /** Counts one pair less. The last pair ends the LPI and drops its latch, unless a vCPU's list still holds it ({@link ORPHAN}). */
  unmap(lpi: Intid): void {
    // guard: unmap-takes-lock
    this.#lock.lock();
    try {
      // guard: lpi-lives-while-mapped
      if (add(this.#words, this.#mappings + lpi, -1) !== 1) return;
      const at = this.#at(lpi);
      const isDeliverableOrLoaded = (state: number) => (state & LOADED) !== 0 || isDeliverable(state);
      if (this.#outlives && isDeliverableOrLoaded(this.#interrupts.state(at))) {
        const state = this.#interrupts.amend(at, 0, ORPHAN);
        // A vCPU that has just taken the LPI did not see ORPHAN, so this thread ends the LPI.
        if (this.#interrupts.isListed(targetOf(state), lpi) && isDeliverableOrLoaded(state)) return;
      }
      this.#mapped.claim(lpi - FIRST_LPI);
      this.#interrupts.change(at, lpi, ENDS, NO_TARGET << TARGET_SHIFT);
    } finally {
      this.#lock.unlock();
    }
  }

  /** How many pairs map the LPI. For tests and for saving. */
  mappings(lpi: Intid): number {
    return load(this.#words, this.#mappings + lpi);
  }

  /** Applies a byte of the configuration table. Lists a latched LPI that the byte enables. */
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

  /** Reads the configuration of `lpi` again, if the table lies in guest memory: INV, GICR_INVLPIR. */
  reload(lpi: Intid): void {
    const config = this.configByte(lpi);
    if (config !== undefined && this.isMapped(lpi)) this.configure(lpi, config);
  }

  /** Reads the configuration of every LPI that targets `vcpu` again: INVALL, GICR_INVALLR. */
  reloadAll(vcpu: VcpuId): void {
    this.forEachMapped((lpi) => {
      if (this.targetOf(lpi) === vcpu) this.reload(lpi);
    });
  }

  /**
   * Disables LPIs as KVM does: takes every LPI off the list of `vcpu` and clears its pending state.
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
   * Enables LPIs as KVM does: sets or clears the pending state of each LPI of `vcpu` from the pending table, which stays unchanged.
   * A byte outside guest memory reads as clear.
   * @see its_sync_lpi_pending_table
   */
  syncPending(vcpu: VcpuId): void {
    this.forEachMapped((lpi) => {
      if (this.targetOf(lpi) !== vcpu) return;
      if (this.#tables.isPending(lpi, vcpu)) this.#interrupts.change(this.#at(lpi), lpi, 0, LATCH);
      else this.clear(lpi);
    });
  }

  /** Disables LPIs as the architecture says: moves the pending LPIs of `vcpu` into its table, as far as the table lies in memory. */
  storePending(vcpu: VcpuId): void {
    this.forEachMapped((lpi) => {
      if (this.targetOf(lpi) !== vcpu || !this.#tables.hasPendingByte(lpi, vcpu)) return;
      const before = this.#interrupts.change(this.#at(lpi), lpi, LATCH | UNQUEUED, 0);
      if (isPending(before)) this.#tables.storePending(lpi, vcpu, true);
    });
  }

  /** Enables LPIs as the architecture says: takes the pending LPIs of `vcpu` out of its table. */
  loadPending(vcpu: VcpuId): void {
    this.forEachMapped((lpi) => {
      if (this.targetOf(lpi) === vcpu && this.#tables.importPending(lpi, vcpu)) this.latch(lpi);
    });
  }

  /**
   * Writes pending bits into the pending tables, to save a machine whose vCPUs are stopped. Leaves the first KiB of a table alone.
   * @see KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES
   * @throws IrqError `ERR_GUEST_ADDRESS` if a table lies outside guest memory
   */
  savePendingTables(): void {
    this.forEachMapped((lpi) => {
      const target = this.targetOf(lpi);
      // guard: pending-lpi-is-saved
      if (target !== NO_TARGET) this.#tables.storePending(lpi, target, this.isPending(lpi));
    });
  }

  /** Visits each LPI that is mapped, or has outlived its mapping, in INTID order. `visit` must not hold the ITS lock for long. */
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
