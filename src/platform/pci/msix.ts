import type { DeviceId } from '../../arch/intid.ts';
import type { AccessBytes } from '../../board/guest-bus.ts';
import type { Fd, Gsi } from '../../kvm/gsi.ts';
import { MSI_VALID_DEVID, type Route } from '../../kvm/route.ts';
import type { Vm } from '../../kvm/vm.ts';
import { type Layout, LINE, type Region } from '../../memory/layout.ts';
import { MUTEX, Mutex } from '../../memory/mutex.ts';
import { load, store, type Words } from '../../memory/word.ts';
import type { BarTarget } from './bar-target.ts';

/** The BAR of a function's MSI-X table and pending bits. */
export const MSIX_TABLE_BAR = 1;
export const MSIX_BAR_BYTES = 0x1000;

// Words of an entry. @see PCI Local Bus 3.0, 6.8.2
const ADDRESS = 0;
const ADDRESS_HIGH = 1;
const DATA = 2;
const CONTROL = 3;
const ENTRY_WORDS = 4;
const MASKED = 1;

const ENABLE = 1 << 15;
const FUNCTION_MASK = 1 << 14;

// Words of a function's state, before its entries.
const AT_CONTROL = 0;

export function msixPbaOffset(vectors: number): number {
  return Math.ceil((vectors * ENTRY_WORDS * 4) / 8) * 8;
}

export type MsixRegions = { readonly table: Region; readonly armed: Region };

export function msixRegions(layout: Layout, slot: number, vectors: number): MsixRegions {
  return {
    table: layout.region(`pci${slot}.msix`, LINE + vectors * ENTRY_WORDS),
    armed: layout.region(`pci${slot}.msixArmed`, vectors),
  };
}

export type MsixParts = {
  /** Requester ID of the function: its DeviceID. */
  readonly deviceId: DeviceId;
  readonly vectors: number;
  /** Vector n is signalled through eventfd `firstFd` + n, and routed as GSI `firstGsi` + n. */
  readonly firstFd: Fd;
  readonly firstGsi: Gsi;
};

/**
 * The MSI-X table of a function. An unmasked vector has a route and an irqfd. A masked vector has neither, so a signal of its device
 * stays in the eventfd, whose count the pending bit shows, until the vector is unmasked and the irqfd injects it. VMMs on KVM do the
 * same. Any vCPU's thread.
 * @see kvm_virtio_pci_vector_use of QEMU
 */
export class Msix implements BarTarget {
  readonly vectors: number;
  readonly #words: Words;
  readonly #regions: MsixRegions;
  readonly #parts: MsixParts;
  readonly #routing: MsiRouting;

  constructor(words: Words, regions: MsixRegions, parts: MsixParts, routing: MsiRouting) {
    this.vectors = parts.vectors;
    this.#words = words;
    this.#regions = regions;
    this.#parts = parts;
    this.#routing = routing;
    routing.add(this);
  }

