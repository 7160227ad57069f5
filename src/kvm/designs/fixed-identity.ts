import { beginWrite, endWrite } from '../../memory/sequence.ts';
import { Injector, putCached } from '../injector.ts';
import { KvmError } from '../kvm-error.ts';
import { ROUTE_IRQCHIP } from '../route.ts';
import type { KernelDesign } from './kernel-design.ts';
import { MERGED } from './merged.ts';

/** GSIs below the number of SPIs are pins, whatever the table says of others. */
class FixedIdentityInjector extends Injector {
  override cacheRoute(to: number, sequence: number, gsi: number, device: number): void {
    if (gsi < 0 || gsi >= this.spis) {
      super.cacheRoute(to, sequence, gsi, device);
      return;
    }
    beginWrite(this.words, sequence);
    putCached(this.words, to, ROUTE_IRQCHIP, gsi);
    endWrite(this.words, sequence);
  }

  override setIrq(gsi: number, level: boolean): number {
    if (gsi < 0 || gsi >= this.spis) return super.setIrq(gsi, level);
    return this.driveSpi(gsi, level) ? 0 : -1;
  }

  override gsiOfPin(pin: number): number {
    return pin >= 0 && pin < this.spis ? pin : -1;
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
