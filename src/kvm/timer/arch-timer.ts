import type { Intid, VcpuId } from '../../arch/intid.ts';
import type { Interrupts } from '../../gic/interrupts.ts';
import { ACTIVE, LINE, MAPPED } from '../../gic/state.ts';
import { encode } from '../../gic/system-registers.ts';
import type { Mutex } from '../../memory/mutex.ts';
import { load, setBits, store, type Words } from '../../memory/word.ts';
import { KvmError } from '../kvm-error.ts';
import { GenericTimer, ISTATUS, NEVER, type TimerState } from './generic-timer.ts';
import {
  loadLong,
  PHYSICAL,
  storeLong,
  type TimerKind,
  type TimerSettings,
  VIRTUAL,
} from './timer-settings.ts';

const CNTV_CTL = encode(3, 3, 14, 3, 1);
const CNTP_CTL = encode(3, 3, 14, 2, 1);

// Words of a vCPU: flags; the PPIs that each timer owns, as bits; control and comparator of each timer.
const FLAGS = 0;
const OWNED = 1;
const REGISTERS = 3;
const REGISTER_WORDS = 3;

/** The vCPU has run: its timers have their PPIs. */
const ENABLED = 1;
/** The vCPU is in its guest. */
const LOADED = 2;
// At the entry of the guest: the interrupt of the virtual timer was active; its line was high.
const WAS_ACTIVE = 4;
const WAS_HIGH = 8;

export type ArchTimerParts = {
  readonly at: number;
  /** Orders the vCPU's thread with the thread on which a timer expires, as KVM's hrtimer_cancel does. */
  readonly lock: Mutex;
  readonly settings: TimerSettings;
  readonly interrupts: Interrupts;
  readonly vcpu: VcpuId;
  /** The host's counter, ticks. */
  readonly now: () => number;
};

/**
 * KVM's in-kernel timers of one vCPU, virtual and physical. Each drives the wire of a PPI: high while its timer is enabled, not masked,
 * and due.
 *
 * The vCPU's thread drives a wire when it enters its guest, and when its guest writes a register. Between these moments a timer expires:
 * {@link expire}, on any other thread. The lock keeps a level that is about to fall from overwriting one that has just risen.
 *
 * The virtual timer is the guest's own in hardware, so its interrupt is HW-mapped (MAPPED): the active state of the physical
 * interrupt follows the guest's, so one ACTIVE bit stands for both, and the level is sampled when the guest leaves. The physical timer is
 * emulated, as on a host without VHE. One difference from KVM: a guest that masks its virtual timer before it takes the interrupt gets
 * none, where KVM may deliver one until the vCPU next leaves its guest.
 * @see arch_timer.c: kvm_timer_vcpu_load, timer_emulate, kvm_timer_update_irq; kvm_vgic_map_phys_irq in vgic.c
 */
export class ArchTimer {
  readonly #words: Words;
  readonly #parts: ArchTimerParts;
  readonly #virtual: TimerState;
  readonly #physical: TimerState;
  readonly #timer: GenericTimer;

