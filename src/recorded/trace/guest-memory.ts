import type { DeviceId, VcpuId } from '../../arch/intid.ts';
import type { ItsCommand } from '../../arch/its-command.ts';
import type { GuestEvent } from './guest-event.ts';
import type { GuestTrace } from './guest-trace.ts';

/** A guest-physical range; both numbers are multiples of 4096. */
export type GuestRange = { readonly base: number; readonly bytes: number };

/** Eight bytes, little-endian, that must be in memory before a replay. */
export type GuestPreset = { readonly address: number; readonly value: bigint };

/**
 * The memory that a recorded guest's GIC and ITS use. A recording has no memory writes, so the guest's entries in an
 * indirect table's first level are unknown. `presets` are first-level entries that make every DeviceID and ICID of the
 * recording storable; their second-level pages are among the ranges.
 */
export type GuestMemory = {
  /** Disjoint, ascending, none next to another. */
  readonly ranges: readonly GuestRange[];
  readonly presets: readonly GuestPreset[];
};

const GUEST_PAGE_BYTES = 4096;

/** The largest ITT entry of the recorded and the replaying implementations: KVM's 8 bytes, QEMU's 12. */
const MIN_ITT_ENTRY_BYTES = 12;

const VALID = 1n << 63n;
const INDIRECT = 1n << 62n;
/** Type and entry size: the read-only fields of GITS_BASERn. */
const BASER_READ_ONLY = (0x7n << 56n) | (0x1fn << 48n);
/** Read-only GITS_BASERn fields of those implementations, for a guest that did not read them: devices, collections. */
const UNREAD_BASERS = [0x0107_0000_0000_0000n, 0x0407_0000_0000_0000n] as const;
const BASER_PAGE_BYTES = [0x1000, 0x4000, 0x1_0000, 0x1_0000] as const;
const DEVICES = 1;
const COLLECTIONS = 4;

type Table = { readonly base: number; readonly bytes: number; readonly pageBytes: number };
type FirstLevel = Table & { readonly type: number; readonly entryBytes: number };

/**
 * Works out the memory from the register writes and the MAPD commands of a recording: command queue, device and
 * collection tables, LPI configuration and pending tables, ITTs. A register counts only in use, that is while
 * GITS_CTLR.Enabled or GICR_CTLR.EnableLPIs is 1: a driver's probing write sets up no table.
 */
export function guestMemory(trace: GuestTrace): GuestMemory {
  const survey = new Survey();
  for (const event of trace.events) survey.see(event);
  return survey.result();
}

/** The guest's registers while its events go by. */
class Survey {
  readonly #registers = new Map<string, bigint>();
  readonly #baserReadOnly = new Map<number, bigint>();
  readonly #ranges = new Map<string, GuestRange>();
  readonly #firstLevels = new Map<string, FirstLevel>();
  readonly #devices = new Set<DeviceId>();
  readonly #collections = new Set<number>();
  /** The ITS's answers to the guest: INTID bits, EventID bits, bytes of an ITT entry. */
  #intidBits = 16;
  #eventBits = 16;
  #ittEntryBytes = MIN_ITT_ENTRY_BYTES;

  see(event: GuestEvent): void {
    if (event.op === 'command') this.#seeCommand(event.command);
    else if (event.op === 'read') this.#seeRead(event.frame, event.offset, event.size, BigInt(event.value));
    else if (event.op === 'write') {
      const { frame, cpu, offset, size } = event;
      if (frame === 'GICD' || size < 4) return;
      this.#latch(`${frame}${cpu}`, offset, size, BigInt(event.value));
      if (frame === 'GITS') this.#noteIts();
      else this.#noteRedistributor(cpu);
    }
  }

