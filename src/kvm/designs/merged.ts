import { FIRST_SPI } from '../../arch/intid.ts';
import { CACHED_WORDS, Injector } from '../injector.ts';
import { REMEMBERED_WORDS } from '../irqchip.ts';
import { ROUTE_WORDS } from '../route.ts';
import { GIC_IRQCHIP } from '../vgic/gic-irqchip.ts';
import { IRQ_TYPE_SPI, irqLine, packIrqLine } from '../vgic/irq-line.ts';
import type { KernelDesign } from './kernel-design.ts';

/** The kernel's half of the design `merged`. @see the table of designs in `vmm/designs.ts` */
export const MERGED: KernelDesign = {
  name: 'merged',
  table: 'default',
  msi: 'lpi',
  // The irqfd's copy of its route with the sequence count, and the entry in both copies of the table.
  wordsPerSource: { irqfd: CACHED_WORDS + REMEMBERED_WORDS + 1, table: 2 * ROUTE_WORDS },
  makeInjector: (words, parts, reader) => new Injector(words, parts, reader),
  initialRoutes: (spis) =>
    Array.from({ length: spis }, (_, pin) => ({
      type: 'irqchip',
      gsi: pin,
      irqchip: GIC_IRQCHIP,
      pin,
    })),
  checkRoutes: () => undefined,
  irqLine: (parts, _injector, irq, level) => irqLine(parts, irq, level),
  lineOfPin: (pin) => packIrqLine({ type: IRQ_TYPE_SPI, vcpu: 0, intid: pin + FIRST_SPI }),
  capabilities: {},
};
