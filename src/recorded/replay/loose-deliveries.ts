import type { Intid } from '../../arch/intid.ts';

/** The signals of an acknowledge: their number, how many have begun, and how many of these are done. */
export type Signals = { readonly signals: number; readonly begun: number; readonly done: number };

/** A judge's view of the replay. */
export type LooseView = {
  /**
   * The signals of an acknowledge that were one in the recording and may be several here; none for other acknowledges.
   */
  readonly loose: (acknowledge: number) => Signals;
  /** Whether an interrupt is pending, now. */
  readonly isPending: (intid: Intid) => boolean;
  /** Sleeps until the condition holds; false if the replay is abandoned first. */
  readonly wait: (until: () => boolean) => boolean;
};

/**
 * The kind of a delivery. `apart`: one of several deliveries for one in the recording. `last`: no other follows, so it
 * is the recorded one. `extra`: of no signal.
 */
export type Verdict = 'apart' | 'last' | 'extra';

/**
 * Judges deliveries of signals that were one in the recording, when nothing makes the machine merge them. The rule
 * follows from the latch of an interrupt:
 *
 * - Each delivery is of a signal that has begun and was not done when the previous acknowledge began: a signal done by
 *   then belongs to that acknowledge or to an earlier one. There are no more deliveries than signals.
 * - A delivery follows each signal. The recorded delivery is over only when all signals are done, nothing is pending,
 *   and every signal had begun when the last delivery was acknowledged. Until then the vCPU waits for another delivery;
 *   a lost signal leaves it waiting.
 *
 * For one interrupt on one vCPU; the vCPU's thread calls {@link before} ahead of any acknowledge, and {@link judge}
 * after an acknowledge that returned the interrupt.
 */
export class LooseDeliveries {
  readonly #view: LooseView;
  readonly #intid: Intid;
  /** Signals done before the current acknowledge, and before the interrupt's last acknowledge. */
  #doneBefore = 0;
  #doneAtLast = 0;
  #deliveries = 0;

  constructor(view: LooseView, intid: Intid) {
    this.#view = view;
    this.#intid = intid;
  }

  /** Call before an acknowledge: notes which signals of `acknowledge`, the next recorded, are done by now. */
  before(acknowledge: number): void {
    this.#doneBefore = this.#view.loose(acknowledge).done;
  }

  judge(acknowledge: number): Verdict {
    const { signals, begun } = this.#view.loose(acknowledge);
    if (this.#deliveries >= begun || this.#doneAtLast >= begun) return 'extra';
    this.#deliveries++;
    this.#doneAtLast = this.#doneBefore;
    // A signal that has not begun is latched, and delivered, after this acknowledge.
    if (begun < signals) return 'apart';
    // Signals under way are latched, or will be within some instructions of another thread.
    if (!this.#view.wait(() => this.#view.loose(acknowledge).done === signals)) return 'apart';
    if (this.#view.isPending(this.#intid)) return 'apart';
    this.#deliveries = 0;
    this.#doneAtLast = 0;
    return 'last';
  }
}
