import { SPURIOUS, type VcpuId } from '../arch/intid.ts';
import type { AccessBytes } from '../board/guest-bus.ts';
import { Machine } from '../board/machine.ts';
import type { VcpuControl } from '../board/vcpu-control.ts';
import { INSTRUCTIONS } from '../cpu/core/block.ts';
import { Core, type CoreOptions, type ExitReason } from '../cpu/index.ts';
import { affinityOf } from '../gic/affinity.ts';
import type { CpuInterface } from '../gic/cpu-interface.ts';
import { encode, type SystemRegisters } from '../gic/system-registers.ts';
import { NEVER } from '../kvm/timer/generic-timer.ts';
import { RAM_BASE } from '../platform/memory-map.ts';
import type { GuestBoard } from './guest-board.ts';
import { isMachineFrame } from './machine-frames.ts';
import { semihosting } from './semihosting.ts';
import { VcpuTimers } from './vcpu-timers.ts';

const ICC_IAR0 = encode(3, 0, 12, 8, 0);
const ICC_IAR1 = encode(3, 0, 12, 12, 0);
const ICC_EOIR0 = encode(3, 0, 12, 8, 1);
const ICC_EOIR1 = encode(3, 0, 12, 12, 1);
const ICC_DIR = encode(3, 0, 12, 11, 1);
const ISR_EL1 = encode(3, 0, 12, 1, 0);

/** A vCPU whose every instruction is an exception is stuck after so many instructions. */
const STUCK_AFTER = 1_000_000;

/** Why a slice ended: all instructions ran; the vCPU waits for an interrupt; spins; is off; the run has ended; a breakpoint. */
export type SliceEnd = 'ran' | 'idle' | 'spin' | 'off' | 'ended' | 'break';

/**
 * Intercepts every access of a vCPU to a register outside its core, and decides whether the access reaches the machine. Called in the
 * vCPU's thread, within the instruction; may call `core.stop()`.
 */
export type AccessWatch = {
  /** @param through - performs the read on the machine */
  read(
    vcpu: BoardVcpu,
    address: number,
    bytes: AccessBytes,
    through: () => bigint | undefined,
  ): bigint | undefined;
  write(vcpu: BoardVcpu, address: number, bytes: AccessBytes, value: bigint, through: () => boolean): boolean;
  /** Called after a read or write of a GIC CPU interface register. */
  register(vcpu: BoardVcpu, encoding: number, value: bigint, writes: boolean): void;
};

/** The state of a vCPU outside the shared memory. */
export type VcpuState = { readonly suspended: boolean; readonly inVain: number };

/** One vCPU of a board: its core, its timers and its CPU interface. One thread at a time. */
export class BoardVcpu {
  readonly id: VcpuId;
  readonly core: Core;
  readonly cpu: CpuInterface;
  readonly control: VcpuControl;
  #options: CoreOptions = {};
  readonly #board: GuestBoard;
  readonly #timers: VcpuTimers;
  readonly #registers: SystemRegisters;
  /** Whether the vCPU waits in a WFI or a CPU_SUSPEND. */
  #suspended = false;
  /** Instructions since the last one that was no exception. */
  #inVain = 0;
  /** Whether the last slice accessed state outside its core: more than the vCPU's registers and memory may have changed. */
  hasActed = false;
  /** Undefined: all accesses reach the machine. */
  watch: AccessWatch | undefined;

