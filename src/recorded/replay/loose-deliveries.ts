import type { Intid } from '../../arch/intid.ts';

/** The signals of an acknowledge: how many there are, how many have begun, and how many of those are done. */
export type Signals = { readonly signals: number; readonly begun: number; readonly done: number };

/** What a judge has to know of the replay. */
export type LooseView = {
  /** The signals of an acknowledge that were one in the recording and may be several here; none for any other. */
  readonly loose: (acknowledge: number) => Signals;
  /** Whether an interrupt is pending, now. */
  readonly isPending: (intid: Intid) => boolean;
  /** Sleeps until that is so; false if the replay is given up first. */
  readonly wait: (until: () => boolean) => boolean;
};

/**
 * What a delivery was: `apart`, one of several where the recording has one; `last`, after which no other comes, so the
 * one of the recording; `extra`, of no signal.
 */
export type Verdict = 'apart' | 'last' | 'extra';

/**
 * Judges deliveries of signals that were one in the recording, where nothing makes the machine take them together. The
 * rule is that of any interrupt that is latched:
 *
 * - Each delivery is of a signal that has begun and was not done when the acknowledge before it began: one that was done
 *   by then is in that acknowledge, or in an earlier one. And there are no more of them than signals.
 * - Each signal is followed by a delivery: the recorded one is over only when all signals are done, nothing is pending,
 *   and each had begun when the last delivery was acknowledged. Until then the vCPU waits for another, and a signal that
 *   is lost leaves it waiting.
 *
 * For one interrupt on one vCPU, by whose thread it is called: {@link before} ahead of any acknowledge, {@link judge} after
 * one that has returned the interrupt.
 */
export class LooseDeliveries {
  readonly #view: LooseView;
  readonly #intid: Intid;
  /** Of its signals, how many were done before the acknowledge that is being made, and before the last one of it. */
  #doneBefore = 0;
  #doneAtLast = 0;
  #deliveries = 0;

  constructor(view: LooseView, intid: Intid) {
    this.#view = view;
    this.#intid = intid;
  }

  /** Notes which signals of `acknowledge`, the next of the recording, an acknowledge cannot be the first to return. */
  before(acknowledge: number): void {
    this.#doneBefore = this.#view.loose(acknowledge).done;
  }

  judge(acknowledge: number): Verdict {
    const { signals, begun } = this.#view.loose(acknowledge);
    if (this.#deliveries >= begun || this.#doneAtLast >= begun) return 'extra';
    this.#deliveries++;
    this.#doneAtLast = this.#doneBefore;
    // One that has not begun is latched after this acknowledge, and is delivered after it.
    if (begun < signals) return 'apart';
    // Those under way are latched already, or will be; it takes another thread some instructions.
    if (!this.#view.wait(() => this.#view.loose(acknowledge).done === signals)) return 'apart';
    if (this.#view.isPending(this.#intid)) return 'apart';
    this.#deliveries = 0;
    this.#doneAtLast = 0;
    return 'last';
  }
}
