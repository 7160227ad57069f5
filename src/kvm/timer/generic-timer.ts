import { encode } from '../../gic/system-registers.ts';

/** CNTFRQ_EL0, as on QEMU's `virt`: a tick is 16 ns. */
export const TICKS_PER_SECOND = 62_500_000;
export const NS_PER_TICK = 16;
/** No deadline. */
export const NEVER = Number.POSITIVE_INFINITY;

const CNTFRQ = encode(3, 3, 14, 0, 0);
const CNTPCT = encode(3, 3, 14, 0, 1);
const CNTVCT = encode(3, 3, 14, 0, 2);
const CRM_PHYSICAL = 2;
const CRM_VIRTUAL = 3;
const TVAL = 0;
const CTL = 1;
const CVAL = 2;

const ENABLE = 1;
const IMASK = 2;
export const ISTATUS = 4;

/** The two registers of one timer. */
export type TimerState = { control: bigint; compare: bigint };

/** The state and the clock of a vCPU's timers. */
type TimerParts = {
  readonly physical: TimerState;
  readonly virtual: TimerState;
  /** The count of a timer's counter, ticks. */
  readonly count: (timer: TimerState) => bigint;
};

/**
 * The generic timers of one vCPU, EL1 physical and virtual. The vCPU's thread only.
 * @see Arm ARM DDI 0487, D12 "The Generic Timer in AArch64 state"
 */
export class GenericTimer {
  readonly #parts: TimerParts;

  constructor(parts: TimerParts) {
    this.#parts = parts;
  }

  read(encoding: number): bigint | undefined {
    if (encoding === CNTVCT) return this.#parts.count(this.#parts.virtual);
    if (encoding === CNTPCT) return this.#parts.count(this.#parts.physical);
    if (encoding === CNTFRQ) return BigInt(TICKS_PER_SECOND);
    const timer = this.#timerOf(encoding);
    if (!timer) return undefined;
    const register = encoding & 7;
    if (register === CVAL) return timer.compare;
    const now = this.#parts.count(timer);
    if (register === TVAL) return BigInt.asUintN(32, timer.compare - now);
    return (timer.control & 3n) | (timer.compare <= now && isEnabled(timer) ? BigInt(ISTATUS) : 0n);
  }

  write(encoding: number, value: bigint): boolean {
    const timer = this.#timerOf(encoding);
    if (!timer) return false;
    const register = encoding & 7;
    if (register === CVAL) timer.compare = value;
    else if (register === CTL) timer.control = value & 3n;
    else timer.compare = BigInt.asUintN(64, this.#parts.count(timer) + BigInt.asIntN(32, value));
    return true;
  }

  /** Whether a timer's interrupt line is asserted at `now`, ticks. */
  static isAsserted(timer: TimerState, now: number | bigint): boolean {
    return GenericTimer.canAssert(timer) && timer.compare <= BigInt(now);
  }

  /** Whether a timer asserts its interrupt line when its time comes: enabled, and not masked. */
  static canAssert(timer: TimerState): boolean {
    return isEnabled(timer) && (timer.control & BigInt(IMASK)) === 0n;
  }

  /** When a timer asserts its interrupt line, ticks, or {@link NEVER}. */
  static deadlineOf(timer: TimerState): number {
    return GenericTimer.canAssert(timer) && timer.compare < 2n ** 53n ? Number(timer.compare) : NEVER;
  }

  #timerOf(encoding: number): TimerState | undefined {
    if ((encoding & ~0x3f) !== (CNTFRQ & ~0x3f) || (encoding & 7) > CVAL) return undefined;
    const crm = (encoding >>> 3) & 0xf;
    // CNTFRQ_EL0 and the read-only counters have CRm 0.
    if (crm === CRM_VIRTUAL) return this.#parts.virtual;
    return crm === CRM_PHYSICAL ? this.#parts.physical : undefined;
  }
}

function isEnabled(timer: TimerState): boolean {
  return (timer.control & BigInt(ENABLE)) !== 0n;
}
