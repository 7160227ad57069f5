/** A thread that reads its own bytes this often, and does nothing else, is taken to wait for another thread's write. */
const MOST_OWN_READS = 100_000;

/** The running thread's reads of its own bytes since its last write or point. */
export class OwnReads {
  /** Reads so far; a write sets this to 0. */
  count = 0;
  #after = -1;

  /** Counts a read after operation number `pos`. @returns true if the thread can only be waiting for a write. */
  isWait(pos: number): boolean {
    if (this.#after !== pos) {
      this.#after = pos;
      this.count = 0;
    }
    return ++this.count > MOST_OWN_READS;
  }
}
