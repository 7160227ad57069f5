import type { Intid, VcpuId } from '../../arch/intid.ts';
import { lpiConfig } from '../../arch/lpi-config.ts';
import type { Source } from '../../guest/index.ts';
import { SGIS } from '../stress-plan.ts';
import type { DriverContext } from './context.ts';
import type { MessageChanges } from './messages.ts';

/** Priorities in use, the most urgent first. All get past the mask that a vCPU has most of the time. */
const PRIORITIES = [0x80, 0x88, 0x90, 0xa0, 0xa8, 0xb0] as const;

/** Of so many times that the ITS or LPIs are off, one is watched: no MSI comes through. */
const SILENCE_ONE_IN = 4;

/**
 * A guest's changes of its whole interrupt controller, while devices signal. Where the architecture, or KVM, lets a change
 * lose pending interrupts, the driver makes the interrupts concerned pending again, as a guest that resumes does: so each
 * signal is still followed by a delivery.
 */
export class ControllerChanges {
  readonly #context: DriverContext;
  readonly #messages: MessageChanges;

  constructor(context: DriverContext, messages: MessageChanges) {
    this.#context = context;
    this.#messages = messages;
  }

  /** MAPC: two collections exchange their vCPUs; or MOVALL: all LPIs of a vCPU go to another. Pending LPIs go along. */
  moveAll(): boolean {
    const { plan, chance } = this.#context;
    if (plan.vcpus < 2 || !this.#hasLpis) return false;
    const from = chance.below(plan.vcpus);
    const to = (from + 1 + chance.below(plan.vcpus - 1)) % plan.vcpus;
    if (chance.below(2) === 0) this.#moveTargets(from, to);
    else this.#swapCollections(from, to);
    this.#context.count('collections');
    return true;
  }

  #moveTargets(from: number, to: number): void {
    const { its, sources } = this.#context;
    const moved = this.#lpisWhere((which) => sources[which]?.vcpu === from);
    this.#moving(
      moved,
      () => to,
      () => {
        its.send({ name: 'MOVALL', rdbase: from, rdbase2: to }, { name: 'SYNC', rdbase: to });
      },
    );
  }

  #swapCollections(from: number, to: number): void {
    const context = this.#context;
    const [one, other] = [context.collectionOf(from), context.collectionOf(to)];
    const targets = new Map([
      [one, to],
      [other, from],
    ]);
    const moved = this.#lpisWhere((which) => targets.has(context.collections[which] ?? -1));
    const vcpuOf = (which: number) => targets.get(context.collections[which] ?? -1) ?? to;
    this.#moving(moved, vcpuOf, () => {
      context.its.send(
        { name: 'MAPC', collectionId: one, rdbase: to, valid: true },
        { name: 'MAPC', collectionId: other, rdbase: from, valid: true },
        { name: 'SYNC', rdbase: to },
      );
    });
    for (const [collection, vcpu] of targets) context.targets.set(collection, vcpu);
  }

  /** Tells the proof, moves, and tells the proof that all of the sources have moved. */
  #moving(moved: readonly number[], vcpuOf: (which: number) => VcpuId, move: () => void): void {
    const { views, sources } = this.#context;
    for (const which of moved) views.proof.beginMove(which, sources[which]?.intid ?? 0, vcpuOf(which));
    move();
    for (const which of moved) {
      views.proof.endMove(which);
      const source = sources[which];
      if (source) this.#context.rename(which, { ...source, vcpu: vcpuOf(which) });
    }
  }

  /**
   * Gives an interrupt another priority, by the configuration table and INV, or by GICD_IPRIORITYR. An SPI is disabled and not
   * active meanwhile: an EOI that drops another priority than the interrupt has does not end the interrupt in KVM.
   * @see ___vgic_v3_write_eoir in vgic-v3-sr.c
   */
  prioritise(_which: number, source: Source): boolean {
    const { chance } = this.#context;
    const priority = PRIORITIES[chance.below(PRIORITIES.length)] ?? 0xa0;
    if (source.kind === 'msi') this.#messages.prioritise(source, lpiConfig(priority));
    else this.#prioritiseSpi(source.intid, priority);
    this.#context.count('priorities');
    return true;
  }

  #prioritiseSpi(intid: Intid, priority: number): void {
    const { gic } = this.#context;
    gic.setSpiEnabled(intid, false);
    if (this.#context.waitUntilInactive(intid)) gic.setSpiPriority(intid, priority);
    gic.setSpiEnabled(intid, true);
  }

  /** INT or ISPENDR; sometimes CLEAR or ICPENDR before, which may lose a pending interrupt. */
  raise(which: number, source: Source): boolean {
    const { chance, its, gic } = this.#context;
    const clears = chance.below(3) === 0;
    if (clears && source.kind === 'msi')
      its.send({ name: 'CLEAR', deviceId: source.deviceId, eventId: source.eventId });
    else if (clears) gic.setSpiPending(source.intid, false);
    this.#context.revive([which]);
    this.#context.count('raises');
    return true;
  }

  /** Turns the distributor, the ITS, or the LPIs of a vCPU off and on again. */
  switchOff(): boolean {
    const { chance } = this.#context;
    const draw = this.#hasLpis ? chance.below(3) : 0;
    if (draw === 0) this.#switchDistributor();
    else if (draw === 1) this.#switchIts();
    else this.#switchLpis(chance.below(this.#context.plan.vcpus));
    this.#context.count('switches');
    return true;
  }

  /** KVM holds back the pending interrupts when the guest turns the distributor on, until their next signal. */
  #switchDistributor(): void {
    const { gic, plan, views, sources } = this.#context;
    gic.disable();
    this.#context.spin();
    gic.enable();
    this.#context.revive(sources.map((_, which) => which));
    for (let vcpu: VcpuId = 0; vcpu < plan.vcpus && views.sgis.sources > 0; vcpu++) {
      for (let sender = 0; sender < plan.vcpus; sender++) views.sgis.raise(sender * plan.vcpus + vcpu);
      gic.setSgisPending(vcpu, 2 ** Math.min(SGIS, plan.vcpus) - 1);
    }
  }

  /** MSIs that come while the ITS is off are lost. */
  #switchIts(): void {
    this.#context.its.setEnabled(false);
    this.#context.watchSilence(
      this.#lpisWhere(() => true),
      SILENCE_ONE_IN,
    );
    this.#context.spin();
    this.#context.its.setEnabled(true);
    this.#context.revive(this.#lpisWhere(() => true));
  }

  /** KVM forgets the pending LPIs when the guest turns LPIs off, and loses the MSIs that come meanwhile. */
  #switchLpis(vcpu: VcpuId): void {
    // The vCPU of the MSI's collection refuses the MSI, and MOVALL may have sent the LPI to another vCPU.
    const { collections, sources, targets, machine, its } = this.#context;
    this.#context.gic.disableLpis(vcpu);
    this.#context.watchSilence(
      this.#lpisWhere((which) => targets.get(collections[which] ?? -1) === vcpu),
      SILENCE_ONE_IN,
      () => {
        // As in KVM, an injection that was past its checks may still latch the LPI: no lock and no grace period stops the
        // injection.
        machine.vm.readers.synchronize();
        its.send({ name: 'SYNC', rdbase: vcpu });
      },
    );
    this.#context.spin();
    this.#context.gic.enableLpis(vcpu);
    const isConcerned = (which: number) =>
      sources[which]?.vcpu === vcpu || targets.get(collections[which] ?? -1) === vcpu;
    this.#context.revive(this.#lpisWhere(isConcerned));
  }

  get #hasLpis(): boolean {
    return this.#context.sources.some(({ kind }) => kind === 'msi');
  }

  #lpisWhere(isWanted: (which: number) => boolean): number[] {
    return this.#context.sources.flatMap(({ kind }, which) =>
      kind === 'msi' && isWanted(which) ? [which] : [],
    );
  }
}
