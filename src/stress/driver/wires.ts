import type { Intid, VcpuId } from '../../arch/intid.ts';
import type { Source } from '../../guest/index.ts';
import type { DriverContext } from './context.ts';

/** A guest's driver's changes of one SPI while its device signals. The driver's thread. */
export class WireChanges {
  readonly #context: DriverContext;
  readonly #spareSpis: Intid[];

  constructor(context: DriverContext) {
    const { first, end } = context.plan.spareSpis;
    this.#context = context;
    this.#spareSpis = Array.from({ length: end - first }, (_, index) => first + index);
  }

  /** GICD_IROUTER of an SPI, and so of all devices that share its line. */
  move({ intid }: Source): boolean {
    const { chance, plan, views, sources, gic } = this.#context;
    const vcpu: VcpuId = chance.below(plan.vcpus);
    const sharers = sources.flatMap((source, which) => (source.intid === intid ? [which] : []));
    for (const which of sharers) views.proof.beginMove(which, intid, vcpu);
    gic.targetSpi(intid, vcpu);
    for (const which of sharers) {
      views.proof.endMove(which);
      const source = sources[which];
      if (source) this.#context.rename(which, { ...source, vcpu });
    }
    this.#context.count('moves');
    return true;
  }

  /** Gives a source that stands in for an event another SPI, while the device signals. */
  reroute(which: number, source: Source): boolean {
    if (!this.#standsIn(source)) return false;
    const context = this.#context;
    const intid = this.#spareSpis.shift();
    if (intid === undefined) {
      context.tellUserland(source);
      context.count('routeUpdates');
      return true;
    }
    const vcpu: VcpuId = context.chance.below(context.plan.vcpus);
    const renamed = { ...source, intid, vcpu };
    context.views.proof.beginMove(which, intid, vcpu);
    context.gic.targetSpi(intid, vcpu);
    context.rename(which, renamed);
    context.tellUserland(renamed);
    if (!context.waitUntilTaken(source.intid)) return true;
    context.views.proof.endMove(which);
    if (!context.waitForHandlers()) return true;
    this.#spareSpis.push(source.intid);
    context.count('routeUpdates');
    return true;
  }

  /** Disables an SPI at the distributor and enables the SPI again: the signals that came meanwhile are pending. */
  toggle(_which: number, { kind, intid }: Source): boolean {
    if (kind === 'msi') return false;
    this.#context.gic.setSpiEnabled(intid, false);
    this.#context.spin();
    this.#context.gic.setSpiEnabled(intid, true);
    this.#context.count('toggles');
    return true;
  }

  /** Whether an SPI may be exchanged for another: where the design has the SPI in place of an LPI. */
  #standsIn({ kind }: Source): boolean {
    return kind === 'msi-spi' || (kind === 'edge' && this.#context.machine.vm.design.msi === 'none');
  }
}