  /** @param beside - each vCPU runs in a thread of its own (true), or one thread runs all in turns (false) */
  constructor(board: GuestBoard, vcpu: VcpuId, beside = false) {
    const { machine, regions, memory, plan } = board;
    const own = regions.vcpus[vcpu];
    const registers = machine.gic.systemRegisters[vcpu];
    const [ram] = machine.config.memory;
    if (!own || !registers || !ram) throw new RangeError(`there is no vCPU ${vcpu}`);
    this.id = vcpu;
    this.cpu = machine.gic.cpuInterface(vcpu);
    this.control = machine.control(vcpu);
    this.#board = board;
    this.#registers = registers;
    const counter = board.clock.counterOf(vcpu);
    this.core = new Core({
      memory,
      at: own.block.at * 4,
      ramAt: Machine.ramAt(machine.config),
      ramBase: RAM_BASE,
      ramSize: ram.bytes,
      lockAt: regions.lock.at * 4,
      ...(counter ? { counter } : {}),
      ...(beside
        ? { beside: { at: regions.tlbs.at * 4, index: vcpu, count: plan.vcpus, endAt: regions.end.at * 4 } }
        : {}),
      ...(plan.pages > 0 ? { dirtyPagesAt: regions.dirtyPages.at * 4, watchAt: regions.watch.at * 4 } : {}),
      bus: {
        read: (address, bytes) => this.#settled(this.#read(address, bytes)),
        write: (address, bytes, value) => this.#settled(this.#write(address, bytes, value)),
      },
      systemRegisters: {
        read: (encoding) => this.#settled(this.#readRegister(encoding)),
        write: (encoding, value) => this.#settled(this.#writeRegister(encoding, value)),
      },
      hypercall: () => this.#hypercall(),
    });
    this.options = { semihosting: plan.semihosting, storeBuffer: plan.memoryModel === 'arm' };
    this.#timers = new VcpuTimers({
      core: this.core,
      now: () => this.now(),
      drive: (ppi, level) => machine.gic.wires.drive(ppi, level, vcpu),
    });
  }

  /** Conditions that end a slice of the core. A reset of the core does not clear them here. */
  get options(): CoreOptions {
    return this.#options;
  }

  set options(options: CoreOptions) {
    this.#options = options;
    this.core.options = options;
  }

  /** For snapshots, with the vCPU's block. */
  get state(): VcpuState {
    return { suspended: this.#suspended, inVain: this.#inVain };
  }

  set state({ suspended, inVain }: VcpuState) {
    this.#suspended = suspended;
    this.#inVain = inVain;
    this.#timers.forget();
  }

  /** Instructions run so far. */
  get instructions(): number {
    return this.core.instructionCount;
  }

  /** The guest's time, ticks. */
  now(): number {
    return this.#board.clock.nowOf(this.id, this.instructions);
  }

  /** The next time at which a deasserted timer line rises, ticks, as of the last {@link readiness}. */
  get nextRise(): number {
    return this.#timers.rise;
  }

  /** Whether this vCPU can run: after driving its timers' lines. */
  get readiness(): 'ready' | 'idle' | 'off' {
    return this.readinessAt(this.now());
  }

  /** {@link readiness} at a known time, ticks. */
  readinessAt(now: number): 'ready' | 'idle' | 'off' {
    const { psci } = this.#board;
    if (!psci.isOn(this.id)) return psci.isPending(this.id) ? 'ready' : 'off';
    this.#timers.keepUp(now);
    return this.#suspended && !this.cpu.signalled ? 'idle' : 'ready';
  }

  /**
   * Runs up to `instructions`; ends early when a timer is due.
   * @param spins - how many WFE and YIELD the vCPU passes before the next ends the slice
   * @param now - the time, ticks
   */
  slice(instructions: number, spins = 0, now = this.now()): SliceEnd {
    const readiness = this.readinessAt(now);
    if (readiness !== 'ready') return readiness;
    this.startIfPending();
    const { psci, clock, end } = this.#board;
    const { core } = this;
    this.#suspended = false;
    this.hasActed = false;
    core.setIrq(this.cpu.irq);
    core.spins = spins;
    const most = clock.isVirtual ? this.#timers.untilRise(now) : NEVER;
    const reason = core.run(Math.max(1, Math.min(instructions, most)));
    // Only a call out of its core turns a vCPU off or ends the run.
    const ended = !this.hasActed
      ? this.#ended(reason)
      : end.hasCome
        ? 'ended'
        : psci.isOn(this.id)
          ? this.#ended(reason)
          : 'off';
    if (ended === 'idle' || ended === 'off') core.drainAll();
    return ended;
  }

  /**
   * Whether this vCPU makes no progress because every instruction takes an exception: its vectors are broken. Call it after each slice
   * with the slice's instructions and exceptions.
   */
  isStuck(instructions: number, exceptions: number): boolean {
    this.#inVain = exceptions > 0 && exceptions >= instructions ? this.#inVain + instructions : 0;
    return this.#inVain >= STUCK_AFTER;
  }

  #ended(reason: ExitReason): SliceEnd {
    switch (reason) {
      case 'wfi':
        this.#suspended = true;
        return 'idle';
      case 'wfe':
      case 'yield':
        return 'spin';
      case 'break':
        return 'break';
      case 'semihosting':
        // The host reads the guest's memory.
        this.core.drainAll();
        this.hasActed = true;
        semihosting(this.#board, this.core, this.id);
        return this.#board.end.hasCome ? 'ended' : 'ran';
      case 'stop':
        return this.#suspended ? 'idle' : 'ran';
      default:
        return 'ran';
    }
  }

  /** Starts a vCPU that CPU_ON has turned on, at its first instruction. No effect on other vCPUs. */
  startIfPending(): void {
    const { psci, clock } = this.#board;
    if (!psci.isPending(this.id)) return;
    const ran = this.core.instructions;
    const { pc, x0 } = psci.start(this.id);
    // Keeps the instruction count, from which virtual time is computed.
    this.core.reset({ pc, x0, affinity: affinityOf(this.id) });
    this.core.setState(INSTRUCTIONS, ran);
    this.core.options = this.options;
    this.#timers.forget();
    clock.catchUp(this.id, this.instructions, clock.now());
  }

  /** Ticks until a deasserted timer line rises. An asserted line, perhaps masked at the GIC, is no bound. */
  untilTimer(): number {
    return this.#timers.untilRise(this.now());
  }

  /** Updates the interrupt line into the core after an access, which may have changed it. */
  #settled<T>(value: T): T {
    this.hasActed = true;
    this.core.setIrq(this.cpu.irq);
    return value;
  }

  #read(address: number, bytes: AccessBytes): bigint | undefined {
    if (this.watch) return this.watch.read(this, address, bytes, () => this.#readThrough(address, bytes));
    return this.#readThrough(address, bytes);
  }

  #write(address: number, bytes: AccessBytes, value: bigint): boolean {
    if (this.watch)
      return this.watch.write(this, address, bytes, value, () => this.#writeThrough(address, bytes, value));
    return this.#writeThrough(address, bytes, value);
  }

  #readThrough(address: number, bytes: AccessBytes): bigint | undefined {
    const { machine, platform } = this.#board;
    if (isMachineFrame(machine.config, address)) return machine.bus.read(address, bytes);
    return platform.read(address, bytes, this.id);
  }

  #writeThrough(address: number, bytes: AccessBytes, value: bigint): boolean {
    const { machine, platform } = this.#board;
    if (!isMachineFrame(machine.config, address)) return platform.write(address, bytes, value, this.id);
    machine.bus.write(address, bytes, value);
    return true;
  }

  #readRegister(encoding: number): bigint | undefined {
    const timer = this.#timers.read(encoding);
    if (timer !== undefined) return timer;
    if (encoding === ISR_EL1) return this.cpu.irq ? 0x80n : this.cpu.fiq ? 0x40n : 0n;
    const value = this.#registers.readSystemRegister(encoding);
    if (
      value !== undefined &&
      (encoding === ICC_IAR1 || encoding === ICC_IAR0) &&
      value !== BigInt(SPURIOUS)
    ) {
      this.control.countTaken();
      this.#board.taken.count(this.id, Number(value));
    }
    if (value !== undefined) this.watch?.register(this, encoding, value, false);
    return value;
  }

  #writeRegister(encoding: number, value: bigint): boolean {
    if (this.#timers.write(encoding, value)) return true;
    if (!this.#registers.writeSystemRegister(encoding, value)) return false;
    this.watch?.register(this, encoding, value, true);
    if (encoding === ICC_EOIR1 || encoding === ICC_EOIR0 || encoding === ICC_DIR)
      this.#board.machine.vm.serveAcks();
    return true;
  }

  #hypercall(): void {
    const { core } = this;
    this.hasActed = true;
    const { psci, end } = this.#board;
    const outcome = psci.call([core.x(0), core.x(1), core.x(2), core.x(3)], (vcpu) => this.#board.wake(vcpu));
    if (outcome.kind === 'answer') {
      core.setX(0, outcome.x0);
      return;
    }
    if (outcome.kind === 'suspend') {
      core.setX(0, 0n);
      this.#suspended = true;
    } else if (outcome.kind === 'off') psci.turnOff(this.id);
    else end.say(outcome.kind === 'reset' ? 'reset' : 'power-off', 0, this.id);
    core.stop();
  }
}