  constructor(words: Words, parts: ArchTimerParts) {
    this.#words = words;
    this.#parts = parts;
    this.#virtual = stateIn(words, parts.at + REGISTERS);
    this.#physical = stateIn(words, parts.at + REGISTERS + REGISTER_WORDS);
    this.#timer = new GenericTimer({
      virtual: this.#virtual,
      physical: this.#physical,
      count: (timer) => this.count(timer === this.#virtual ? VIRTUAL : PHYSICAL),
    });
  }

  // ---- the guest's registers

  /** The guest reads a register. Undefined if the encoding names no timer register. The vCPU's thread. */
  read(encoding: number): bigint | undefined {
    // KVM computes ISTATUS of the emulated timer even while it is off.
    if (encoding === CNTP_CTL)
      return this.control(PHYSICAL) | (this.compare(PHYSICAL) <= this.count(PHYSICAL) ? BigInt(ISTATUS) : 0n);
    return this.#timer.read(encoding);
  }

  /** The guest writes a register. False if the encoding names no writable timer register. The vCPU's thread. */
  write(encoding: number, value: bigint): boolean {
    return this.#locked(() => {
      if (encoding === CNTP_CTL) this.setControl(PHYSICAL, value);
      else if (!this.#timer.write(encoding, value)) return false;
      this.#driveBoth();
      return true;
    });
  }

  // ---- userland's registers

  /** The control register as KVM keeps it: the virtual timer's with the ISTATUS of the last exit, the physical one's without. */
  control(kind: TimerKind): bigint {
    return this.#of(kind).control;
  }

  setControl(kind: TimerKind, value: bigint): void {
    this.#of(kind).control = BigInt.asUintN(32, value) & ~BigInt(ISTATUS);
  }

  compare(kind: TimerKind): bigint {
    return this.#of(kind).compare;
  }

  setCompare(kind: TimerKind, value: bigint): void {
    this.#of(kind).compare = BigInt.asUintN(64, value);
  }

  /** What a timer's counter shows when the host's counter is at `now`. */
  count(kind: TimerKind, now = this.#parts.now()): bigint {
    return BigInt.asUintN(64, BigInt(now) - this.#parts.settings.offset(kind));
  }

  /** Whether a timer owns this PPI, so that userland may not drive it. */
  isOwner(ppi: Intid): boolean {
    const owned = load(this.#words, this.#parts.at + OWNED) | load(this.#words, this.#parts.at + OWNED + 1);
    return (owned & (1 << ppi)) !== 0;
  }

  // ---- entry, exit, expiry

  /**
   * The first KVM_RUN of the vCPU: gives each timer its PPI, and maps the virtual timer's.
   * @throws KvmError EINVAL where both timers have the same PPI, or had it at an earlier try
   * @see kvm_timer_enable
   */
  enable(): void {
    if ((this.#flags & ENABLED) !== 0) return;
    const { settings, interrupts } = this.#parts;
    for (const kind of [PHYSICAL, VIRTUAL] as const) {
      const bit = 1 << settings.ppi(kind);
      if ((load(this.#words, this.#parts.at + OWNED + 1 - kind) & bit) !== 0)
        throw new KvmError(
          'KVM_RUN',
          'EINVAL',
          `PPI ${settings.ppi(kind)} belongs to the other timer of vCPU ${this.#parts.vcpu}: give each timer its own`,
        );
      setBits(this.#words, this.#parts.at + OWNED + kind, bit);
    }
    settings.settle();
    interrupts.amend(this.#wire(VIRTUAL), 0, MAPPED);
    this.#flags = ENABLED;
  }

  /** The entry of KVM_RUN. No effect before {@link enable}: without an interrupt controller there is no line. The vCPU's thread. */
  load(): void {
    if ((this.#flags & ENABLED) === 0) return;
    this.#locked(() => {
      this.#virtual.control &= 3n;
      // guard: entry-samples-timers
      this.#driveBoth();
      const { interrupts } = this.#parts;
      const state = interrupts.state(this.#wire(VIRTUAL));
      const active = (state & ACTIVE) !== 0 ? WAS_ACTIVE : 0;
      const high = (state & LINE) !== 0 ? WAS_HIGH : 0;
      this.#flags = ENABLED | LOADED | active | high;
    });
  }

  /**
   * The exit of KVM_RUN. The line of the virtual timer is sampled, unless its interrupt is active: then the list register took the level
   * at the acknowledge, or left the line as it was at the entry. No effect outside the guest. The vCPU's thread.
   */
  put(): void {
    const flags = this.#flags;
    if ((flags & LOADED) === 0) return;
    this.#locked(() => {
      this.#flags = ENABLED;
      // KVM saves the register of hardware as it reads then, ISTATUS with it.
      this.#virtual.control = this.#timer.read(CNTV_CTL) ?? 0n;
      const isActive = (this.#parts.interrupts.state(this.#wire(VIRTUAL)) & ACTIVE) !== 0;
      const stays = (flags & (WAS_ACTIVE | WAS_HIGH)) === (WAS_ACTIVE | WAS_HIGH);
      this.#drive(VIRTUAL, isActive ? stays : this.#left(VIRTUAL, this.#parts.now()) === 0);
    });
  }

  /**
   * The host's timer interrupt: raises the lines of timers that are due; outside the guest, rings the vCPU, which may sleep in WFI and
   * samples its timers when it enters. Any thread.
   * @returns ticks until the next timer is due, or Infinity
   */
  expire(): number {
    if ((this.#flags & ENABLED) === 0) return NEVER;
    return this.#locked(() => {
      const { interrupts, vcpu } = this.#parts;
      const now = this.#parts.now();
      let next = NEVER;
      for (const kind of [VIRTUAL, PHYSICAL] as const) {
        const left = this.#left(kind, now);
        if (left > 0) next = Math.min(next, left);
        else if ((this.#flags & LOADED) !== 0) {
          // guard: expiry-raises-line
          this.#drive(kind, true);
        } else {
          // guard: expiry-wakes-vcpu
          interrupts.ring(vcpu);
        }
      }
      return next;
    });
  }

  /** Ticks until a timer is due, 0 if it is; Infinity if it is off or masked. */
  #left(kind: TimerKind, now: number): number {
    const timer = this.#of(kind);
    if (!GenericTimer.canAssert(timer)) return NEVER;
    const left = timer.compare - this.count(kind, now);
    return left > 0n ? Number(left) : 0;
  }

  #driveBoth(): void {
    const now = this.#parts.now();
    for (const kind of [PHYSICAL, VIRTUAL] as const) this.#drive(kind, this.#left(kind, now) === 0);
  }

  #drive(kind: TimerKind, level: boolean): void {
    this.#parts.interrupts.drive(this.#wire(kind), this.#parts.settings.ppi(kind), level);
  }

  #wire(kind: TimerKind): number {
    return this.#parts.interrupts.find(this.#parts.vcpu, this.#parts.settings.ppi(kind));
  }

  #of(kind: TimerKind): TimerState {
    return kind === VIRTUAL ? this.#virtual : this.#physical;
  }

  get #flags(): number {
    return load(this.#words, this.#parts.at + FLAGS);
  }

  set #flags(value: number) {
    store(this.#words, this.#parts.at + FLAGS, value);
  }

  #locked<T>(act: () => T): T {
    const { lock } = this.#parts;
    // guard: level-changes-under-lock
    lock.lock();
    try {
      return act();
    } finally {
      lock.unlock();
    }
  }
}

function stateIn(words: Words, at: number): TimerState {
  return {
    get control() {
      return BigInt(load(words, at) >>> 0);
    },
    set control(value) {
      store(words, at, Number(BigInt.asIntN(32, value)));
    },
    get compare() {
      return loadLong(words, at + 1);
    },
    set compare(value) {
      storeLong(words, at + 1, value);
    },
  };
}
