import { FIRST_SPI } from '../../arch/intid.ts';
import { load } from '../../memory/word.ts';
import { CACHED_DATA, Injector, putCached } from '../injector.ts';
import { IRQ_TYPE_SPI, irqLine, packIrqLine } from '../irq-line.ts';
import { ROUTE_IRQCHIP } from '../route.ts';
import type { Design } from './design.ts';
import { NamedUserland } from './named-userland.ts';

/** An irqfd's GSI is the SPI's number: nothing to look up, nothing that changes while the irqfd lives. */
export class UnroutedInjector extends Injector {
  override injectWithoutLock(at: number, _sequence: number): boolean {
    // Written before the irqfd was hooked, and not again.
    this.driveSpi(load(this.words, at + CACHED_DATA), true);
    return true;
  }

  override cacheRoute(to: number, _sequence: number, gsi: number, _device: number): void {
    putCached(this.words, to, ROUTE_IRQCHIP, gsi);
  }

  override setIrq(gsi: number, level: boolean): number {
    return this.driveSpi(gsi, level) ? 0 : -1;
  }

  override gsiOfPin(pin: number): number {
    return pin;
  }
}

/**
 * A: what Linux 4.1 to 4.7 had. irqfd.gsi is the SPI's INTID - 32; KVM_SET_GSI_ROUTING is not there. An MSI cannot be
 * named by an irqfd at all: userland would have to read the eventfd itself and call KVM_SIGNAL_MSI.
 */
export const UNROUTED: Design = {
  name: 'unrouted',
  letter: 'A',
  title: 'irqfd names the SPI, no table',
  status: 'Linux 4.1 to 4.7, replaced',
  table: 'none',
  msi: 'none',
  names: { guest: ['intid'], userland: ['gsi'], kernel: ['gsi', 'intid'], device: [] },
  wordsPerSource: { irqfd: 1, table: 0 },
  makeInjector: (words, parts, reader) => new UnroutedInjector(words, parts, reader),
  initialRoutes: () => [],
  checkRoutes: () => undefined,
  irqLine: (parts, _injector, irq, level) => irqLine(parts, irq, level),
  lineOfPin: (pin) => packIrqLine({ type: IRQ_TYPE_SPI, vcpu: 0, intid: pin + FIRST_SPI }),
  capabilities: { KVM_CAP_IRQ_ROUTING: 0 },
  makeUserland: (vm) =>
    new NamedUserland(vm, (source) => (source.kind === 'wired' ? { gsi: source.pin } : undefined)),
};
