import type { Pin } from '../arch/intid.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { clearBits, load, or, replace, store, type Words } from '../memory/word.ts';

/** Source numbers of the port, 0 included; source 0 does not exist. @see KVM_DEV_RISCV_AIA_SRCS_MAX */
export const MOST_SOURCES = 1024;

/** Registers of the frame, by offset. An array of a word for each source begins with source 1; bitmaps begin with source 0. */
export const DOMAINCFG = 0x0000;
export const SOURCECFG = 0x0004;
export const SETIP = 0x1c00;
export const SETIPNUM = 0x1cdc;
/** Written: clears pending bits. Read: the rectified input values. */
export const IN_CLRIP = 0x1d00;
export const CLRIPNUM = 0x1ddc;
export const SETIE = 0x1e00;
export const SETIENUM = 0x1edc;
export const CLRIE = 0x1f00;
export const CLRIENUM = 0x1fdc;
export const SETIPNUM_LE = 0x2000;
export const SETIPNUM_BE = 0x2004;
export const GENMSI = 0x3000;
export const TARGET = 0x3004;

/** domaincfg: interrupts are enabled. Bits 31 and 2 (MSI delivery mode) read as one. */
export const DOMAIN_ENABLED = 1 << 8;
const DOMAIN_FIXED = (1 << 31) | (1 << 2);

/** Source modes. 0 is inactive, 1 detached; KVM keeps 2 and 3, which are reserved, and gives them no edge. */
const INACTIVE = 0;
const RISING = 4;
const FALLING = 5;
const HIGH = 6;
const LOW = 7;
const DELEGATED = 1 << 10;

/** A source's word: its mode, and these. */
const MODE = 7;
const PENDING = 1 << 3;
const ENABLED = 1 << 4;
const INPUT = 1 << 5;
const READY = PENDING | ENABLED;

const HART_SHIFT = 18;
const GUEST = 0x3f << 12;
const IDENTITY = 0x7ff;
const TARGET_KEPT = ~(1 << 11);

const DOMAIN = 0;
const LAST_MSI = 1;
const REGISTERS = 2;

export type AplicRegions = {
  readonly registers: Region;
  /** By source: mode, input, pending, enabled. */
  readonly sources: Region;
  readonly targets: Region;
};

export function aplicRegions(layout: Layout): AplicRegions {
  return layout.group('aplic', { registers: REGISTERS, sources: MOST_SOURCES, targets: MOST_SOURCES });
}

/** Brings an identity to the interrupt file of a hart; an identity or a hart that is not there is dropped. */
export type SendMsi = (hart: number, identity: number) => void;

/**
 * The APLIC's root domain in MSI delivery mode. A source that is pending and enabled while the domain is enabled is pending no
 * more, and its MSI is sent.
 *
 * A source is one word, so whoever makes the source ready or finds it ready does so in one step; no lock. **First** a thread makes its
 * change (the source pending, the source enabled, the domain enabled), **then** it looks whether the source may be sent. So of
 * two threads that make the two halves of the condition at least one finds both, and one step decides which of them sends. KVM reads the
 * domain's enable bit before it takes the source's lock: an enabling in between leaves the source pending until the next register write.
 *
 * A level source becomes pending when its line moves to its active level, and at each further signal of that level. When its MSI is
 * sent, the line is forgotten: a line that stays up sends no second MSI by itself. Software sees the line in {@link IN_CLRIP}, and sends
 * anew by {@link SETIPNUM}, which does nothing for a level source whose line is down. So no end of interrupt reaches the APLIC.
 *
 * Any thread may call any method: no lock, no allocation.
 * @see arch/riscv/kvm/aia_aplic.c; RISC-V Advanced Interrupt Architecture 1.0, chapter 4
 */
export class Aplic {
  readonly #words: Words;
  readonly #registers: number;
  readonly #sources: number;
  readonly #targets: number;
  readonly #lastAt: number;
  readonly #sendMsi: SendMsi;

  /** @param lastAt - the word that holds the number of the last source */
  constructor(words: Words, regions: AplicRegions, lastAt: number, sendMsi: SendMsi) {
    this.#words = words;
    this.#registers = regions.registers.at;
    this.#sources = regions.sources.at;
    this.#targets = regions.targets.at;
    this.#lastAt = lastAt;
    this.#sendMsi = sendMsi;
  }

