import { GICR_STRIDE } from '../../arch/frames.ts';
import { type DeviceId, FIRST_LPI, type Intid, SPURIOUS, type VcpuId } from '../../arch/intid.ts';
import type { ItsCommand } from '../../arch/its-command.ts';
import { lpiConfig } from '../../arch/lpi-config.ts';
import type { Machine } from '../../board/machine.ts';
import type { Vcpu } from '../../board/vcpu.ts';
import { HALTED, IN_GUEST } from '../../board/vcpu-control.ts';
import { sgiTo } from '../../gic/sgi.ts';
import { GicDriver, ItsDriver, LINUX_PRIORITY } from '../../guest/index.ts';
import { MachineTarget } from '../machine-target.ts';
import { VECTOR_LAYOUT } from '../vectors/vector-layout.ts';
import { setUpDistributor, setUpLpis, setUpVectorIts, zeroItt } from '../vectors/vector-macros.ts';
import { Noticeboard } from './noticeboard.ts';

/** The longest wait of a guest for an expected condition, and its longest sleep between two checks, ms. */
const BOUND_MS = 5_000;
const NAP_MS = 100;

/** A check of a guest failed; the message is the guest's own. */
export class CheckFailed extends Error {
  override readonly name = 'CheckFailed';
}

/** The frames of a vCPU's accesses; offsets from 0x10000 of `gicr` are the SGI frame. */
export const FRAME = { gicd: VECTOR_LAYOUT.GICD, gicr: VECTOR_LAYOUT.GICR, gits: VECTOR_LAYOUT.ITS } as const;

/** A guest program's interface to one vCPU, in that vCPU's thread: registers, the ITS driver, waiting for interrupts. */
export class GuestCpu {
  readonly id: VcpuId;
  readonly vcpus: number;
  readonly machine: Machine;
  readonly cpu: Vcpu['cpu'];
  readonly notices: Noticeboard;
  readonly target: MachineTarget;
  readonly #vcpu: Vcpu;
  readonly gic: GicDriver;
  readonly #its: ItsDriver;
  /** Handles an acknowledged and counted interrupt. Default: EOI, and in EOImode 1 DIR. */
  handler: (intid: Intid) => void = (intid) => this.end(intid);
  /** PSTATE.I and F: while true, the vCPU takes no interrupt. */
  masked = false;

  constructor(machine: Machine, vcpu: Vcpu) {
    this.machine = machine;
    this.#vcpu = vcpu;
    this.gic = new GicDriver(machine.bus, machine.config);
    this.#its = new ItsDriver(machine.bus, machine.memory, machine.config.itsBase);
    this.cpu = vcpu.cpu;
    this.id = vcpu.cpu.vcpu;
    this.vcpus = machine.config.vcpus;
    this.notices = new Noticeboard(machine);
    this.target = new MachineTarget(machine);
  }

  // ---- setting up

  /** vCPU 0 sets up the distributor and all groups; each vCPU its own interface. Returns when all vCPUs are ready. */
  setUp(priorityMask = 0xf0): void {
    if (this.id === 0) setUpDistributor(this.target, this.vcpus);
    this.cpu.priorityMask = priorityMask;
    this.cpu.groupEnable1 = true;
    if (this.id !== 0) return;
    this.settle();
  }

  /** Sets up the LPI tables of every vCPU, and the ITS. One vCPU calls this. */
  setUpIts(): void {
    setUpLpis(
      this.target,
      16,
      Array.from({ length: this.vcpus }, (_, vcpu) => vcpu),
    );
    setUpVectorIts(this.target, 16, 0);
  }

  zeroItt(deviceId: DeviceId): void {
    zeroItt(this.target, deviceId, 0);
  }

  read(address: number, bytes: 4 | 8 = 4): bigint {
    return this.machine.bus.read(address, bytes);
  }

  write(address: number, value: number | bigint, bytes: 1 | 4 | 8 = 4): void {
    this.machine.bus.write(address, bytes, BigInt.asUintN(64, BigInt(value)));
  }

