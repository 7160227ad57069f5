import type { Intid } from '../arch/intid.ts';
import { CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTV_CTL_EL0, CNTV_CVAL_EL0 } from '../cpu/core/block.ts';
import type { Core } from '../cpu/index.ts';
import { PHYSICAL_TIMER_PPI, VIRTUAL_TIMER_PPI } from '../platform/memory-map.ts';
import { GenericTimer, type TimerState } from './generic-timer.ts';
import { NEVER } from './guest-clock.ts';

/** The lines have to be driven before anything is known. */
const UNKNOWN = -1;

type VcpuTimersParts = {
  readonly core: Core;
  /** The time in ticks. */
  readonly now: () => number;
  /** Puts the line of a timer's PPI to a level. */
  readonly drive: (ppi: Intid, level: boolean) => void;
};

/** The two timers of one vCPU and their lines into the interrupt controller. The thread that runs the vCPU. */
export class VcpuTimers {
  readonly #parts: VcpuTimersParts;
  readonly #timer: GenericTimer;
  readonly #timers: readonly { readonly ppi: Intid; readonly state: TimerState }[];
  #rise = UNKNOWN;

  constructor(parts: VcpuTimersParts) {
    const virtual = timerState(parts.core, CNTV_CTL_EL0, CNTV_CVAL_EL0);
    const physical = timerState(parts.core, CNTP_CTL_EL0, CNTP_CVAL_EL0);
    this.#parts = parts;
    this.#timer = new GenericTimer({ virtual, physical, now: parts.now });
    this.#timers = [
      { ppi: VIRTUAL_TIMER_PPI, state: virtual },
      { ppi: PHYSICAL_TIMER_PPI, state: physical },
    ];
  }

  /** @returns undefined where the encoding names no register of a timer */
  read(encoding: number): bigint | undefined {
    return this.#timer.read(encoding);
  }

  /** @returns false where the encoding names no register of a timer that can be written */
  write(encoding: number, value: bigint): boolean {
    if (!this.#timer.write(encoding, value)) return false;
    this.#drive(this.#parts.now());
    return true;
  }

  /** The registers are no longer those that were written here: the vCPU was reset, or put back to another moment. */
  forget(): void {
    this.#rise = UNKNOWN;
  }

  /** Brings the lines up to `now`, ticks. */
  keepUp(now: number): void {
    if (now >= this.#rise) this.#drive(now);
  }

  /** When a line goes up that is down now, ticks, or {@link NEVER}: until then no line changes by itself. */
  get rise(): number {
    return this.#rise;
  }

  /** Ticks until a line goes up, or {@link NEVER}. One that is up already, and perhaps masked, bounds nothing. */
  untilRise(now: number): number {
    this.keepUp(now);
    return this.#rise - now;
  }

  #drive(now: number): void {
    this.#rise = NEVER;
    for (const { ppi, state } of this.#timers) {
      this.#parts.drive(ppi, GenericTimer.isAsserted(state, now));
      const deadline = GenericTimer.deadlineOf(state);
      if (deadline > now && deadline < this.#rise) this.#rise = deadline;
    }
  }
}

function timerState(core: Core, control: number, compare: number): TimerState {
  return {
    get control() {
      return core.state(control);
    },
    set control(value) {
      core.setState(control, value);
    },
    get compare() {
      return core.state(compare);
    },
    set compare(value) {
      core.setState(compare, value);
    },
  };
}
