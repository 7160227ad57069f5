import { Restart } from '../running/restart.ts';

/** Memory up to this size is compared whole each time that unseen writes are looked for. */
const COMPARED = 4096;
/** The first looks for unseen writes compare the whole memory; later ones as often as takes a twentieth of the time. */
const FIRST_LOOKS = 8;
/** Of memory larger than this, fewer. */
const LARGE = 1 << 20;
const FIRST_LOOKS_OF_LARGE = 2;
const LOOK_SHARE = 20;
/** What a run of a thread's code takes at least, and how many bytes are compared in that time. */
const BYTES_A_RUN = 8192;

/**
 * When the whole memory is compared, to find unseen writes: those that no operation made. Comparing a large memory takes
 * longer than a schedule, so most schedules do without, until the first unseen write is found.
 */
export class UnseenLooks {
  #each = false;
  #looks = 0;
  #credit = 0;

  /** An unseen write was found, so that the whole memory is compared each time. */
  get each(): boolean {
    return this.#each;
  }

  /** Whether the whole of a memory of `size` bytes is compared each time. */
  missNothing(size: number): boolean {
    return size <= COMPARED || this.#each;
  }

  /** Whether it is time to compare the whole memory of `size` bytes, after a run that has logged so many writes. */
  isDue(size: number, logged: number): boolean {
    if (this.missNothing(size)) return true;
    if (this.#looks < (size > LARGE ? FIRST_LOOKS_OF_LARGE : FIRST_LOOKS)) {
      this.#looks++;
      return true;
    }
    this.#credit += BYTES_A_RUN + logged * 16;
    if (this.#credit < size * LOOK_SHARE) return false;
    this.#credit = 0;
    return true;
  }

  /**
   * An unseen write was found.
   * @throws Restart where schedules before may have met one, and were not looked at.
   */
  found(size: number): void {
    if (this.missNothing(size)) return;
    this.#each = true;
    if (this.#looks >= FIRST_LOOKS_OF_LARGE) throw new Restart();
  }
}
