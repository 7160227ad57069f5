import { BoardVcpu } from '../boot/board-vcpu.ts';
import type { GuestBoard } from '../boot/guest-board.ts';

/** Instructions of all vCPUs together: a kernel is at its init after 260 to 360 million. */
const MOST_BOOT = 5e9;
/** Longer than the time after which a vCPU that sleeps beside a signalled interrupt is a finding of its own, ms. */
const ASLEEP_MS = 10_000;

/** Detects a guest that will never get to its init. Made before the guest runs; the main thread only. */
export class Headway {
  readonly #board: GuestBoard;
  readonly #vcpus: readonly BoardVcpu[];
  #awakeAt = performance.now();

  constructor(board: GuestBoard) {
    this.#board = board;
    this.#vcpus = Array.from({ length: board.plan.vcpus }, (_, vcpu) => new BoardVcpu(board, vcpu));
  }

  /** The reason, as the end of a sentence; `undefined` while the guest may still get there. Call periodically. */
  lost(): string | undefined {
    const now = performance.now();
    if (!this.#board.isAsleep) this.#awakeAt = now;
    if (now - this.#awakeAt > ASLEEP_MS) return 'every vCPU sleeps, no timer is set and no device works';
    const ran = this.#vcpus.reduce((sum, { instructions }) => sum + instructions, 0);
    return ran > MOST_BOOT ? `it has run ${ran} instructions` : undefined;
  }
}
