import type { DeviceId, Pin } from '../../arch/intid.ts';
import { beginWrite, endWrite } from '../../memory/sequence.ts';
import type { Words } from '../../memory/word.ts';
import type { Gsi } from '../gsi.ts';
import { Injector, type InjectorParts, putCached } from '../injector.ts';
import { KVM_USERSPACE_IRQ_SOURCE_ID } from '../irqchip.ts';
import { KvmError } from '../kvm-error.ts';
import { ROUTE_IRQCHIP } from '../route.ts';
import type { GicIrqchip } from '../vgic/gic-irqchip.ts';
import type { KernelDesign } from './kernel-design.ts';
import { MERGED } from './merged.ts';

/** GSIs below the number of SPIs are pins; the routing table maps the others. */
class FixedIdentityInjector extends Injector {
  readonly #gic: GicIrqchip;

  constructor(words: Words, parts: InjectorParts<GicIrqchip>, reader: number) {
    super(words, parts, reader);
    this.#gic = parts.irqchip;
  }

  override cacheRoute(to: number, sequence: number, gsi: Gsi, device: DeviceId): void {
    if (gsi < 0 || gsi >= this.#gic.spis) {
      super.cacheRoute(to, sequence, gsi, device);
      return;
    }
    beginWrite(this.words, sequence);
    putCached(this.words, to, ROUTE_IRQCHIP, gsi);
    endWrite(this.words, sequence);
  }

  override setIrq(gsi: Gsi, level: boolean, source: number = KVM_USERSPACE_IRQ_SOURCE_ID): number {
    if (gsi < 0 || gsi >= this.#gic.spis) return super.setIrq(gsi, level, source);
    return this.irqchip.drive(gsi as number, level, source);
  }

  override gsiOfPin(pin: Pin): Gsi {
    return pin >= 0 && pin < this.#gic.spis ? (pin as number) : -1;
  }
}

/** The kernel's half of the design `fixed-identity`. @see the table of designs in `vmm/designs.ts` */
export const FIXED_IDENTITY: KernelDesign = {
  ...MERGED,
  name: 'fixed-identity',
  table: 'empty',
  makeInjector: (words, parts, reader) => new FixedIdentityInjector(words, parts, reader),
  initialRoutes: () => [],
  checkRoutes: (routes, spis) => {
    for (const [index, route] of routes.entries()) {
      const refuse = (rule: string) =>
        new KvmError('KVM_SET_GSI_ROUTING', 'EINVAL', `entry ${index}: ${rule}`);
      if (route.type === 'irqchip') throw refuse('wired interrupts are not routed in this design');
      if (route.gsi < spis)
        throw refuse(`GSIs below ${spis} are the pins of the irqchip, ${route.gsi} among them`);
    }
  },
};
