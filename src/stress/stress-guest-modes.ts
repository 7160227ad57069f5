import { FIRST_LPI, type Intid, SPURIOUS } from '../arch/intid.ts';
import { Chance } from '../base/chance.ts';
import type { Machine } from '../board/machine.ts';
import type { Vcpu } from '../board/vcpu.ts';
import { sgiTo } from '../gic/sgi.ts';
import { ACTIVE } from '../gic/state.ts';
import { openCpuInterface } from '../guest/index.ts';
import { type Plan, sgiOf, stressViews } from './stress-plan.ts';

/** After one of so many interrupts a vCPU does more than handle the interrupt. */
const ONE_IN = 8;
/** ICC_CTLR_EL1.EOImode: an EOI drops the priority, and DIR ends the interrupt. */
const EOI_MODE = 1 << 1;
/** Priority masks that some of the priorities in use do not get past. */
const MASKS = [0xa0, 0x90, 0x80] as const;
/** Interrupts that may wait for their DIR. */
const MOST_ACTIVE = 6;

/**
 * The actions of a vCPU of a stress run besides handling interrupts, drawn from the seed: the vCPU sends SGIs to other vCPUs
 * and itself, lets a more urgent interrupt preempt its handler, masks by priority for a while, turns its group off for a
 * while, and ends interrupts in two steps (EOImode 1). All of these end before the vCPU halts. The vCPU's thread.
 */
export class GuestModes {
  readonly #machine: Machine;
  readonly #vcpu: Vcpu;
  readonly #chance: Chance;
  readonly #sgis: ReturnType<typeof stressViews>['sgis'];
  readonly #proof: ReturnType<typeof stressViews>['proof'];
  readonly #vcpus: number;
  /** By target: the value for ICC_SGI1R_EL1. */
  readonly #sgiValues: readonly bigint[];
  readonly #toOthers: bigint;
  /** Interrupts that have dropped their priority and are active still. */
  readonly #active = new Int32Array(MOST_ACTIVE);
  #actives = 0;
  #isSplit = false;
  /** Group 1 is off: nothing may come. */
  #isClosed = false;

  constructor(machine: Machine, vcpu: Vcpu, plan: Plan) {
    const { sgis, proof } = stressViews(machine, plan);
    const id = vcpu.cpu.vcpu;
    this.#machine = machine;
    this.#vcpu = vcpu;
    this.#chance = new Chance(~plan.seed);
    this.#chance.begin(id);
    this.#sgis = sgis;
    this.#proof = proof;
    this.#vcpus = plan.vcpus;
    this.#sgiValues = Array.from({ length: plan.vcpus }, (_, target) => sgiTo(sgiOf(id), [target]));
    this.#toOthers = sgiTo(sgiOf(id), 'others');
  }

  /** The pair of the SGI's sender and this vCPU. */
  pairOf(sgi: Intid): number {
    return sgi * this.#vcpus + this.#vcpu.cpu.vcpu;
  }

  /**
   * After the handler of an interrupt of a device, and before its EOI.
   * @param handle - handles the interrupts that preempt
   */
  handled(intid: Intid, handle: (intid: Intid) => void): void {
    if (this.#isClosed)
      this.#proof.violate('spurious', this.#proof.ownerOf(intid), intid, this.#vcpu.cpu.vcpu);
    else if (this.#chance.below(ONE_IN) === 0) this.#act(handle);
    this.#note(intid);
  }

  /** When no interrupt is to be taken: ends the active interrupts, and opens the CPU interface again. */
  idle(): void {
    if (this.#isSplit) {
      this.#deactivateAll();
      this.#vcpu.cpu.control = 0;
      this.#isSplit = false;
    }
    this.#isClosed = false;
    openCpuInterface(this.#vcpu.cpu);
  }

  #act(handle: (intid: Intid) => void): void {
    const { cpu } = this.#vcpu;
    const draw = this.#chance.below(9);
    if (draw < 4) this.#send();
    else if (draw < 6) this.#preempt(handle);
    else if (draw === 6) cpu.priorityMask = MASKS[this.#chance.below(MASKS.length)] ?? 0xa0;
    else if (draw === 7) {
      this.#isClosed = true;
      cpu.groupEnable1 = false;
    } else if (!this.#isSplit) {
      this.#isSplit = true;
      cpu.control = EOI_MODE;
    }
  }

  #send(): void {
    const { vcpu } = this.#vcpu.cpu;
    const target = this.#chance.below(this.#vcpus + 1);
    const isOthers = target === this.#vcpus;
    for (let each = 0; each < this.#vcpus; each++)
      if (isOthers ? each !== vcpu : each === target)
        this.#sgis.beginSignal(vcpu * this.#vcpus + each, this.#machine.clock);
    const value = isOthers ? this.#toOthers : (this.#sgiValues[target] ?? 0n);
    this.#machine.gic.systemRegisters[vcpu]?.writeSystemRegister('ICC_SGI1R_EL1', value);
  }

  /** Takes an interrupt of a more urgent priority, which preempts the interrupt under its handler, and no other interrupt. */
  #preempt(handle: (intid: Intid) => void): void {
    const { cpu } = this.#vcpu;
    const running = cpu.runningPriority;
    const intid = cpu.acknowledge();
    if (intid === SPURIOUS) return;
    if (cpu.runningPriority >= running)
      this.#proof.violate('spurious', this.#proof.ownerOf(intid), intid, cpu.vcpu);
    handle(intid);
    cpu.endOfInterrupt(intid);
    this.#vcpu.control.countTaken();
    this.#note(intid);
  }

  /** Notes that an interrupt needs a DIR where its EOI does not end the interrupt; an LPI has no active state. */
  #note(intid: Intid): void {
    if (!this.#isSplit || intid >= FIRST_LPI) return;
    if (this.#actives === MOST_ACTIVE) this.#deactivateAll();
    this.#active[this.#actives++] = intid;
  }

  #deactivateAll(): void {
    const { cpu } = this.#vcpu;
    const { interrupts } = this.#machine.gic;
    for (let index = 0; index < this.#actives; index++) {
      const intid = this.#active[index] ?? SPURIOUS;
      if ((interrupts.state(interrupts.find(cpu.vcpu, intid)) & ACTIVE) === 0)
        this.#proof.violate('spurious', this.#proof.ownerOf(intid), intid, cpu.vcpu);
      cpu.deactivate(intid);
    }
    this.#actives = 0;
    this.#machine.vm.serveAcks();
  }
}