  reset(): void {
    store(this.#words, this.#regions.table.at + AT_CONTROL, 0);
    for (let vector = 0; vector < this.vectors; vector++) {
      for (let word = 0; word < ENTRY_WORDS; word++) this.#put(vector, word, word === CONTROL ? MASKED : 0);
      store(this.#words, this.#regions.armed.at + vector, 0);
    }
  }

  /** Message Control, bits 15 (enable) and 14 (function mask). */
  get control(): number {
    return load(this.#words, this.#regions.table.at + AT_CONTROL);
  }

  set control(value: number) {
    this.#routing.change(() => {
      store(this.#words, this.#regions.table.at + AT_CONTROL, value & (ENABLE | FUNCTION_MASK));
      return Array.from({ length: this.vectors }, (_, vector) => this.#judge(vector)).some(Boolean);
    });
  }

  read(offset: number, bytes: AccessBytes): bigint {
    const word = (at: number) => BigInt(this.#readWord(at) >>> 0);
    const aligned = offset & ~3;
    if (bytes === 8) return word(aligned) | (word(aligned + 4) << 32n);
    return BigInt.asUintN(8 * bytes, word(aligned) >> BigInt(8 * (offset & 3)));
  }

  write(offset: number, bytes: AccessBytes, value: bigint): void {
    if (bytes < 4 || (offset & 3) !== 0) return; // the specification requires whole words
    this.#writeWord(offset, Number(BigInt.asIntN(32, value)));
    if (bytes === 8) this.#writeWord(offset + 4, Number(BigInt.asIntN(32, value >> 32n)));
  }

  /** The routes of the unmasked vectors. */
  routes(): Route[] {
    return Array.from({ length: this.vectors }, (_, vector) => vector)
      .filter((vector) => this.#isArmed(vector))
      .map((vector) => ({
        type: 'msi',
        gsi: this.#parts.firstGsi + vector,
        flags: MSI_VALID_DEVID,
        address: (this.#get(vector, ADDRESS_HIGH) >>> 0) * 2 ** 32 + (this.#get(vector, ADDRESS) >>> 0),
        data: this.#get(vector, DATA) >>> 0,
        deviceId: this.#parts.deviceId,
      }));
  }

  /** The eventfd and GSI of each vector; `armed`: the vector is unmasked. */
  *hooks(): Generator<{ readonly fd: Fd; readonly gsi: Gsi; readonly armed: boolean }> {
    const { firstFd, firstGsi } = this.#parts;
    for (let vector = 0; vector < this.vectors; vector++)
      yield { fd: firstFd + vector, gsi: firstGsi + vector, armed: this.#isArmed(vector) };
  }

  #readWord(offset: number): number {
    const vector = Math.floor(offset / (4 * ENTRY_WORDS));
    if (vector < this.vectors) return this.#get(vector, (offset >>> 2) % ENTRY_WORDS);
    const first = (offset - msixPbaOffset(this.vectors)) * 8;
    let pending = 0;
    for (let bit = 0; first >= 0 && bit < 32 && first + bit < this.vectors; bit++)
      if (!this.#isArmed(first + bit) && this.#routing.isWritten(this.#parts.firstFd + first + bit))
        pending |= 1 << bit;
    return pending;
  }

  #writeWord(offset: number, value: number): void {
    const vector = Math.floor(offset / (4 * ENTRY_WORDS));
    if (vector >= this.vectors) return;
    const word = (offset >>> 2) % ENTRY_WORDS;
    this.#routing.change(() => {
      this.#put(vector, word, word === CONTROL ? value & MASKED : value);
      // A changed message of an unmasked vector needs a new route.
      return this.#judge(vector) || (word !== CONTROL && this.#isArmed(vector));
    });
  }

  /** Updates whether `vector` is armed; true if that has changed. */
  #judge(vector: number): boolean {
    const on = (this.control & (ENABLE | FUNCTION_MASK)) === ENABLE;
    const armed = on && (this.#get(vector, CONTROL) & MASKED) === 0;
    if (armed === this.#isArmed(vector)) return false;
    store(this.#words, this.#regions.armed.at + vector, armed ? 1 : 0);
    return true;
  }

  #isArmed(vector: number): boolean {
    return load(this.#words, this.#regions.armed.at + vector) !== 0;
  }

  #get(vector: number, word: number): number {
    return load(this.#words, this.#regions.table.at + LINE + vector * ENTRY_WORDS + word);
  }

  #put(vector: number, word: number, value: number): void {
    store(this.#words, this.#regions.table.at + LINE + vector * ENTRY_WORDS + word, value);
  }
}

export type MsiRoutingRegions = { readonly lock: Region; readonly hooked: Region };

export function msiRoutingRegions(layout: Layout, fds: number): MsiRoutingRegions {
  return {
    lock: layout.place('pci.msiLock', MUTEX),
    hooked: layout.region('pci.hooked', Math.max(1, fds)),
  };
}

/** Combines the tables of all functions: one routing table, and an irqfd for each unmasked vector. */
export class MsiRouting {
  readonly #words: Words;
  readonly #regions: MsiRoutingRegions;
  readonly #vm: Vm;
  readonly #lock: Mutex;
  readonly #wired: readonly Route[];
  readonly #tables: Msix[] = [];

  /** @param wired - routes of the wired interrupts, which do not change */
  constructor(words: Words, regions: MsiRoutingRegions, vm: Vm, wired: readonly Route[]) {
    this.#words = words;
    this.#regions = regions;
    this.#vm = vm;
    this.#wired = wired;
    this.#lock = new Mutex(words, regions.lock, 'pci.msiLock');
  }

  /** Adds a function's table. Call while the board is built. */
  add(table: Msix): void {
    this.#tables.push(table);
  }

  isWritten(fd: Fd): boolean {
    return this.#vm.irqfds.eventfd(fd).readable;
  }

  /** Changes a table, and publishes routes and irqfds again if `change` returns true. */
  change(change: () => boolean): void {
    this.#lock.lock();
    try {
      if (change()) this.#publish();
    } finally {
      this.#lock.unlock();
    }
  }

  /** Deassigns irqfds before it removes their routes, and assigns irqfds after it has added their routes. */
  #publish(): void {
    const hooks = this.#tables.flatMap((table) => [...table.hooks()]);
    for (const { fd, gsi, armed } of hooks) {
      if (armed || !this.#isHooked(fd)) continue;
      this.#vm.deassignIrqFd(fd, gsi);
      store(this.#words, this.#regions.hooked.at + fd, 0);
    }
    this.#vm.setGsiRouting([...this.#wired, ...this.#tables.flatMap((table) => table.routes())]);
    for (const { fd, gsi, armed } of hooks) {
      if (!armed || this.#isHooked(fd)) continue;
      this.#vm.assignIrqFd(fd, gsi);
      store(this.#words, this.#regions.hooked.at + fd, 1);
    }
  }

  #isHooked(fd: Fd): boolean {
    return load(this.#words, this.#regions.hooked.at + fd) !== 0;
  }
}
