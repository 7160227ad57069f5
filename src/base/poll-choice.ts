/**
 * Length of a trial each way, ns. Two threads that mostly sleep may share a core until the scheduler separates them.
 */
const TRIAL_NS = { polling: 40e6, sleeping: 10e6 };
/** The last part of a trial, whose work counts, ns. */
const COUNTED_NS = 6e6;
/** Time between two trials, ns: at first, and at most, after trials without a change. */
const FIRST_NS = 100e6;
const LONGEST_NS = 1600e6;
/** How much more work the other way must do to replace the current way. */
const BETTER = 1.1;
/** Less work than this in the counted part means nothing. */
const LEAST_WORK = 8;
/** In a row of long waits, one wait in so many polls. */
const LONG_WAITS = 8;

/**
 * Decides whether a waiting thread polls or sleeps at once: the way in which the thread gets more work done.
 *
 * If every thread has a free core, polling saves a wake-up by the kernel, tens of microseconds. If threads share cores,
 * a polling thread keeps the thread that it waits for from running. The numbers of cores and threads do not tell: other
 * processes run too, threads sleep, and the scheduler may put two sleepy threads on one core. So the choice measures
 * the work done both ways, keeps the better way, and tries the other now and then: in the end for at most 40 ms of 1.6
 * s.
 *
 * A wait much longer than a poll means that there is no work: the next wait sleeps at once. A busy moment of the host
 * costs that moment only.
 * One thread's own.
 */
export class PollChoice {
  readonly #mostNs: number;
  #polls: boolean;
  #isTrial = false;
  #isCounting = false;
  #longWaits = 0;
  #end = 0;
  #keepNs = FIRST_NS;
  /** Work per ns of the current way, at the last count. */
  #kept = 0;
  #countedFrom = 0;
  #workBefore = 0;

  /**
   * @param mostNs - length of a poll, ns; 0: never poll
   * @param polls - the initial guess, before the first measurement
   */
  constructor(mostNs: number, polls = true) {
    this.#mostNs = mostNs;
    this.#polls = polls;
  }

  /** How long the next wait polls before it sleeps, ns: 0 or the length of a poll. */
  get pollNs(): number {
    return this.#polls && this.#longWaits % LONG_WAITS === 0 ? this.#mostNs : 0;
  }

  /**
   * Call after each wait.
   * @param now - ns
   * @param waitedNs - length of the wait
   * @param work - the thread's work so far, in units of its own
   */
  waited(now: number, waitedNs: number, work: number): void {
    if (this.#mostNs === 0) return;
    this.#longWaits = waitedNs > 2 * this.#mostNs ? this.#longWaits + 1 : 0;
    if (!this.#isCounting) {
      if (this.#end === 0) this.#end = now + FIRST_NS;
      if (now < this.#end - COUNTED_NS) return;
      this.#isCounting = true;
      this.#countedFrom = now;
      this.#workBefore = work;
    } else if (now >= this.#end) {
      this.#judge(now, work - this.#workBefore);
    }
  }

  #judge(now: number, work: number): void {
    this.#isCounting = false;
    const rate = work / (now - this.#countedFrom);
    if (!this.#isTrial) {
      this.#kept = rate;
      const says = work >= LEAST_WORK;
      if (says) this.#polls = !this.#polls;
      this.#isTrial = says;
      this.#end = now + (says ? TRIAL_NS[this.#polls ? 'polling' : 'sleeping'] : this.#keepNs);
      return;
    }
    this.#isTrial = false;
    if (rate > this.#kept * BETTER) {
      this.#keepNs = FIRST_NS;
    } else {
      this.#polls = !this.#polls;
      this.#keepNs = Math.min(2 * this.#keepNs, LONGEST_NS);
    }
    this.#end = now + this.#keepNs;
  }
}
