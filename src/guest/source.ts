import { type DeviceId, type EventId, FIRST_SPI, type Intid, type VcpuId } from '../arch/intid.ts';
import { gits } from '../arch/registers.ts';
import type { MachineConfig } from '../board/config.ts';
import type { Fd, Gsi } from '../kvm/gsi.ts';
import { MSI_VALID_DEVID, type Route } from '../kvm/route.ts';
import type { Connection, Design, Source as DesignSource } from '../vmm/design.ts';
import { VMM_POLICIES, type VmmPolicy } from '../vmm/policies.ts';

/**
 * How a source reaches its vCPU: an irqfd that ends in an LPI; one with an MSI whose data is the SPI; one on an edge SPI;
 * on a level SPI KVM_IRQ_LINE, or a resampling irqfd.
 */
export type SourceKind = 'msi' | 'msi-spi' | 'edge' | 'level';

/** An interrupt source: what a device thread signals, and the names of its interrupt at the start. */
export type Source = {
  readonly kind: SourceKind;
  /** The device thread that signals it. */
  readonly device: number;
  readonly fd: Fd;
  /** The eventfd that tells the device of the end of the interrupt; -1 where the device is not told. */
  readonly resamplefd: Fd;
  /** -1 where the design has none for it. */
  readonly gsi: Gsi;
  /** -1 for SPIs, both. */
  readonly deviceId: DeviceId;
  readonly eventId: EventId;
  readonly intid: Intid;
  readonly vcpu: VcpuId;
};

type ItsBase = Pick<MachineConfig, 'itsBase'>;

/** QEMU's habits, except that every GSI is handed out: a topology may need them all. */
export const SOURCE_POLICY: VmmPolicy = { ...VMM_POLICIES.qemu, limit: (routes) => routes };

/** The name that userland has for a source. */
export function nameOf({ kind, intid, deviceId, eventId }: Source, { itsBase }: ItsBase): DesignSource {
  const doorbell = itsBase + gits.TRANSLATER;
  if (kind === 'msi') return { kind: 'msi', deviceId, eventId, doorbell };
  if (kind === 'msi-spi') return { kind: 'msi', deviceId, eventId: intid as number, doorbell };
  return { kind: 'wired', pin: intid - FIRST_SPI };
}

/** The irqfds of some sources: all but the levels that KVM_IRQ_LINE drives. */
export function connectionsOf(sources: readonly Source[], config: ItsBase): Connection[] {
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
 * Replaces events by SPIs in a design whose irqfds cannot end in an LPI. Each event gets an edge-triggered SPI of its own,
 * from pin 0 on: named by its pin, or by an MSI whose data is the INTID where the design has those.
 */
export function standIns(sources: readonly Source[], { msi }: Pick<Design, 'msi'>): Source[] {
  if (msi === 'lpi') return [...sources];
  return sources.map((source, pin): Source => {
    const intid: Intid = FIRST_SPI + pin;
    if (msi === 'spi') return { ...source, kind: 'msi-spi', intid };
    return { ...source, kind: 'edge', gsi: pin, deviceId: -1, eventId: -1, intid };
  });
}

/** The routing table for some sources: the wired GSIs, each to its pin, and an MSI route for each event. */
export function routesOf(
  { itsBase, spis }: Pick<MachineConfig, 'itsBase' | 'spis'>,
  sources: readonly Source[],
): Route[] {
  const address = itsBase + gits.TRANSLATER;
  const wired = Array.from(
    { length: spis },
    (_, pin): Route => ({ type: 'irqchip', gsi: pin, irqchip: 0, pin }),
  );
  const messages = sources.flatMap(({ kind, gsi, deviceId, eventId }): Route[] =>
    kind === 'msi' ? [{ type: 'msi', gsi, flags: MSI_VALID_DEVID, address, data: eventId, deviceId }] : [],
  );
  return [...wired, ...messages];
}
