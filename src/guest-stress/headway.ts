import { BoardVcpu } from '../boot/board-vcpu.ts';
import type { GuestBoard } from '../boot/guest-board.ts';

/** Of all vCPUs: a kernel is at its init after 260 to 360 million. */
const MOST_BOOT = 5e9;
/** Longer than a vCPU that was not rung may sleep before that is a finding of its own, ms. */
const ASLEEP_MS = 10_000;

/** Notices that a guest will never get to its init. Made on the main thread before the guest runs, and asked there. */
export class Headway {
  readonly #board: GuestBoard;
  readonly #vcpus: readonly BoardVcpu[];
  #awakeAt = performance.now();

  constructor(board: GuestBoard) {
    this.#board = board;
    this.#vcpus = Array.from({ length: board.plan.vcpus }, (_, vcpu) => new BoardVcpu(board, vcpu));
  }

  /** Why there is none, as the end of a sentence; `undefined` while there may be some. To be asked again and again. */
  lost(): string | undefined {
    const now = performance.now();
    if (!this.#board.isAsleep) this.#awakeAt = now;
    if (now - this.#awakeAt > ASLEEP_MS) return 'every vCPU sleeps, no timer is set and no device works';
    const ran = this.#vcpus.reduce((sum, { instructions }) => sum + instructions, 0);
    return ran > MOST_BOOT ? `it has run ${ran} instructions` : undefined;
  }
}