  #seeRead(frame: string, offset: number, size: number, value: bigint): void {
    if (frame === 'GICD' && offset === 0x4) this.#intidBits = Number((value >> 19n) & 0x1fn) + 1;
    if (frame === 'GITS' && offset === 0x8 && size >= 4) {
      this.#eventBits = Number((value >> 8n) & 0x1fn) + 1;
      this.#ittEntryBytes = Math.max(MIN_ITT_ENTRY_BYTES, Number((value >> 4n) & 0xfn) + 1);
    }
    if (frame === 'GITS' && size === 8 && isBaser(offset)) {
      this.#baserReadOnly.set((offset - 0x100) / 8, value & BASER_READ_ONLY);
    }
  }

  #seeCommand(command: ItsCommand): void {
    if (command.name === 'MAPC') this.#collections.add(command.collectionId);
    if (command.name !== 'MAPD') return;
    this.#devices.add(command.deviceId);
    if (!command.valid) return;
    const events = 2 ** Math.min(command.size + 1, this.#eventBits);
    this.#note(command.ittAddr, events * this.#ittEntryBytes);
  }

  /** A 64-bit register may be written in halves. */
  #latch(frame: string, offset: number, size: number, value: bigint): void {
    const at = offset & ~7;
    const old = this.#register(frame, at);
    if (size === 8) this.#registers.set(`${frame} ${at}`, value);
    else if (offset === at) this.#registers.set(`${frame} ${at}`, ((old >> 32n) << 32n) | value);
    else this.#registers.set(`${frame} ${at}`, (old & 0xffff_ffffn) | (value << 32n));
  }

  #register(frame: string, offset: number): bigint {
    return this.#registers.get(`${frame} ${offset}`) ?? 0n;
  }

  #noteIts(): void {
    const its = 'GITS-1';
    if ((this.#register(its, 0) & 1n) === 0n) return;
    const cbaser = this.#register(its, 0x80);
    if ((cbaser & VALID) !== 0n) {
      this.#note(Number(cbaser & 0xf_ffff_ffff_f000n), (Number(cbaser & 0xffn) + 1) * 4096);
    }
    for (let n = 0; n < 8; n++) {
      const written = this.#register(its, 0x100 + 8 * n);
      if ((written & VALID) === 0n) continue;
      const readOnly = this.#baserReadOnly.get(n) ?? UNREAD_BASERS[n] ?? 0n;
      const type = Number((readOnly >> 56n) & 7n);
      if (type === 0) continue; // Type 0: the ITS has no such table, and a write has no effect.
      const table = tableOf(written);
      this.#note(table.base, table.bytes);
      if ((written & INDIRECT) === 0n) continue;
      const entryBytes = Number((readOnly >> 48n) & 0x1fn) + 1;
      this.#firstLevels.set(`${n} ${table.base}`, { ...table, type, entryBytes });
    }
  }

  #noteRedistributor(cpu: VcpuId): void {
    const frame = `GICR${cpu}`;
    if ((this.#register(frame, 0) & 1n) === 0n) return;
    const propbaser = this.#register(frame, 0x70);
    const bits = Math.min(Number(propbaser & 0x1fn) + 1, this.#intidBits);
    if (bits < 14) return; // too few INTID bits for any LPI
    this.#note(Number(propbaser & 0xf_ffff_ffff_f000n), 2 ** bits - 8192);
    this.#note(Number(this.#register(frame, 0x78) & 0xf_ffff_ffff_0000n), 2 ** bits / 8);
  }

  #note(base: number, bytes: number): void {
    if (bytes > 0) this.#ranges.set(`${base} ${bytes}`, { base, bytes });
  }

  result(): GuestMemory {
    const ranges = [...this.#ranges.values()];
    const presets = this.#secondLevels(ranges);
    return { ranges: mergeRanges(ranges), presets };
  }

  /** Gives each first-level entry that an ID needs its own page, above everything else; adds the page to `ranges`. */
  #secondLevels(ranges: GuestRange[]): GuestPreset[] {
    let free = ranges.reduce((end, { base, bytes }) => Math.max(end, base + bytes), 0);
    const presets: GuestPreset[] = [];
    for (const { base, bytes, pageBytes, type, entryBytes } of this.#firstLevels.values()) {
      const ids = type === DEVICES ? this.#devices : type === COLLECTIONS ? this.#collections : [];
      const perPage = Math.floor(pageBytes / entryBytes);
      for (const index of new Set([...ids].map((id) => Math.floor(id / perPage)))) {
        if (index * 8 >= bytes) continue; // the ID is past the table, on any ITS
        free = Math.ceil(free / pageBytes) * pageBytes;
        ranges.push({ base: free, bytes: pageBytes });
        presets.push({ address: base + index * 8, value: VALID | BigInt(free) });
        free += pageBytes;
      }
    }
    return presets;
  }
}

const isBaser = (offset: number) => offset >= 0x100 && offset < 0x140;

/** Decodes the table of a GITS_BASERn value. @see Arm IHI 0069, GITS_BASER<n> */
function tableOf(baser: bigint): Table {
  const pageBytes = BASER_PAGE_BYTES[Number((baser >> 8n) & 3n)] ?? 0x1_0000;
  const low = Number(baser & 0xffff_ffff_f000n);
  // With 64 KiB pages, bits 15 to 12 hold bits 51 to 48 of the address.
  const high = Number((baser >> 12n) & 0xfn) * 2 ** 48;
  const base = pageBytes === 0x1_0000 ? Number(baser & 0xffff_ffff_0000n) + high : low;
  return { base, bytes: (Number(baser & 0xffn) + 1) * pageBytes, pageBytes };
}

/** Rounds ranges out to whole pages and joins adjacent ranges. */
export function mergeRanges(ranges: readonly GuestRange[]): GuestRange[] {
  const pages = ranges
    .map(({ base, bytes }) => ({
      start: Math.floor(base / GUEST_PAGE_BYTES) * GUEST_PAGE_BYTES,
      end: Math.ceil((base + bytes) / GUEST_PAGE_BYTES) * GUEST_PAGE_BYTES,
    }))
    .sort((a, b) => a.start - b.start);
  const merged: { start: number; end: number }[] = [];
  for (const { start, end } of pages) {
    const last = merged.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged.map(({ start, end }) => ({ base: start, bytes: end - start }));
}
