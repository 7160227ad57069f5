import { FIRST_LPI, type Intid, type VcpuId } from '../arch/intid.ts';
import { LPI_ENABLE } from '../arch/lpi-config.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { Layout, Records } from '../memory/layout.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { Interrupts } from './interrupts.ts';
import type { Lpis } from './lpis.ts';
import { vlpiFrameRegion } from './vlpi-frame.ts';
import { Vpe, type VpeRegions, vpeRegions } from './vpe.ts';

/** vLPIs that a vPE has room for, from INTID 8192 on. */
const VLPIS = 512;
/** The INTID of no doorbell. */
const NO_DOORBELL: Intid = 1023;

/** The words of a vPE that VMAPP sets: addresses in units of 64 KiB. */
const FIELDS = ['doorbell', 'configTable', 'pendingTable', 'limit'] as const;
const DOORBELL = 0;
const CONFIG = 1;
const PENDING = 2;
const LIMIT = 3;
const UNIT = 0x1_0000;

export type VpesRegions = {
  readonly vpes: readonly VpeRegions[];
  readonly tables: Records;
  /** By PE: the registers of the VLPI frame. */
  readonly frames: Records;
};

/** Adds the regions of a GICv4.1's vPEs to a layout. @param vpes - vPEs that the board has room for */
export function vpesRegions(layout: Layout, vpes: number, vcpus: number): VpesRegions {
  return {
    vpes: Array.from({ length: vpes }, (_, vpe) => vpeRegions(layout, `vpe${vpe}`, VLPIS)),
    tables: layout.records('vpe.tables', vpes, FIELDS),
    frames: vlpiFrameRegion(layout, vcpus),
  };
}

/** A vPE, as VMAPP describes it. */
type VpeMapping = {
  readonly pe: VcpuId;
  readonly doorbell: Intid;
  readonly configTable: number;
  readonly pendingTable: number;
  readonly bits: number;
  readonly isZero: boolean;
};

type VpesParts = { readonly interrupts: Interrupts; readonly lpis: Lpis; readonly memory: GuestMemory };

/**
 * The vPEs of a GICv4.1, for the ITS and for the redistributors: each has two tables in memory and a default doorbell, a physical LPI.
 *
 * The ITS calls with its lock held, all but {@link at}; so a vPE's tables and doorbell do not change while an interrupt comes. A PE makes
 * a vPE resident meanwhile, without that lock: see {@link Vpe}. The doorbell rings at the PE of the last residency, or of a later VMOVP.
 */
export class Vpes {
  readonly #words: Words;
  readonly #tables: number;
  readonly #vpes: readonly Vpe[];
  readonly #parts: VpesParts;

