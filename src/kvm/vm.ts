import { FIRST_SPI } from '../arch/intid.ts';
import type { Interrupts } from '../gic/interrupts.ts';
import type { Lpis } from '../gic/lpis.ts';
import type { Its } from '../its/its.ts';
import type { Layout, Region } from '../memory/layout.ts';
import type { Words } from '../memory/word.ts';
import type { KernelDesign } from './designs/kernel-design.ts';
import { MERGED } from './designs/merged.ts';
import {
  GenericVm,
  type GenericVmParts,
  type GenericVmRegions,
  genericVmRegions,
  type VmSizes,
} from './generic-vm.ts';
import type { ProcessRegions } from './irqfd-record.ts';
import { KvmError } from './kvm-error.ts';
import type { Route } from './route.ts';
import { validateRoutes } from './routing-table.ts';
import type { ArchTimers } from './timer/arch-timers.ts';
import { GicIrqchip } from './vgic/gic-irqchip.ts';
import type { LineParts } from './vgic/irq-line.ts';
import { VGIC_NONE, VGIC_V2, VGIC_V3, VgicState, vgicRegion } from './vgic/vgic-state.ts';

export type VmRegions = GenericVmRegions & { readonly vgic: Region };

/** @param process - file descriptors that VMs share; left out, the VM has its own */
export function vmRegions(layout: Layout, sizes: VmSizes, process?: ProcessRegions): VmRegions {
  return { ...genericVmRegions(layout, sizes, process), vgic: vgicRegion(layout) };
}

export type VmParts = GenericVmParts & {
  readonly interrupts: Interrupts;
  readonly lpis: Lpis;
  /** The ITSes; their guest-physical addresses are in the state of the vgic. */
  readonly itses: readonly Its[];
  /** Reset when the VM's GICv2 is initialised. */
  readonly gicV2?: { readonly reset: () => void } | undefined;
  /** The in-kernel timers: userland may not drive the PPIs that they own. */
  readonly timers?: ArchTimers | undefined;
  /** How userland names a source, and how a signal finds its interrupt. */
  readonly design?: KernelDesign;
};

/**
 * A VM of arm64 as userland sees it: KVM's calls for raising and routing interrupts, over a GICv3 with ITSes. One view
 * a thread; any thread may call. Refused calls throw {@link KvmError}.
 */
export class Vm extends GenericVm<GicIrqchip> {
  readonly #interrupts: Interrupts;
  readonly #line: LineParts;
  readonly #gicV2: VmParts['gicV2'];
  readonly design: KernelDesign;
  readonly vgic: VgicState;

  constructor(words: Words, regions: VmRegions, parts: VmParts) {
    const { interrupts, timers, design = MERGED } = parts;
    const vgic = new VgicState(words, regions.vgic);
    super(words, regions, new GicIrqchip(words, { ...parts, vgic }), parts, design.makeInjector);
    this.#interrupts = interrupts;
    this.#gicV2 = parts.gicV2;
    this.#line = { interrupts, vgic, timers, initialise: () => this.initVgic() };
    this.design = design;
    this.vgic = vgic;
  }

  /** KVM_DEV_ARM_VGIC_CTRL_INIT: enables irqfds and replaces the table by the default one (GSI n → pin n). */
  initVgic(): void {
    if (this.vgic.initialised) return;
    if (this.vgic.model === VGIC_NONE) this.vgic.model = VGIC_V3;
    this.vgic.spis = this.#interrupts.endSpi - FIRST_SPI;
    if (this.vgic.model === VGIC_V2) this.#gicV2?.reset();
    // guard: first-table-is-read
    const { initialRoutes, table } = this.design;
    const { gsis, pins } = this.routing;
    if (table !== 'none') this.replaceTable(initialRoutes(Math.min(this.vgic.spis, gsis, pins)));
    // Last: a thread that sees the flag finds everything that it vouches for. @see race-catalogue
    // `ready-flag-too-early`
    // guard: ready-flag-is-last
    this.vgic.initialise();
  }

  /** @throws KvmError ENOTTY in a design without a table, and the design's own refusals */
  override setGsiRouting(routes: readonly Route[]): void {
    if (this.design.table === 'none') {
      const { name } = this.design;
      throw new KvmError('KVM_SET_GSI_ROUTING', 'ENOTTY', `the design "${name}" has no routing table`);
    }
    validateRoutes(routes, this.routing);
    this.design.checkRoutes(routes, this.vgic.spis);
    this.replaceTable(routes);
  }

  /** KVM_IRQ_LINE with a packed irq. @throws KvmError EBUSY before {@link initVgic}, EINVAL, ENXIO */
  irqLine(irq: number, level: boolean): void {
    this.design.irqLine(this.#line, this.injector, irq, level);
  }
}
