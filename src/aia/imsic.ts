import type { VcpuId } from '../arch/intid.ts';
import { EVENT_COUNT, EventCount } from '../memory/event-count.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { clearBits, load, replace, setBits, store, type Words } from '../memory/word.ts';

/** Interrupt identities of a file, 0 included, at most. Identity 0 is none. @see IMSIC_MAX_ID */
export const MOST_IDENTITIES = 2048;
/** No identity is pending, enabled and below the threshold. */
export const NO_IDENTITY = 0;

/** Registers of a file, by the number that siselect names them with. */
export const EIDELIVERY = 0x70;
export const EITHRESHOLD = 0x72;
export const EIP0 = 0x80;
export const EIE0 = 0xc0;

const ARRAY_WORDS = MOST_IDENTITIES / 32;
const DELIVERY = 0;
const THRESHOLD = 1;
const REGISTERS = 2;

export type ImsicRegions = {
  /** Pending identities. Any thread sets a bit; the vCPU's thread clears the one that it claims. */
  readonly eip: Region;
  readonly eie: Region;
  readonly registers: Region;
  /** Where the vCPU sleeps. */
  readonly bell: Region;
};

export function imsicRegions(layout: Layout, vcpu: VcpuId): ImsicRegions {
  return layout.group(`imsic${vcpu}`, {
    eip: ARRAY_WORDS,
    eie: ARRAY_WORDS,
    registers: REGISTERS,
    bell: EVENT_COUNT,
  });
}

/**
 * The IMSIC interrupt file of one vCPU. KVM keeps such a file in memory where the host has no guest file for the vCPU.
 *
 * An identity becomes pending by one atomic OR and is claimed by one atomic AND, so a file has no lock:
 * - Producer (any thread): the identity pending, **then** the bell.
 * - Consumer (the vCPU's thread): the announcement of its sleep, **then** its last look.
 * - A register is changed in one step, so a write of eip keeps the identities that arrive meanwhile.
 *
 * KVM notes whether an identity is signalled in a bit of the vCPU, and keeps a lock around the look and the note: without the
 * lock, a look that is old clears the note of an identity that is new. Here the vCPU looks when it needs to know.
 * @see arch/riscv/kvm/aia_imsic.c; RISC-V Advanced Interrupt Architecture 1.0, chapter 3
 */
export class Imsic {
  readonly #words: Words;
  readonly #eip: number;
  readonly #eie: number;
  readonly #registers: number;
  readonly #ids: number;
  readonly bell: EventCount;

  /** @param ids - the word that holds the highest identity */
  constructor(words: Words, regions: ImsicRegions, ids: number) {
    this.#words = words;
    this.#eip = regions.eip.at;
    this.#eie = regions.eie.at;
    this.#registers = regions.registers.at;
    this.#ids = ids;
    this.bell = new EventCount(words, regions.bell);
  }

