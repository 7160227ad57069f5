import { type DeviceId, type EventId, FIRST_SPI, type Intid, type VcpuId } from '../arch/intid.ts';
import { gits } from '../arch/registers.ts';
import type { MachineConfig } from '../board/config.ts';
import { itsFrame } from '../board/frames.ts';
import type { Fd, Gsi } from '../kvm/gsi.ts';
import { MSI_VALID_DEVID, type Route } from '../kvm/route.ts';
import type { Connection, Design, DesignSource } from '../vmm/design.ts';
import { VMM_POLICIES, type VmmPolicy } from '../vmm/policies.ts';
import { itsOf } from './its-drivers.ts';

/**
 * How a source reaches its vCPU. `msi`: an irqfd that ends in an LPI. `msi-spi`: an irqfd with an MSI whose data is the
 * SPI. `edge`: an irqfd on an edge-triggered SPI. `level`: KVM_IRQ_LINE or a resampling irqfd on a level-triggered SPI.
 */
export type SourceKind = 'msi' | 'msi-spi' | 'edge' | 'level';

/** An interrupt source: the device thread that signals, and the initial names of its interrupt. */
export type Source = {
  readonly kind: SourceKind;
  /** The device thread that signals the source. */
  readonly device: number;
  readonly fd: Fd;
  /** The eventfd that is written at the EOI; -1 if the device is not resampled. */
  readonly resamplefd: Fd;
  /** -1 if the design has no GSI for the source. */
  readonly gsi: Gsi;
  /** -1 for SPIs, both. */
  readonly deviceId: DeviceId;
  readonly eventId: EventId;
  readonly intid: Intid;
  readonly vcpu: VcpuId;
};

type ItsBase = Pick<MachineConfig, 'itsBase' | 'itses'>;

/** QEMU's habits, but with every GSI allocatable: a topology may need all of them. */
export const SOURCE_POLICY: VmmPolicy = { ...VMM_POLICIES.qemu, limit: (routes) => routes };

/** Userland's name for a source. */
export function nameOf({ kind, intid, deviceId, eventId }: Source, config: ItsBase): DesignSource {
  const doorbell = itsFrame(config, kind === 'msi' ? itsOf(deviceId, config) : 0) + gits.TRANSLATER;
  if (kind === 'msi') return { kind: 'msi', deviceId, eventId, doorbell };
  if (kind === 'msi-spi') return { kind: 'msi', deviceId, eventId: intid as number, doorbell };
  return { kind: 'wired', pin: intid - FIRST_SPI };
}

/** The irqfds of some sources: all but the level-triggered SPIs that KVM_IRQ_LINE drives. */
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
 * Replaces events by SPIs in a design whose irqfds cannot end in an LPI. Each event gets its own edge-triggered SPI,
 * from pin 0 on. The design names the SPI by its pin, or by an MSI whose data is the INTID.
 */
export function standIns(sources: readonly Source[], { msi }: Pick<Design, 'msi'>): Source[] {
  if (msi === 'lpi') return [...sources];
  return sources.map((source, pin): Source => {
    const intid: Intid = FIRST_SPI + pin;
    if (msi === 'spi') return { ...source, kind: 'msi-spi', intid };
    return { ...source, kind: 'edge', gsi: pin, deviceId: -1, eventId: -1, intid };
  });
}

/** The routing table for some sources: each wired GSI to its pin, and an MSI route for each event. */
export function routesOf(config: ItsBase & Pick<MachineConfig, 'spis'>, sources: readonly Source[]): Route[] {
  const doorbellOf = (deviceId: DeviceId) => itsFrame(config, itsOf(deviceId, config)) + gits.TRANSLATER;
  const wired = Array.from(
    { length: config.spis },
    (_, pin): Route => ({ type: 'irqchip', gsi: pin, irqchip: 0, pin }),
  );
  const messages = sources.flatMap(({ kind, gsi, deviceId, eventId }): Route[] =>
    kind === 'msi'
      ? [{ type: 'msi', gsi, flags: MSI_VALID_DEVID, address: doorbellOf(deviceId), data: eventId, deviceId }]
      : [],
  );
  return [...wired, ...messages];
}
