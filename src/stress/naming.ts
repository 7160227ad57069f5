import { FIRST_SPI } from '../arch/intid.ts';
import { gits } from '../arch/registers.ts';
import type { MachineConfig } from '../board/config.ts';
import type { Connection, Design, Source as DesignSource } from '../kvm/designs/design.ts';
import { VMM_POLICIES, type VmmPolicy } from '../kvm/vmm/policies.ts';
import type { Source } from './stress-plan.ts';

/** Offset of GITS_TRANSLATER from the base of the ITS: what an MSI is written to. */

/** QEMU's habits, but for the one GSI that it never hands out: a topology may need them all. */
export const STRESS_POLICY: VmmPolicy = { ...VMM_POLICIES.qemu, limit: (routes) => routes };

/** What userland calls a source at the moment. */
export function nameOf(
  { kind, intid, deviceId, eventId }: Source,
  { itsBase }: Pick<MachineConfig, 'itsBase'>,
): DesignSource {
  const doorbell = itsBase + gits.TRANSLATER;
  if (kind === 'msi') return { kind: 'msi', deviceId, eventId, doorbell };
  if (kind === 'msi-spi') return { kind: 'msi', deviceId, eventId: intid, doorbell };
  return { kind: 'wired', pin: intid - FIRST_SPI };
}

/** The irqfds of some sources: all but the levels that are driven by KVM_IRQ_LINE. */
export function connectionsOf(sources: readonly Source[], config: MachineConfig): Connection[] {
  return sources.filter(hasIrqFd).map((source) => ({
    fd: source.fd,
    source: nameOf(source, config),
    resamplefd: source.resamplefd < 0 ? undefined : source.resamplefd,
  }));
}

export function hasIrqFd({ kind, resamplefd }: Source): boolean {
  return kind !== 'level' || resamplefd >= 0;
}

/**
 * What becomes of events in a design whose irqfds cannot end in an LPI: each gets an SPI of its own, edge-triggered, from
 * pin 0 on. By its pin where there is no other name; by an MSI whose data is the INTID where the design has that.
 */
export function standIns(sources: readonly Source[], { msi }: Pick<Design, 'msi'>): Source[] {
  if (msi === 'lpi') return [...sources];
  return sources.map((source, pin): Source => {
    const intid = FIRST_SPI + pin;
    if (msi === 'spi') return { ...source, kind: 'msi-spi', intid };
    return { ...source, kind: 'edge', gsi: pin, deviceId: -1, eventId: -1, intid };
  });
}