  /** Nothing is pending, enabled or delivered. No other thread may run. */
  reset(): void {
    for (let word = 0; word < ARRAY_WORDS; word++) {
      store(this.#words, this.#eip + word, 0);
      store(this.#words, this.#eie + word, 0);
    }
    for (let word = 0; word < REGISTERS; word++) store(this.#words, this.#registers + word, 0);
  }

  /**
   * An MSI has come: makes its identity pending. Any thread, also within a reader section: no lock, no allocation.
   * @returns false for an identity that the file lacks
   */
  accept(identity: number): boolean {
    if (!(identity > 0 && identity <= load(this.#words, this.#ids))) return false;
    // guard: identity-becomes-pending
    setBits(this.#words, this.#eip + (identity >>> 5), 1 << (identity & 31));
    // guard: file-rings-when-pending
    this.bell.signal();
    return true;
  }

  isPending(identity: number): boolean {
    return (load(this.#words, this.#eip + (identity >>> 5)) & (1 << (identity & 31))) !== 0;
  }

  /**
   * stopei: the lowest identity that is pending, enabled and below the threshold, or {@link NO_IDENTITY}. A low identity has
   * priority.
   */
  get top(): number {
    const ids = load(this.#words, this.#ids);
    const threshold = load(this.#words, this.#registers + THRESHOLD);
    // guard: threshold-holds-back
    const end = threshold !== 0 && threshold <= ids ? threshold : ids + 1;
    for (let word = 0; word << 5 < end; word++) {
      const bits = load(this.#words, this.#eie + word) & load(this.#words, this.#eip + word);
      if (bits === 0) continue;
      const identity = (word << 5) + 31 - Math.clz32(bits & -bits);
      return identity < end ? identity : NO_IDENTITY;
    }
    return NO_IDENTITY;
  }

  /** Whether the file signals its vCPU: bit 9 of sip. */
  get signalled(): boolean {
    // guard: delivery-can-be-off
    return load(this.#words, this.#registers + DELIVERY) !== 0 && this.top !== NO_IDENTITY;
  }

  /** A write of stopei: takes {@link top} and clears the pending bit of the identity taken. The vCPU's thread. */
  claim(): number {
    const identity = this.top;
    // guard: claim-clears-its-identity
    if (identity !== NO_IDENTITY) this.#clear(identity);
    return identity;
  }

  #clear(identity: number): void {
    clearBits(this.#words, this.#eip + (identity >>> 5), 1 << (identity & 31));
  }

  /** Sleeps until the file signals; false if `timeoutMs` passed first. The vCPU's thread. */
  halt(timeoutMs?: number): boolean {
    // guard: file-sleep-is-announced
    const ticket = this.bell.announce();
    // guard: file-sleeper-looks-again
    if (this.signalled) {
      this.bell.withdraw();
      return true;
    }
    return this.bell.park(ticket, timeoutMs);
  }

  /**
   * A register as the vCPU reaches it by sireg, or userland by an attribute. Allocates. Any thread.
   *
   * Of eip and eie, KVM (Linux 7.2.13, measured) writes the low 32 bits only, and reads them with their sign in the high 32: its step is
   * of 32 bits. So an identity whose number in its 64 has bit 5 set becomes pending, but can never be enabled.
   * @param select - {@link EIDELIVERY}, {@link EITHRESHOLD}, or one of the 64 each from {@link EIP0} and {@link EIE0}
   * @param value - the new bits; `mask` says which of them are written
   * @returns the old value; undefined for a number that is no register of a file, -1n for an odd one or one past the file's end
   */
  access(select: number, value = 0n, mask = 0n): bigint | undefined {
    const { at, number, bits } = this.#find(select);
    if (at < 0) return undefined;
    if ((number & 1) !== 0 || number << 5 > load(this.#words, this.#ids)) return -1n;
    const allowed = Number(BigInt.asIntN(32, mask & bits));
    const old = this.#write(at, Number(BigInt.asIntN(32, value)), allowed);
    // guard: file-rings-when-changed
    if (mask !== 0n) this.bell.signal();
    return BigInt.asUintN(64, BigInt(old));
  }

  #find(select: number): { readonly at: number; readonly number: number; readonly bits: bigint } {
    if (select === EIDELIVERY) return { at: this.#registers + DELIVERY, number: 0, bits: 1n };
    if (select === EITHRESHOLD)
      return { at: this.#registers + THRESHOLD, number: 0, bits: BigInt(MOST_IDENTITIES - 1) };
    if (!(select >= EIP0 && select < EIE0 + ARRAY_WORDS)) return { at: -1, number: 0, bits: 0n };
    const [array, number] = select < EIE0 ? [this.#eip, select - EIP0] : [this.#eie, select - EIE0];
    // Identity 0 does not exist: its bits are read-only.
    return { at: array + number, number, bits: number === 0 ? ~1n : ~0n };
  }

  /** Writes bits of a word; returns the old word. */
  #write(at: number, value: number, mask: number): number {
    for (;;) {
      const old = load(this.#words, at);
      // guard: file-word-in-one-step
      if (mask === 0 || replace(this.#words, at, old, (old & ~mask) | (value & mask))) return old;
    }
  }
}
