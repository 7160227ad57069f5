/** A thread that reads its own bytes so often, and does nothing else, is taken to wait for another to write them. */
const MOST_OWN_READS = 100_000;

/** Reads of bytes of its own that the running thread has made since its last write or point. */
export class OwnReads {
  /** Reads so far; a write sets this to 0. */
  count = 0;
  #after = -1;

  /** Counts a read behind operation number `pos`. @returns true where the thread can only be waiting for a write. */
  isWait(pos: number): boolean {
    if (this.#after !== pos) {
      this.#after = pos;
      this.count = 0;
    }
    return ++this.count > MOST_OWN_READS;
  }
}
