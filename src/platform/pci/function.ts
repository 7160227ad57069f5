import { type Layout, LINE, type Region } from '../../memory/layout.ts';
import { load, store, type Words } from '../../memory/word.ts';
import type { BarTarget } from './bar-target.ts';
import { MSIX_TABLE_BAR, type Msix, msixPbaOffset } from './msix.ts';

/** Offsets in configuration space. @see PCI Local Bus 3.0, 6.1 */
const ID = 0x00;
const COMMAND = 0x04;
const CLASS = 0x08;
const BARS = 0x10;
const SUBSYSTEM = 0x2c;
const CAPABILITIES = 0x34;
const INTERRUPT = 0x3c;
const FIRST_CAPABILITY = 0x40;
const CONFIG_WORDS = 64;

/** The address space of a BAR. */
export type PciSpace = 'memory' | 'io';
const ENABLES = { io: 1 << 0, memory: 1 << 1 } as const satisfies Record<PciSpace, number>;
/** The writable bits of Command, as on QEMU: I/O, memory, bus master, SERR, INTx disable. */
const COMMAND_BITS = 0x0507;
const BAR_IS_IO = 1;
/** Red Hat, the subsystem vendor of QEMU's devices. */
const SUBSYSTEM_VENDOR = 0x1af4;
const STATUS_CAPABILITIES = 1 << 20;
const CAPABILITY_MSIX = 0x11;
const CAPABILITY_VENDOR = 0x09;
const MSIX_CONTROL_BITS = 0xc000_0000;

// Words of a function's state.
const AT_COMMAND = 0;
const AT_BARS = 1;
const AT_INTERRUPT_LINE = 7;

/** @property bytes - a power of two: of memory from 4 KiB on, of I/O from 4 to 256 */
type Bar = { readonly bytes: number; readonly isIo?: boolean };

/** The constant properties of a function. */
export type PciIdentity = {
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  /** Class, subclass and programming interface: 0x060000 is a host bridge. */
  readonly classCode: number;
  readonly subsystem: number;
  readonly bars: readonly Bar[];
  /** Bodies of vendor capabilities, without the capability's ID and link. */
  readonly vendorCapabilities: readonly Uint8Array[];
};

export function pciFunctionRegion(layout: Layout, slot: number): Region {
  return layout.region(`pci${slot}.config`, LINE);
}

/** A PCI function's configuration space; its state is in shared memory. Any vCPU's thread. */
export class PciFunction {
  readonly #words: Words;
  readonly #at: number;
  readonly #fixed = new Int32Array(CONFIG_WORDS);
  readonly #bars: readonly Bar[];
  readonly #targets: readonly (BarTarget | undefined)[];
  readonly #msix: Msix | undefined;
  #msixAt = 0;

  constructor(
    words: Words,
    region: Region,
    identity: PciIdentity,
    parts: { readonly targets: readonly (BarTarget | undefined)[]; readonly msix?: Msix },
  ) {
    this.#words = words;
    this.#at = region.at;
    this.#bars = identity.bars;
    this.#targets = parts.targets;
    this.#msix = parts.msix;
    this.#describe(identity);
  }

  /** Call before any thread runs. */
  reset(): void {
    for (let word = 0; word < LINE; word++) store(this.#words, this.#at + word, 0);
    this.#msix?.reset();
  }

  /** A 32-bit word of configuration space. @param offset - a multiple of 4 */
  read(offset: number): number {
    const fixed = this.#fixed[offset >>> 2] ?? 0;
    if (offset === COMMAND) return fixed | load(this.#words, this.#at + AT_COMMAND);
    if (offset >= BARS && offset < BARS + 4 * this.#bars.length) {
      const bar = (offset - BARS) >>> 2;
      return load(this.#words, this.#at + AT_BARS + bar) | (this.#bars[bar]?.isIo ? BAR_IS_IO : 0);
    }
    if (offset === INTERRUPT) return fixed | load(this.#words, this.#at + AT_INTERRUPT_LINE);
    if (this.#msix && offset === this.#msixAt) return fixed | (this.#msix.control << 16);
    return fixed;
  }

  /** @param mask - the bits that the access covers */
  write(offset: number, value: number, mask: number): void {
    const merged = (this.read(offset) & ~mask) | (value & mask);
    if (offset === COMMAND) store(this.#words, this.#at + AT_COMMAND, merged & COMMAND_BITS);
    else if (offset >= BARS && offset < BARS + 4 * this.#bars.length) {
      const bar = (offset - BARS) >>> 2;
      store(this.#words, this.#at + AT_BARS + bar, merged & -(this.#bars[bar]?.bytes ?? 0));
    } else if (offset === INTERRUPT) store(this.#words, this.#at + AT_INTERRUPT_LINE, merged & 0xff);
    else if (this.#msix && offset === this.#msixAt) this.#msix.control = (merged & MSIX_CONTROL_BITS) >>> 16;
  }

  /** The target of an address and the offset in it, if a BAR of this function contains the address now. */
  targetAt(
    space: PciSpace,
    address: number,
  ): { readonly target: BarTarget; readonly offset: number } | undefined {
    if ((load(this.#words, this.#at + AT_COMMAND) & ENABLES[space]) === 0) return undefined;
    for (const [bar, { bytes, isIo = false }] of this.#bars.entries()) {
      const target = this.#targets[bar];
      if (!target || isIo !== (space === 'io')) continue;
      const offset = address - (load(this.#words, this.#at + AT_BARS + bar) >>> 0);
      if (offset >= 0 && offset < bytes) return { target, offset };
    }
    return undefined;
  }

  #describe(identity: PciIdentity): void {
    const fixed = this.#fixed;
    const bytes = new Uint8Array(fixed.buffer);
    fixed[ID >>> 2] = identity.vendor | (identity.device << 16);
    fixed[CLASS >>> 2] = identity.revision | (identity.classCode << 8);
    fixed[SUBSYSTEM >>> 2] = SUBSYSTEM_VENDOR | (identity.subsystem << 16);
    let link = CAPABILITIES;
    let next = FIRST_CAPABILITY;
    const add = (id: number, body: Uint8Array) => {
      bytes[link] = next;
      bytes[next] = id;
      bytes.set(body, next + 2);
      const at = next;
      link = next + 1;
      next = (next + 2 + body.length + 3) & ~3;
      return at;
    };
    if (this.#msix) {
      const body = new DataView(new ArrayBuffer(10));
      body.setUint16(0, this.#msix.vectors - 1, true);
      body.setUint32(2, MSIX_TABLE_BAR, true);
      body.setUint32(6, msixPbaOffset(this.#msix.vectors) | MSIX_TABLE_BAR, true);
      this.#msixAt = add(CAPABILITY_MSIX, new Uint8Array(body.buffer));
    }
    for (const body of identity.vendorCapabilities) add(CAPABILITY_VENDOR, body);
    if (link !== CAPABILITIES) fixed[COMMAND >>> 2] = STATUS_CAPABILITIES;
  }
}
