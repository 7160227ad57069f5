import type { Intid } from '../arch/intid.ts';
import { CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTV_CTL_EL0, CNTV_CVAL_EL0 } from '../cpu/core/block.ts';
import type { Core } from '../cpu/index.ts';
import { GenericTimer, NEVER, type TimerState } from '../kvm/timer/generic-timer.ts';
import { PHYSICAL_TIMER_PPI, VIRTUAL_TIMER_PPI } from '../platform/memory-map.ts';

/** Value of `rise` before the lines were driven. */
const UNKNOWN = -1;

type VcpuTimersParts = {
  readonly core: Core;
  /** The guest's time, ticks. */
  readonly now: () => number;
  /** Drives the wire of a timer's PPI. */
  readonly drive: (ppi: Intid, level: boolean) => void;
};

/** The two timers of one vCPU, and their wires into the interrupt controller. The thread that runs the vCPU. */
export class VcpuTimers {
  readonly #parts: VcpuTimersParts;
  readonly #timer: GenericTimer;
  readonly #timers: readonly { readonly ppi: Intid; readonly state: TimerState }[];
  #rise = UNKNOWN;

  constructor(parts: VcpuTimersParts) {
    const virtual = timerState(parts.core, CNTV_CTL_EL0, CNTV_CVAL_EL0);
    const physical = timerState(parts.core, CNTP_CTL_EL0, CNTP_CVAL_EL0);
    this.#parts = parts;
    this.#timer = new GenericTimer({ virtual, physical, count: () => BigInt(parts.now()) });
    this.#timers = [
      { ppi: VIRTUAL_TIMER_PPI, state: virtual },
      { ppi: PHYSICAL_TIMER_PPI, state: physical },
    ];
  }

  /** @returns undefined if the encoding names no timer register */
  read(encoding: number): bigint | undefined {
    return this.#timer.read(encoding);
  }

  /** @returns false if the encoding names no writable timer register */
  write(encoding: number, value: bigint): boolean {
    if (!this.#timer.write(encoding, value)) return false;
    this.#drive(this.#parts.now());
    return true;
  }

  /** Call after a reset or a restore of the vCPU, which changes the registers. */
  forget(): void {
    this.#rise = UNKNOWN;
  }

  /** Drives the lines to their level at `now`, ticks. */
  keepUp(now: number): void {
    if (now >= this.#rise) this.#drive(now);
  }

  /** When the next deasserted line rises, ticks, or {@link NEVER}. Until then no line changes without a register write. */
  get rise(): number {
    return this.#rise;
  }

  /** Ticks until a deasserted line rises, or {@link NEVER}. An asserted line, perhaps masked at the GIC, is no bound. */
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
