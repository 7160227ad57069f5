/** How long each way is tried, ns. Two threads that sleep a lot may be on one core, and the scheduler takes its time to part them. */
const TRIAL_NS = { polling: 40e6, sleeping: 10e6 };
/** The last part of a trial, in which the work counts, ns. */
const COUNTED_NS = 6e6;
/** How long the better way is kept between two trials: at first, and at most, after trials that changed nothing, ns. */
const FIRST_NS = 100e6;
const LONGEST_NS = 1600e6;
/** How much more work the other way has to do before it is taken. */
const BETTER = 1.1;
/** Less work than that in the part that counts says nothing. */
const LEAST_WORK = 8;
/** Of so many long waits in a row one polls. */
const LONG_WAITS = 8;

/**
 * Whether a thread that waits shall poll or sleep at once: the way in which it gets more done.
 *
 * Where a core is free for each thread, polling saves a wake-up by the kernel, tens of microseconds. Where threads share
 * cores, a thread that polls keeps the very thread from running that it waits for. The number of cores and of threads does
 * not tell (other processes run too, threads sleep, and the scheduler may put two threads that sleep a lot on one core), so
 * the work done is measured both ways: the better one is kept, and the other one tried now and then, in the end for 40 ms of 1.6 s at most.
 *
 * A wait much longer than a poll says that nothing is to be had: the next one sleeps at once. A busy moment of the host
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
  /** Work per ns of the way that is kept, when it was last counted. */
  #kept = 0;
  #countedFrom = 0;
  #workBefore = 0;

  /**
   * @param mostNs - how long a poll may last, ns; 0: none
   * @param polls - what seems to be the better way, before anything was measured
   */
  constructor(mostNs: number, polls = true) {
    this.#mostNs = mostNs;
    this.#polls = polls;
  }

  /** How long the next wait shall poll before it sleeps, ns: 0 or the most. */
  get pollNs(): number {
    return this.#polls && this.#longWaits % LONG_WAITS === 0 ? this.#mostNs : 0;
  }

  /**
   * To be called after each wait.
   * @param now - ns
   * @param waitedNs - how long it took
   * @param work - what the thread has done so far, in units of its own
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
