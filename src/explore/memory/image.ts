import { sameBytes, setBytes } from './raw-bytes.ts';

const PAGE = 4096;
const ZERO = new Uint8Array(PAGE);
/** The bytes of a buffer at some time; pages of zeros take no memory. */
export class Image {
  readonly #pages: (Uint8Array | undefined)[] = [];

  constructor(bytes: Uint8Array) {
    for (let at = 0; at < bytes.length; at += PAGE) {
      const page = pageOf(bytes, at);
      this.#pages.push(sameBytes(page, zeros(page.length)) ? undefined : new Uint8Array(page));
    }
  }

  /** The first byte, from `from` on, that differs from the image; -1 for none. */
  difference(bytes: Uint8Array, from = 0): number {
    for (let p = Math.floor(from / PAGE); p < this.#pages.length; p++) {
      const now = pageOf(bytes, p * PAGE);
      const then = this.#pages[p] ?? zeros(now.length);
      if (sameBytes(now, then)) continue;
      for (let i = Math.max(0, from - p * PAGE); i < now.length; i++)
        if (now[i] !== then[i]) return p * PAGE + i;
    }
    return -1;
  }

  /** A word of four bytes, or a byte, of the image. */
  cell(index: number, size: number): number {
    const at = index * size;
    const page = this.#pages[Math.floor(at / PAGE)];
    if (page === undefined) return 0;
    const from = at % PAGE;
    return size === 1 ? (page[from] as number) : (new Int32Array(page.buffer, from, 1)[0] as number);
  }

  /** Restores the pages that differ. */
  restore(bytes: Uint8Array): void {
    for (const [p, saved] of this.#pages.entries()) {
      const now = pageOf(bytes, p * PAGE);
      const then = saved ?? zeros(now.length);
      if (!sameBytes(now, then)) setBytes(now, then);
    }
  }
}

function pageOf(bytes: Uint8Array, at: number): Uint8Array {
  return new Uint8Array(bytes.buffer, at, Math.min(PAGE, bytes.length - at));
}

function zeros(length: number): Uint8Array {
  return length === PAGE ? ZERO : new Uint8Array(ZERO.buffer, 0, length);
}