  constructor(words: Words, regions: VpesRegions, parts: VpesParts) {
    this.#words = words;
    this.#tables = regions.tables.at;
    this.#parts = parts;
    const ring = (pe: VcpuId) => parts.interrupts.ring(pe);
    this.#vpes = regions.vpes.map(
      (region, vpe) => new Vpe(words, region, { ring, doorbell: (pe) => this.#ringDoorbell(vpe, pe) }),
    );
  }

  get count(): number {
    return this.#vpes.length;
  }

  get limit(): number {
    return FIRST_LPI + VLPIS;
  }

  /** A vPE; undefined where the board has no room for one of that number. Any thread. */
  at(vpe: number): Vpe | undefined {
    return this.#vpes[vpe];
  }

  /** Whether an interrupt waits in any vPE, resident or not. Any thread. */
  get isAnySignalled(): boolean {
    return this.#vpes.some((vpe) => vpe.isMapped && vpe.isSignalled);
  }

  isMapped(vpe: number): boolean {
    return this.#vpes[vpe]?.isMapped ?? false;
  }

  has(vpe: number, intid: Intid): boolean {
    return this.isMapped(vpe) && intid < this.#read(vpe, LIMIT);
  }

  map(vpe: number, { pe, doorbell, configTable, pendingTable, bits, isZero }: VpeMapping): boolean {
    const { lpis, memory } = this.#parts;
    const limit = Math.min(2 ** bits, this.limit);
    const hasTables = memory.has(configTable, limit - FIRST_LPI) && memory.has(pendingTable, limit >>> 3);
    if (!hasTables) return false;
    for (const [field, value] of [doorbell, configTable / UNIT, pendingTable / UNIT, limit].entries())
      store(this.#words, this.#tables + vpe * FIELDS.length + field, value);
    if (doorbell !== NO_DOORBELL) {
      lpis.map(doorbell);
      lpis.retarget(doorbell, pe);
      this.reloadDoorbell(vpe);
    }
    this.#vpes[vpe]?.map(pe);
    this.reloadAll(vpe);
    for (let intid: Intid = FIRST_LPI; intid < limit && !isZero; intid++)
      // guard: vmapp-loads-pending-table
      if ((memory.byte(pendingTable + (intid >>> 3)) & (1 << (intid & 7))) !== 0) this.signal(vpe, intid);
    return true;
  }

  unmap(vpe: number, save: boolean): boolean {
    const { lpis } = this.#parts;
    if (!this.#vpes[vpe]?.unmap()) return false;
    if (save) this.#save(vpe);
    const doorbell: Intid = this.#read(vpe, DOORBELL);
    if (doorbell !== NO_DOORBELL) {
      // An LPI of KVM that is listed would outlive its last mapping.
      // guard: vpe-ends-with-doorbell
      lpis.clear(doorbell);
      lpis.unmap(doorbell);
    }
    return true;
  }

  move(vpe: number, pe: VcpuId, doorbell: Intid = this.#read(vpe, DOORBELL)): boolean {
    const { lpis } = this.#parts;
    if (!this.#vpes[vpe]?.move(pe)) return false;
    const before: Intid = this.#read(vpe, DOORBELL);
    if (doorbell !== before) {
      if (doorbell !== NO_DOORBELL) lpis.map(doorbell);
      store(this.#words, this.#tables + vpe * FIELDS.length + DOORBELL, doorbell);
      if (before !== NO_DOORBELL) lpis.unmap(before);
    }
    // A doorbell that is pending goes along.
    // guard: vmovp-takes-doorbell-along
    if (doorbell !== NO_DOORBELL) lpis.retarget(doorbell, pe);
    if (doorbell !== before) this.reloadDoorbell(vpe);
    return true;
  }

  reloadDoorbell(vpe: number): void {
    const doorbell: Intid = this.#read(vpe, DOORBELL);
    if (doorbell !== NO_DOORBELL) this.#parts.lpis.reload(doorbell);
  }

  signal(vpe: number, intid: Intid): void {
    this.#vpes[vpe]?.signal(intid);
  }

  clear(vpe: number, intid: Intid): void {
    this.#vpes[vpe]?.clear(intid);
  }

  transfer(from: number, to: number, intid: Intid): void {
    this.reload(to, intid);
    // guard: vmovi-takes-pending-along
    if (this.#vpes[from]?.claim(intid)) this.signal(to, intid);
  }

  reload(vpe: number, intid: Intid): void {
    const { memory } = this.#parts;
    const byte = this.#read(vpe, CONFIG) * UNIT + intid - FIRST_LPI;
    this.#vpes[vpe]?.configure(intid, (memory.byte(byte) & LPI_ENABLE) !== 0);
  }

  reloadAll(vpe: number): void {
    const limit = this.#read(vpe, LIMIT);
    for (let intid: Intid = FIRST_LPI; intid < limit; intid++) this.reload(vpe, intid);
  }

  enableSgi(vpe: number, sgi: Intid, enable: boolean): void {
    this.#vpes[vpe]?.configure(sgi, enable);
  }

  /** Writes the pending vLPIs of a vPE that has ended into its pending table. */
  #save(vpe: number): void {
    const { memory } = this.#parts;
    const table = this.#read(vpe, PENDING) * UNIT;
    const limit = this.#read(vpe, LIMIT);
    for (let intid: Intid = FIRST_LPI; intid < limit; intid++) {
      const [byte, mask] = [table + (intid >>> 3), 1 << (intid & 7)];
      // guard: vmapp-saves-pending-table
      if (this.#vpes[vpe]?.isPending(intid)) memory.setBits(byte, mask);
      else if ((memory.byte(byte) & mask) !== 0) memory.clearBits(byte, mask);
    }
  }

  /** Makes the default doorbell pending, unless the PE takes no LPIs. The caller holds the lock of the ITS. */
  #ringDoorbell(vpe: number, pe: VcpuId): void {
    const { lpis } = this.#parts;
    const doorbell: Intid = this.#read(vpe, DOORBELL);
    if (doorbell === NO_DOORBELL || !lpis.accepts(pe)) return;
    // guard: doorbell-follows-vpe
    lpis.retarget(doorbell, pe);
    // guard: doorbell-is-an-lpi
    lpis.latch(doorbell);
  }

  #read(vpe: number, field: number): number {
    return load(this.#words, this.#tables + vpe * FIELDS.length + field) >>> 0;
  }
}
