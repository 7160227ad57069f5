import type { Pin, VcpuId } from '../arch/intid.ts';
import type { Layout } from '../memory/layout.ts';
import type { Words } from '../memory/word.ts';
import { deliver } from './delivery.ts';
import { IoApic, type IoApicRegions, ioApicRegions } from './ioapic.ts';
import { LocalApic, type LocalApicRegions, localApicRegions, NO_VECTOR } from './local-apic.ts';
import { destinationOf, hasRedirectionHint, isLogical, type MsiTarget } from './message.ts';

export type ApicRegions = { readonly ioapic: IoApicRegions; readonly local: readonly LocalApicRegions[] };

/** @param vcpus - 1 to 255: an APIC ID has 8 bits, and 0xFF is all of them */
export function apicRegions(layout: Layout, vcpus: number): ApicRegions {
  return {
    ioapic: ioApicRegions(layout),
    local: Array.from({ length: vcpus }, (_, vcpu) => localApicRegions(layout, vcpu)),
  };
}

export type ApicHooks = {
  /** A vector that a watched pin sends has ended: called with no lock held, before the pin is delivered again. */
  readonly pinEnded: (pin: Pin) => void;
  /** Makes the local APIC of a vCPU; left out, {@link LocalApic} itself. `others` are those of all vCPUs, once all are made. */
  readonly makeLocal?: MakeLocalApic | undefined;
};

export type MakeLocalApic = (
  words: Words,
  regions: LocalApicRegions,
  id: VcpuId,
  others: readonly LocalApic[],
) => LocalApic;

/**
 * The interrupt controller of a PC without its PIC: an IOAPIC, and a local APIC for each vCPU. The controller knows nothing
 * of KVM. One view a thread.
 */
export class Apic {
  readonly ioapic: IoApic;
  readonly local: readonly LocalApic[];

  constructor(words: Words, regions: ApicRegions, hooks: ApicHooks) {
    const make = hooks.makeLocal ?? ((...[at, region, id]) => new LocalApic(at, region, id));
    const local: LocalApic[] = [];
    for (const [id, region] of regions.local.entries()) local.push(make(words, region, id, local));
    this.local = local;
    this.ioapic = new IoApic(words, regions.ioapic, this.local, hooks.pinEnded);
  }

  /** Once, by the thread that creates the memory. */
  reset(): void {
    for (const apic of this.local) apic.reset();
    this.ioapic.reset();
  }

  /** @throws RangeError for a vCPU that is not there */
  cpu(vcpu: VcpuId): LocalApic {
    const apic = this.local[vcpu];
    if (!apic) throw new RangeError(`there is no vCPU ${vcpu}: this machine has ${this.local.length}`);
    return apic;
  }

  /**
   * An MSI: the message goes past the IOAPIC. Any thread, also within a reader section: no lock, no allocation.
   * @returns how many local APICs took the message, 0 where they are disabled, -1 where none has the destination
   */
  message(target: MsiTarget, data: number): number {
    return deliver(this.local, destinationOf(target), isLogical(target), data, hasRedirectionHint(target));
  }

  /**
   * EOI: ends the highest vector that a vCPU has in service, and broadcasts the end to the IOAPIC. The vCPU's thread, outside
   * every lock and section.
   * @returns the vector, or -1 where none was in service
   */
  endOfInterrupt(vcpu: VcpuId): number {
    const apic = this.cpu(vcpu);
    const vector = apic.retire();
    if (vector !== NO_VECTOR) this.ioapic.endOfInterrupt(vector, apic.isLevel(vector));
    return vector;
  }
}
