import type { DeviceId, EventId, Intid } from '../arch/intid.ts';
import { NOT_MAPPED } from './collections.ts';
import { NO_EVENT } from './events.ts';
import type { ItsState } from './state.ts';
import { vlpiOf, vpeOf } from './vpe-port.ts';

/** The reasons for which an event is not translated. LPIs are 8192 and up, and vLPIs (`virtualId`) below -2^30. */
export const UNMAPPED = -2;
export const ITS_DISABLED = -3;
export const LPIS_DISABLED = -4;

/**
 * The answers of {@link signal}, as KVM_SIGNAL_MSI: the LPI is latched; the guest has mapped nothing there; or EBUSY.
 */
const DELIVERED = 1;
const BLOCKED = 0;
const BUSY = -16;

/**
 * The LPI of an event, by the checks for an event that is not in the translation cache. Caches the translation of an
 * event that passes, unless it is a vLPI. The caller holds the lock of the ITS.
 * @see vgic_its_resolve_lpi in vgic-its.c
 */
export function resolve(its: ItsState, deviceId: DeviceId, eventId: EventId): Intid {
  const { collections, events, lpis, registers } = its;
  const epoch = events.epoch;
  // guard: its-off-loses-msi
  if (!registers.enabled) return ITS_DISABLED;
  const event = events.find(deviceId, eventId);
  if (event === NO_EVENT) return UNMAPPED;
  const lpi = events.lpiOf(event);
  if (lpi < 0) return its.vpes?.has(vpeOf(lpi), vlpiOf(lpi)) ? lpi : UNMAPPED;
  const vcpu = collections.targetOf(events.collectionOf(event));
  if (vcpu === NOT_MAPPED || vcpu >= lpis.vcpus) return UNMAPPED;
  // guard: disabled-lpis-refuse
  if (!lpis.accepts(vcpu)) return LPIS_DISABLED;
  // guard: stamp-from-before-checks
  events.cache(event, epoch);
  return lpi;
}

/** Latches the LPI, or the vLPI, that {@link resolve} has returned. The caller holds the lock of the ITS. */
export function latch({ lpis, vpes }: ItsState, lpi: Intid): void {
  if (lpi >= 0) lpis.latch(lpi);
  else vpes?.signal(vpeOf(lpi), vlpiOf(lpi));
}

/** Whether {@link resolve} has refused the MSI because the ITS, or the LPIs of the redistributor, are disabled. */
export const isRefused = (lpi: Intid): boolean => lpi < 0 && lpi >= LPIS_DISABLED;

/**
 * Signals an MSI past the translation cache: translates and latches under the lock of the ITS, so no command comes in
 * between. Must not be called inside a reader section.
 * @see vgic_its_inject_msi in vgic-its.c
 */
export function signal(its: ItsState, deviceId: DeviceId, eventId: EventId): number {
  its.lock.lock();
  try {
    const lpi = resolve(its, deviceId, eventId);
    // guard: unmapped-event-is-blocked
    if (lpi === UNMAPPED) return BLOCKED;
    if (isRefused(lpi)) return BUSY;
    // guard: slow-path-excludes-commands
    latch(its, lpi);
    return DELIVERED;
  } finally {
    its.lock.unlock();
  }
}
