import { Restart } from '../running/restart.ts';

/** Largest memory that every check for unseen writes compares as a whole. */
const COMPARED = 4096;
/** The first checks compare the whole memory; later checks do so within a twentieth of the time. */
const FIRST_LOOKS = 8;
/** Of larger memories, fewer checks. */
const LARGE = 1 << 20;
const FIRST_LOOKS_OF_LARGE = 2;
const LOOK_SHARE = 20;
/** The bytes that can be compared in the least time of a run of a thread's code. */
const BYTES_A_RUN = 8192;

/**
 * When to compare the whole memory, to find unseen writes, made by no operation. Comparing a large memory
 * takes longer than a schedule, so most schedules skip it until the first unseen write is found.
 */
export class UnseenLooks {
  #each = false;
  #looks = 0;
  #credit = 0;

  /** Whether every check compares the whole memory, because an unseen write was found. */
  get each(): boolean {
    return this.#each;
  }

  /** Whether every check compares the whole of a memory of `size` bytes. */
  missNothing(size: number): boolean {
    return size <= COMPARED || this.#each;
  }

  /** Whether to compare the whole memory of `size` bytes now, after a run that has logged so many writes. */
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
   * Records an unseen write.
   * @throws Restart if earlier, unchecked schedules may have met one.
   */
  found(size: number): void {
    if (this.missNothing(size)) return;
    this.#each = true;
    if (this.#looks >= FIRST_LOOKS_OF_LARGE) throw new Restart();
  }
}
