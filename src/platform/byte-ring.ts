import { LINE, type Region } from '../memory/layout.ts';
import { load, peek, store, type Words } from '../memory/word.ts';

// Cache line 0: written by the producer. Line 1: by the consumer. The bytes follow, four to a word.
const HEAD = 0;
const TAIL = LINE;
const BYTES = 2 * LINE;

/** Words of a ring for `bytes` bytes, a power of two from 4 on. */
export function byteRingWords(bytes: number): number {
  return BYTES + bytes / 4;
}

/**
 * A queue of bytes between one producer and one consumer, each a thread at a time.
 * Words: `head` counts bytes put, `tail` bytes taken, both modulo 2^32; the bytes lie behind them.
 * Producer: writes the bytes, then stores head. Consumer: loads head, reads the bytes, then stores tail.
 * A stale head shows the consumer fewer bytes, a stale tail shows the producer less room: both check again later.
 */
export class ByteRing {
  readonly #words: Words;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  readonly #at: number;
  readonly #mask: number;

  constructor(words: Words, region: Region) {
    const capacity = (region.words - BYTES) * 4;
    this.#words = words;
    this.#at = region.at;
    this.#bytes = new Uint8Array(words.buffer, words.byteOffset + (region.at + BYTES) * 4, capacity);
    this.#mask = capacity - 1;
  }

  get capacity(): number {
    return this.#bytes.length;
  }

  /** Bytes in the ring. Any thread. */
  get length(): number {
    return (load(this.#words, this.#at + HEAD) - load(this.#words, this.#at + TAIL)) >>> 0;
  }

  get isFull(): boolean {
    return this.length >= this.capacity;
  }

  /** Puts a byte; false if the ring is full. The producer. */
  put(byte: number): boolean {
    const head = peek(this.#words, this.#at + HEAD);
    if ((head - load(this.#words, this.#at + TAIL)) >>> 0 >= this.capacity) return false;
    this.#bytes[head & this.#mask] = byte;
    store(this.#words, this.#at + HEAD, (head + 1) | 0);
    return true;
  }

  /** Takes a byte, or -1. The consumer. */
  take(): number {
    const tail = peek(this.#words, this.#at + TAIL);
    if (load(this.#words, this.#at + HEAD) === tail) return -1;
    const byte = this.#bytes[tail & this.#mask] ?? 0;
    store(this.#words, this.#at + TAIL, (tail + 1) | 0);
    return byte;
  }

  /** Takes all bytes. The consumer. */
  takeAll(): Uint8Array {
    const tail = peek(this.#words, this.#at + TAIL);
    const count = (load(this.#words, this.#at + HEAD) - tail) >>> 0;
    const taken = new Uint8Array(count);
    for (let index = 0; index < count; index++) taken[index] = this.#bytes[(tail + index) & this.#mask] ?? 0;
    if (count > 0) store(this.#words, this.#at + TAIL, (tail + count) | 0);
    return taken;
  }
}
