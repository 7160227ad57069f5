import type { Pin } from '../../arch/intid.ts';
import type { Words } from '../../memory/word.ts';
import type { Fd } from '../gsi.ts';
import type { Injector, InjectorParts } from '../injector.ts';
import type { Route } from '../route.ts';
import type { GicIrqchip } from '../vgic/gic-irqchip.ts';
import type { LineParts } from '../vgic/irq-line.ts';

/** The designs that were proposed in 2015, by the name of `--abi`. */
export const DESIGN_NAMES = [
  'merged',
  'unrouted',
  'rfc',
  'direct',
  'msi-spi',
  'fixed-identity',
  'line-routed',
] as const;
export type DesignName = (typeof DESIGN_NAMES)[number];

/** The kernel's half of a design: how a signal finds its interrupt, and how the calls answer. */
export type KernelDesign = {
  readonly name: DesignName;
  /** Whether KVM_SET_GSI_ROUTING exists, and whether the kernel fills a first table itself. */
  readonly table: 'none' | 'empty' | 'default';
  /** The interrupt that an irqfd makes of an MSI: none, the SPI that its data names, or an LPI. */
  readonly msi: 'none' | 'spi' | 'lpi';
  /** Words that the kernel keeps for each source, beside the eventfd and the irqfd's own identity. */
  readonly wordsPerSource: { readonly irqfd: Fd; readonly table: number };
  readonly makeInjector: (words: Words, parts: InjectorParts<GicIrqchip>, reader: number) => Injector;
  /** The table that the kernel installs when the interrupt controller is initialised. */
  readonly initialRoutes: (spis: number) => Route[];
  /** The number of KVM_IRQ_ROUTING_EXTENDED_MSI, in a design that has this type of route. */
  readonly extendedMsi?: number;
  /** Refuses routes that the design forbids and KVM does not. */
  readonly checkRoutes: (routes: readonly Route[], spis: number) => void;
  /** KVM_IRQ_LINE. */
  readonly irqLine: (parts: LineParts, injector: Injector, irq: number, level: boolean) => void;
  /** The `irq` of KVM_IRQ_LINE for the SPI at a pin. */
  readonly lineOfPin: (pin: Pin) => number;
  /** Capabilities whose answer differs from `merged`. */
  readonly capabilities: Readonly<Record<string, number>>;
};
