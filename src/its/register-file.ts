import { QUEUE_PAGE_BYTES } from '../arch/tables.ts';
import type { Region } from '../memory/layout.ts';
import { load, store, type Words } from '../memory/word.ts';

const ENABLED = 0;
const REVISION = 1;
const CWRITER = 2;
const CREADR = 3;
const STALLED = 4;
const CBASER = 6;
const BASER = 8;

/** BASER registers in the architecture's map. */
export const BASERS = 8;

export const REGISTER_WORDS = BASER + 2 * BASERS;

/**
 * The values of an ITS's registers, without the rules of access. 64-bit registers are two words, low word first: beside
 * a writer, a reader may see an old and a new half, as on a real bus with 32-bit accesses.
 */
export class RegisterFile {
  readonly #words: Words;
  readonly #at: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#at = region.at;
  }

  get enabled(): boolean {
    return load(this.#words, this.#at + ENABLED) !== 0;
  }

  set enabled(on: boolean) {
    store(this.#words, this.#at + ENABLED, on ? 1 : 0);
  }

  /** The revision of the table format, which userspace chooses through GITS_IIDR. */
  get revision(): number {
    return load(this.#words, this.#at + REVISION);
  }

  set revision(revision: number) {
    store(this.#words, this.#at + REVISION, revision);
  }

  /** Byte offset in the queue, a multiple of 32; so is {@link creadr}. */
  get cwriter(): number {
    return load(this.#words, this.#at + CWRITER);
  }

  set cwriter(offset: number) {
    store(this.#words, this.#at + CWRITER, offset);
  }

  get creadr(): number {
    return load(this.#words, this.#at + CREADR);
  }

  set creadr(offset: number) {
    store(this.#words, this.#at + CREADR, offset);
  }

  get stalled(): boolean {
    return load(this.#words, this.#at + STALLED) !== 0;
  }

  set stalled(on: boolean) {
    store(this.#words, this.#at + STALLED, on ? 1 : 0);
  }

  get cbaser(): bigint {
    return this.#double(CBASER);
  }

  set cbaser(value: bigint) {
    this.#setDouble(CBASER, value);
  }

  /** The halves of CBASER; signed. */
  get cbaserLow(): number {
    return load(this.#words, this.#at + CBASER);
  }

  get cbaserHigh(): number {
    return load(this.#words, this.#at + CBASER + 1);
  }

  /** GITS_BASER`n`. */
  baser(n: number): bigint {
    return this.#double(BASER + 2 * n);
  }

  setBaser(n: number, value: bigint): void {
    this.#setDouble(BASER + 2 * n, value);
  }

  /** Bytes of the command queue. */
  get queueBytes(): number {
    return queueBytesOf(this.cbaserLow);
  }

  #double(word: number): bigint {
    const high = BigInt(load(this.#words, this.#at + word + 1) >>> 0);
    return (high << 32n) | BigInt(load(this.#words, this.#at + word) >>> 0);
  }

  #setDouble(word: number, value: bigint): void {
    store(this.#words, this.#at + word, Number(BigInt.asIntN(32, value)));
    store(this.#words, this.#at + word + 1, Number(BigInt.asIntN(32, value >> 32n)));
  }
}

/** CBASER.Valid, of the upper half: whether the guest has set up a command queue. @param high - signed */
export const isQueueValid = (high: number): boolean => high < 0;

/** Bytes of the command queue, of the lower half of CBASER. */
export const queueBytesOf = (low: number): number => ((low & 0xff) + 1) * QUEUE_PAGE_BYTES;

/** Guest-physical address of the command queue: CBASER[51:12]. */
export const queueBaseOf = (high: number, low: number): number =>
  (high & 0xf_ffff) * 2 ** 32 + ((low & ~0xfff) >>> 0);
