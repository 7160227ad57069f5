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

/** The kernel's half of a design: how a signal finds its interrupt, and what the calls answer. */
export type KernelDesign = {
  readonly name: DesignName;
  /** Whether KVM_SET_GSI_ROUTING is there, and whether the kernel fills a table of its own at first. */
  readonly table: 'none' | 'empty' | 'default';
  /** What an irqfd can make of an MSI: nothing, the SPI that its data names, or an LPI. */
  readonly msi: 'none' | 'spi' | 'lpi';
  /** Words that the kernel keeps for each source, beside the eventfd and the irqfd's own identity. */
  readonly wordsPerSource: { readonly irqfd: Fd; readonly table: number };
  readonly makeInjector: (words: Words, parts: InjectorParts<GicIrqchip>, reader: number) => Injector;
  /** The table that the kernel puts in force when the interrupt controller is initialised. */
  readonly initialRoutes: (spis: number) => Route[];
  /** The number of KVM_IRQ_ROUTING_EXTENDED_MSI, where the design has that type of route. */
  readonly extendedMsi?: number;
  /** What the design refuses beside what KVM does. */
  readonly checkRoutes: (routes: readonly Route[], spis: number) => void;
  /** KVM_IRQ_LINE. */
  readonly irqLine: (parts: LineParts, injector: Injector, irq: number, level: boolean) => void;
  /** What KVM_IRQ_LINE calls the SPI at a pin. */
  readonly lineOfPin: (pin: Pin) => number;
  /** Capabilities that answer otherwise than `merged`. */
  readonly capabilities: Readonly<Record<string, number>>;
};
