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

/** How long a guest waits for what must come, ms; and how long it sleeps at most before it looks again. */
const BOUND_MS = 5_000;
const NAP_MS = 100;

/** A check of a guest that does not hold: the guest's own words. */
export class CheckFailed extends Error {
  override readonly name = 'CheckFailed';
}

/** The frames of a vCPU's accesses; offsets from 0x10000 of `gicr` are the SGI frame. */
export const FRAME = { gicd: VECTOR_LAYOUT.GICD, gicr: VECTOR_LAYOUT.GICR, gits: VECTOR_LAYOUT.ITS } as const;

/** What a guest's code on one vCPU can do, in that vCPU's thread: registers, the ITS's driver, waiting for interrupts. */
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
  /** What is done with an interrupt that was acknowledged and counted; ends it, unless the guest says otherwise. */
  handler: (intid: Intid) => void = (intid) => this.end(intid);
  /** PSTATE.I and F: nothing is taken. */
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

  /** The distributor and all groups, by vCPU 0; its own interface by each. Returns when all are ready. */
  setUp(priorityMask = 0xf0): void {
    if (this.id === 0) setUpDistributor(this.target, this.vcpus);
    this.cpu.priorityMask = priorityMask;
    this.cpu.groupEnable1 = true;
    if (this.id !== 0) return;
    this.settle();
  }

  /** Tables of LPIs for every vCPU, and of the ITS. By one vCPU. */
  setUpIts(): void {
    setUpLpis(
      this.target,
      16,
      Array.from({ length: this.vcpus }, (_, vcpu) => vcpu),
    );
    setUpVectorIts(this.target, 16);
  }

  zeroItt(deviceId: DeviceId): void {
    zeroItt(this.target, deviceId);
  }

  read(address: number, bytes: 4 | 8 = 4): bigint {
    return this.machine.bus.read(address, bytes);
  }

  write(address: number, value: number | bigint, bytes: 1 | 4 | 8 = 4): void {
    this.machine.bus.write(address, bytes, BigInt.asUintN(64, BigInt(value)));
  }

  /** An address in a redistributor. */
  gicr(vcpu: VcpuId, offset: number): number {
    return FRAME.gicr + vcpu * GICR_STRIDE + offset;
  }

  its(...commands: readonly ItsCommand[]): void {
    this.#its.send(...commands);
  }

  /** Writes the byte of an LPI in the configuration table; the ITS is not told. */
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

  /** Takes one interrupt if the vCPU is signalled and does not mask it; false if not. */
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

  /** Takes interrupts until `condition` holds and none is left; false if it does not within the bound. */
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

  /** Takes interrupts until the part is over. What vCPUs do that have no part of their own. */
  serve(): void {
    this.wait(() => this.notices.isOver, 60_000);
    while (this.take());
  }

  /** Returns when every vCPU has taken all that it had: what was not delivered by now will not be. */
  settle(): void {
    const round = this.notices.ask();
    const answered = this.wait(() => this.notices.isAnswered(round), 20_000);
    this.check(answered, 'a vCPU did not answer');
  }

  /** Ends the part, after a last round. */
  finish(): void {
    this.settle();
    this.notices.finish();
  }

  /** @throws CheckFailed, with `what` does not hold */
  check(holds: boolean, what: string): void {
    if (!holds) throw new CheckFailed(`vCPU ${this.id}: ${what}`);
  }

  /** Checks a number. */
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