  /** The address of a register in a vCPU's redistributor. */
  gicr(vcpu: VcpuId, offset: number): number {
    return FRAME.gicr + vcpu * GICR_STRIDE + offset;
  }

  its(...commands: readonly ItsCommand[]): void {
    this.#its.send(...commands);
  }

  /** Writes an LPI's byte in the configuration table, without INV. */
  configure(lpi: Intid, on: boolean): void {
    this.machine.memory.setByte(VECTOR_LAYOUT.PROP + lpi - FIRST_LPI, lpiConfig(LINUX_PRIORITY, on));
  }

  sgi(intid: Intid, to: readonly VcpuId[] | 'others'): void {
    this.machine.gic.systemRegisters[this.id]?.writeSystemRegister('ICC_SGI1R_EL1', sgiTo(intid, to));
  }

  // ---- interrupts

  /** Ends an interrupt: EOI, and in EOImode 1 DIR. */
  end(intid: Intid): void {
    this.cpu.endOfInterrupt(intid);
    this.cpu.deactivate(intid);
  }

  /** Takes one interrupt if the vCPU is signalled and not masked. Returns whether it took one. */
  take(): boolean {
    const { cpu } = this;
    if (this.masked || !cpu.signalled) return false;
    const { fiq } = cpu;
    const intid = fiq ? cpu.acknowledgeGroup0() : cpu.acknowledge();
    if (intid === SPURIOUS) {
      this.notices.countSpurious(this.id);
      return false;
    }
    this.notices.count(this.id, intid);
    if (fiq) cpu.endOfInterruptGroup0(intid);
    else this.handler(intid);
    this.#vcpu.control.countTaken();
    return true;
  }

  /** Takes interrupts until `condition` holds and no interrupt is signalled; false after the bound. */
  wait(condition: () => boolean, boundMs = BOUND_MS): boolean {
    const bell = this.machine.gic.interrupts.bell(this.id);
    const end = this.machine.clock.now() + boundMs * 1e6;
    for (;;) {
      if (this.notices.isAborted) throw new CheckFailed('given up');
      if (this.take()) continue;
      this.#answer();
      if (condition()) return true;
      if (this.machine.clock.now() > end) return false;
      const ticket = bell.announce();
      const awake = this.notices.isAborted || condition() || (!this.masked && this.cpu.signalled);
      if (awake || this.notices.round !== this.#answered) bell.withdraw();
      else {
        this.#vcpu.control.mode = HALTED;
        bell.park(ticket, NAP_MS);
        this.#vcpu.control.mode = IN_GUEST;
      }
    }
  }

  /** Takes interrupts until the part is over: for vCPUs without a role in the program. */
  serve(): void {
    this.wait(() => this.notices.isOver, 60_000);
    while (this.take());
  }

  /** Returns when every vCPU has taken all its signalled interrupts: an interrupt sent before and not delivered by then is lost. */
  settle(): void {
    const round = this.notices.ask();
    const answered = this.wait(() => this.notices.isAnswered(round), 20_000);
    this.check(answered, 'a vCPU did not answer');
  }

  /** Settles, then ends the part. */
  finish(): void {
    this.settle();
    this.notices.finish();
  }

  /** @param what - the message of a failure. @throws CheckFailed unless `holds` */
  check(holds: boolean, what: string): void {
    if (!holds) throw new CheckFailed(`vCPU ${this.id}: ${what}`);
  }

  /** Checks a number. @param what - its name, for the message. @throws CheckFailed */
  equal(got: number | bigint, expected: number | bigint, what: string): void {
    const show = (value: number | bigint) => (value > 15 ? `0x${value.toString(16)}` : `${value}`);
    this.check(BigInt(got) === BigInt(expected), `${what} is ${show(got)}, not ${show(expected)}`);
  }

  #answered = 0;

  #answer(): void {
    const { round } = this.notices;
    if (round === this.#answered || (!this.masked && this.cpu.signalled)) return;
    this.#answered = round;
    this.notices.answer(this.id, round);
  }
}