  /** Every source inactive, every line low. No other thread may run. */
  reset(): void {
    for (let word = 0; word < REGISTERS; word++) store(this.#words, this.#registers + word, 0);
    for (let source: Pin = 0; source < MOST_SOURCES; source++) {
      store(this.#words, this.#sources + source, 0);
      store(this.#words, this.#targets + source, 0);
    }
  }

  /**
   * Moves the line of a source. @returns false for a source that is not there
   * @see kvm_riscv_aia_aplic_inject
   */
  drive(source: Pin, level: boolean): boolean {
    if (!this.has(source)) return false;
    // guard: line-is-looked-up
    const at = this.#sources + source;
    for (;;) {
      const old = load(this.#words, at);
      // guard: edge-needs-a-change
      const pends = isSignal(old & MODE, (old & INPUT) !== 0, level);
      const next = (level ? old | INPUT : old & ~INPUT) | (pends ? PENDING : 0);
      // guard: line-moves-in-one-step
      if (old === next || replace(this.#words, at, old, next)) break;
    }
    // guard: source-is-sent-when-driven
    this.#send(source);
    return true;
  }

  has(source: Pin): boolean {
    return source > 0 && source <= this.#last;
  }

  get #last(): Pin {
    return load(this.#words, this.#lastAt);
  }

  /** Sends the MSI of a source that is ready. Call after the change that may have made the source ready. */
  #send(source: Pin): void {
    if ((load(this.#words, this.#registers + DOMAIN) & DOMAIN_ENABLED) === 0) return;
    const at = this.#sources + source;
    for (;;) {
      const old = load(this.#words, at);
      // guard: enabled-source-is-sent
      if ((old & READY) !== READY) return;
      // guard: one-sender-takes-it
      if (replace(this.#words, at, old, old & ~PENDING)) break;
    }
    const target = load(this.#words, this.#targets + source);
    if ((target & GUEST) === 0) this.#sendMsi(target >>> HART_SHIFT, target & IDENTITY);
  }

  /**
   * A 32-bit read within the frame. The guest, or userland by an attribute.
   * @returns undefined where no register is
   */
  read(offset: number): number | undefined {
    const last = this.#last;
    if (offset === DOMAINCFG) return (load(this.#words, this.#registers + DOMAIN) | DOMAIN_FIXED) >>> 0;
    if (offset === GENMSI) return load(this.#words, this.#registers + LAST_MSI) >>> 0;
    const source = sourceOf(offset, SOURCECFG, last);
    if (source > 0) return load(this.#words, this.#sources + source) & MODE;
    const target = sourceOf(offset, TARGET, last);
    if (target > 0) return load(this.#words, this.#targets + target) >>> 0;
    const at = bitmapOf(offset, last);
    if (at === SETIP) return this.#bits(offset - at, PENDING);
    if (at === SETIE) return this.#bits(offset - at, ENABLED);
    if (at === IN_CLRIP) return this.#inputs(offset - at);
    return at === CLRIE || NUMBERS.includes(offset) ? 0 : undefined;
  }

  /** A 32-bit write within the frame. @returns false where no register is */
  write(offset: number, value: number): boolean {
    if (!this.#write(offset, value, this.#last)) return false;
    // As KVM does after every write.
    for (let source: Pin = 1; source <= this.#last; source++) this.#send(source);
    return true;
  }

  #write(offset: number, value: number, last: number): boolean {
    const source = sourceOf(offset, SOURCECFG, last);
    const target = sourceOf(offset, TARGET, last);
    const at = bitmapOf(offset, last);
    if (offset === DOMAINCFG) store(this.#words, this.#registers + DOMAIN, value & DOMAIN_ENABLED);
    else if (offset === GENMSI) this.#generate(value);
    else if (source > 0) this.#configure(source, value);
    else if (target > 0) store(this.#words, this.#targets + target, value & TARGET_KEPT);
    else if (at !== NO_BITMAP) {
      const first = (offset - at) << 3;
      for (let bit = 0; bit < 32; bit++) if ((value & (1 << bit)) !== 0) this.#set(at, first + bit);
    } else if (offset === SETIPNUM || offset === SETIPNUM_LE) this.#set(SETIP, value);
    else if (offset === SETIPNUM_BE) this.#set(SETIP, swapped(value));
    else if (offset === CLRIPNUM) this.#set(IN_CLRIP, value);
    else if (offset === SETIENUM) this.#set(SETIE, value);
    else if (offset === CLRIENUM) this.#set(CLRIE, value);
    else return false;
    return true;
  }

  #generate(value: number): void {
    store(this.#words, this.#registers + LAST_MSI, value & ~GUEST);
    this.#sendMsi(value >>> HART_SHIFT, value & IDENTITY);
  }

  /** A mode is another; pending and enabled stay, as in KVM. */
  #configure(source: Pin, value: number): void {
    const mode = (value & DELEGATED) !== 0 ? INACTIVE : value & MODE;
    const at = this.#sources + source;
    for (;;) {
      const old = load(this.#words, at);
      // guard: mode-changes-in-one-step
      if (replace(this.#words, at, old, (old & ~MODE) | mode)) return;
    }
  }

  /** Sets or clears the bit of a source that a bitmap has. */
  #set(bitmap: number, source: Pin): void {
    if (!this.has(source)) return;
    const at = this.#sources + source;
    if (bitmap === SETIE) or(this.#words, at, ENABLED);
    else if (bitmap === CLRIE) clearBits(this.#words, at, ENABLED);
    else this.#setPending(at, bitmap === SETIP);
  }

  #setPending(at: number, pending: boolean): void {
    for (;;) {
      const old = load(this.#words, at);
      const mode = old & MODE;
      // guard: level-pends-by-its-line
      if (mode === INACTIVE || (pending && mode >= HIGH && !rectified(old))) return;
      const next = pending ? old | PENDING : old & ~PENDING;
      // guard: pending-set-in-one-step
      if (replace(this.#words, at, old, next)) return;
    }
  }

  #bits(byte: number, bit: number): number {
    let bits = 0;
    for (let n = 0; n < 32; n++) {
      const source = (byte << 3) + n;
      if (this.has(source) && (load(this.#words, this.#sources + source) & bit) !== 0) bits |= 1 << n;
    }
    return bits >>> 0;
  }

  #inputs(byte: number): number {
    let bits = 0;
    for (let n = 0; n < 32; n++) {
      const source = (byte << 3) + n;
      if (this.has(source) && rectified(load(this.#words, this.#sources + source))) bits |= 1 << n;
    }
    return bits >>> 0;
  }
}

const NUMBERS: readonly number[] = [SETIPNUM, CLRIPNUM, SETIENUM, CLRIENUM, SETIPNUM_LE, SETIPNUM_BE];

/** Whether a line that is driven makes its source pending: an edge by a change of the line, a level by its level alone. */
function isSignal(mode: number, before: boolean, level: boolean): boolean {
  if (mode === RISING) return level && !before;
  if (mode === FALLING) return !level && before;
  return (mode === HIGH && level) || (mode === LOW && !level);
}

/** The rectified input value of a source's word: whether its line is at the level that counts. */
function rectified(state: number): boolean {
  const mode = state & MODE;
  return mode !== INACTIVE && ((state & INPUT) !== 0) !== (mode === FALLING || mode === LOW);
}

/** The source of a word in an array that begins with source 1; 0 for an offset outside. */
function sourceOf(offset: number, array: number, last: number): Pin {
  const source = ((offset - array) >> 2) + 1;
  return source > 0 && source <= last ? source : 0;
}

const NO_BITMAP = -1;

/** The bitmap of sources that an offset lies in. */
function bitmapOf(offset: number, last: number): number {
  const bitmap = offset & ~0xff;
  const within = (offset & 0xff) >> 2 <= last >> 5;
  return within && bitmap >= SETIP && bitmap <= CLRIE ? bitmap : NO_BITMAP;
}

/** A word in the other byte order. */
export function swapped(value: number): number {
  const bytes = ((value & 0xff00ff) << 8) | ((value >>> 8) & 0xff00ff);
  return ((bytes << 16) | (bytes >>> 16)) >>> 0;
}
