import type { Apic } from '../../apic/apic.ts';
import { IOAPIC_PINS } from '../../apic/ioapic.ts';
import type { Layout, Region } from '../../memory/layout.ts';
import type { Words } from '../../memory/word.ts';
import {
  GenericVm,
  type GenericVmParts,
  type GenericVmRegions,
  genericVmRegions,
  type VmSizes,
} from '../generic-vm.ts';
import type { Gsi } from '../gsi.ts';
import type { ProcessRegions } from '../irqfd-record.ts';
import { KvmError } from '../kvm-error.ts';
import { pinRoutes, type Route } from '../route.ts';
import { IoApicIrqchip, KVM_IRQCHIP_IOAPIC } from './ioapic-irqchip.ts';

export type X86VmRegions = GenericVmRegions & {
  /** One word: whether userland has created the irqchip. */
  readonly created: Region;
};

/** A table has as many pins as the IOAPIC. */
export function x86VmRegions(
  layout: Layout,
  sizes: Omit<VmSizes, 'pins'>,
  process?: ProcessRegions,
): X86VmRegions {
  const generic = genericVmRegions(layout, { ...sizes, pins: IOAPIC_PINS }, process);
  return { ...generic, created: layout.region('kvm.irqchip', 1) };
}

export type X86VmParts = GenericVmParts & { readonly apic: Apic };

/**
 * A VM of x86 as userland sees it: KVM's calls for raising and routing interrupts, over an IOAPIC and local APICs. One
 * view a thread; any thread may call. Refused calls throw {@link KvmError}.
 *
 * There is no PIC: the default table maps each GSI to the IOAPIC's pin only, and irqchips 0 and 1 are EINVAL, as in a
 * VM created without them.
 */
export class X86Vm extends GenericVm<IoApicIrqchip> {
  constructor(words: Words, regions: X86VmRegions, parts: X86VmParts) {
    super(words, regions, new IoApicIrqchip(words, regions.created, parts.apic), parts);
  }

  /** KVM_CREATE_IRQCHIP: enables routing; GSI n maps to pin n. @throws KvmError EEXIST */
  createIrqchip(): void {
    if (this.irqchip.ready) throw this.#exists();
    this.replaceTable(pinRoutes(KVM_IRQCHIP_IOAPIC, Math.min(IOAPIC_PINS, this.routing.gsis)));
    // Last: a thread that sees the flag finds the table.
    if (!this.irqchip.create()) throw this.#exists();
  }

  #exists(): KvmError {
    return new KvmError('KVM_CREATE_IRQCHIP', 'EEXIST', 'this VM has its interrupt controller already');
  }

  /** @throws KvmError EINVAL before {@link createIrqchip} */
  override setGsiRouting(routes: readonly Route[]): void {
    if (!this.irqchip.ready) throw this.irqchip.notReady('KVM_SET_GSI_ROUTING');
    super.setGsiRouting(routes);
  }

  /**
   * KVM_IRQ_LINE and KVM_IRQ_LINE_STATUS: drives the line of a GSI through the routing table.
   * @param gsi - any number: a GSI without a route is no error
   * @returns the status: the number of vCPUs that got the interrupt (1 for a lowered line); 0 if it coalesced with a
   * pending one; -1 if it was ignored: masked, waiting for its EOI, no route, or no destination
   * @throws KvmError ENXIO before {@link createIrqchip}
   */
  irqLine(gsi: Gsi, level: boolean): number {
    if (!this.irqchip.ready) {
      const rule = 'this VM has no interrupt controller: KVM_CREATE_IRQCHIP comes first';
      throw new KvmError('KVM_IRQ_LINE', 'ENXIO', rule);
    }
    return this.injector.setIrq(gsi, level);
  }
}
