import { FIRST_SPI } from '../../arch/intid.ts';
import type { Gsi } from '../gsi.ts';
import { CACHED_WORDS, Injector, REMEMBERED_WORDS } from '../injector.ts';
import { IRQ_TYPE_SPI, irqLine, packIrqLine } from '../irq-line.ts';
import { ROUTE_WORDS } from '../route.ts';
import type { Design } from './design.ts';
import { TableUserland } from './table-userland.ts';

/**
 * What Linux has had since 4.8: one table from GSIs to pins and MSIs, which the kernel fills with the identity of the
 * wired interrupts at first; the DeviceID rides in an MSI route under a flag.
 * @see KVM_CAP_IRQ_ROUTING, KVM_MSI_VALID_DEVID, KVM_CAP_MSI_DEVID
 */
export const MERGED: Design = {
  name: 'merged',
  letter: '-',
  title: 'GSI table with a default identity, DeviceID by a flag',
  status: 'merged, Linux 4.8 on',
  table: 'default',
  msi: 'lpi',
  names: {
    guest: ['intid', 'devid:evid'],
    userland: ['gsi', 'devid:evid'],
    kernel: ['gsi', 'devid:evid', 'intid'],
    device: ['devid:evid'],
  },
  // The irqfd's copy of its route with the sequence count, and the entry in both copies of the table.
  wordsPerSource: { irqfd: CACHED_WORDS + REMEMBERED_WORDS + 1, table: 2 * ROUTE_WORDS },
  makeInjector: (words, parts, reader) => new Injector(words, parts, reader),
  initialRoutes: (spis) =>
    Array.from({ length: spis }, (_, pin) => ({ type: 'irqchip', gsi: pin as Gsi, irqchip: 0, pin })),
  checkRoutes: () => undefined,
  irqLine: (parts, _injector, irq, level) => irqLine(parts, irq, level),
  lineOfPin: (pin) => packIrqLine({ type: IRQ_TYPE_SPI, vcpu: 0, intid: pin + FIRST_SPI }),
  capabilities: {},
  makeUserland: (vm, policy) => new TableUserland(vm, true, policy),
};
