import { type DeviceId, FIRST_SPI, type Pin } from '../../arch/intid.ts';
import { load } from '../../memory/word.ts';
import type { Gsi } from '../gsi.ts';
import { CACHED_DATA, Injector, putCached } from '../injector.ts';
import { KVM_USERSPACE_IRQ_SOURCE_ID } from '../irqchip.ts';
import { ROUTE_IRQCHIP } from '../route.ts';
import { IRQ_TYPE_SPI, irqLine, packIrqLine } from '../vgic/irq-line.ts';
import type { KernelDesign } from './kernel-design.ts';

/** An irqfd's GSI is the SPI's number: no lookup, and nothing changes while the irqfd lives. */
export class UnroutedInjector extends Injector {
  override injectWithoutLock(at: number, _sequence: number): boolean {
    // Written once, before the irqfd was hooked.
    return this.irqchip.raiseWithoutLock(load(this.words, at + CACHED_DATA));
  }

  override cacheRoute(to: number, _sequence: number, gsi: Gsi, _device: DeviceId): void {
    putCached(this.words, to, ROUTE_IRQCHIP, gsi);
  }

  override setIrq(gsi: Gsi, level: boolean, source: number = KVM_USERSPACE_IRQ_SOURCE_ID): number {
    return this.irqchip.drive(gsi as number, level, source);
  }

  override gsiOfPin(pin: Pin): Gsi {
    return pin as number;
  }
}

/** The kernel's half of the design `unrouted`. @see the table of designs in `vmm/designs.ts` */
export const UNROUTED: KernelDesign = {
  name: 'unrouted',
  table: 'none',
  msi: 'none',
  wordsPerSource: { irqfd: 1, table: 0 },
  makeInjector: (words, parts, reader) => new UnroutedInjector(words, parts, reader),
  initialRoutes: () => [],
  checkRoutes: () => undefined,
  irqLine: (parts, _injector, irq, level) => irqLine(parts, irq, level),
  lineOfPin: (pin) => packIrqLine({ type: IRQ_TYPE_SPI, vcpu: 0, intid: pin + FIRST_SPI }),
  capabilities: { KVM_CAP_IRQ_ROUTING: 0 },
};
