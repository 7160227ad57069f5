import type { Words } from '../../memory/word.ts';
import type { Injector, InjectorParts } from '../injector.ts';
import type { LineParts } from '../irq-line.ts';
import type { Route } from '../route.ts';
import type { Vm } from '../vm.ts';
import type { VmmPolicy } from '../vmm/policies.ts';

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

/** Where an interrupt comes from, as its device knows it. */
export type Source =
  | { readonly kind: 'wired' /** 0 to 987: SPI INTID - 32. */; readonly pin: number }
  | {
      readonly kind: 'msi';
      readonly deviceId: number;
      readonly eventId: number;
      /** The ITS's GITS_TRANSLATER. */
      readonly doorbell: number;
    };

/** The names of one interrupt: the guest's, userland's and the device's. */
export type NameKind = 'intid' | 'gsi' | 'devid:evid';

/** What it costs userland to change one source: how often it called, and how many entries of a table it handed over. */
export type UpdateCost = { readonly calls: number; readonly entries: number };

/** An eventfd and what it is to be the signal of. */
export type Connection = {
  readonly fd: number;
  readonly source: Source;
  /** Of a level-triggered wired source: written when the guest has ended the interrupt. */
  readonly resamplefd?: number | undefined;
};

/**
 * Userland's half of a design: the VMM's bookkeeping. It belongs to the one thread that runs the VMM. Each method
 * returns what it cost.
 * @throws KvmError where the design, or the VM, refuses
 */
export interface Userland {
  /** Whether an irqfd of this design can carry such a source. */
  carries(source: Source): boolean;
  /** Connects an eventfd to a source: from here on its writes are interrupts. */
  connect(connection: Connection): UpdateCost;
  /** Connects many, with one table for all of them where the design has one. */
  connectAll(connections: readonly Connection[]): UpdateCost;
  /** Holds the interrupts of one vector back: what is signalled meanwhile stays in its eventfd. */
  mask(fd: number): UpdateCost;
  unmask(fd: number): UpdateCost;
  /** Gives a vector another message: what a guest does that writes its MSI-X entry. */
  reroute(fd: number, source: Source): UpdateCost;
  disconnect(fd: number): UpdateCost;
}

/** A design: how a source is named, how its signal finds the interrupt, and what a change must commit. */
export type Design = {
  readonly name: DesignName;
  /** Letter of the list in the debate. */
  readonly letter: string;
  readonly title: string;
  /** Who said so, or since when it is so. */
  readonly status: string;
  /** Whether KVM_SET_GSI_ROUTING is there, and whether the kernel fills a table of its own at first. */
  readonly table: 'none' | 'empty' | 'default';
  /** What an irqfd can make of an MSI: nothing, the SPI that its data names, or an LPI. */
  readonly msi: 'none' | 'spi' | 'lpi';
  /** Which names each party must know of an interrupt that an irqfd injects. */
  readonly names: Readonly<Record<'guest' | 'userland' | 'kernel' | 'device', readonly NameKind[]>>;
  /** Words that the kernel keeps for each source, beside the eventfd and the irqfd's own identity. */
  readonly wordsPerSource: { readonly irqfd: number; readonly table: number };
  readonly makeInjector: (words: Words, parts: InjectorParts, reader: number) => Injector;
  /** The table that the kernel puts in force when the interrupt controller is initialised. */
  readonly initialRoutes: (spis: number) => Route[];
  /** The number of KVM_IRQ_ROUTING_EXTENDED_MSI, where the design has that type of route. */
  readonly extendedMsi?: number;
  /** What the design refuses beside what KVM does. */
  readonly checkRoutes: (routes: readonly Route[], spis: number) => void;
  /** KVM_IRQ_LINE. */
  readonly irqLine: (parts: LineParts, injector: Injector, irq: number, level: boolean) => void;
  /** What KVM_IRQ_LINE calls the SPI at a pin. */
  readonly lineOfPin: (pin: number) => number;
  /** Capabilities that answer otherwise than `merged`. */
  readonly capabilities: Readonly<Record<string, number>>;
  /** @param - the VMM whose habits it has, where they make a difference: QEMU's if nobody says otherwise */
  readonly makeUserland: (vm: Vm, policy?: VmmPolicy) => Userland;
};
