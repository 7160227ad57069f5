import type { DeviceId, EventId, Intid } from '../arch/intid.ts';
import { NOT_MAPPED } from './collections.ts';
import { NO_EVENT } from './events.ts';
import type { ItsState } from './state.ts';

/** Why an event is not translated. LPIs are 8192 and up, so these cannot be taken for one. */
export const UNMAPPED = -2;
export const ITS_DISABLED = -3;
export const LPIS_DISABLED = -4;

/** What {@link signal} answers, as KVM_SIGNAL_MSI does: the LPI is latched, or the guest has nothing mapped there, or EBUSY. */
const DELIVERED = 1;
const BLOCKED = 0;
const BUSY = -16;

/**
 * The LPI of an event, by the checks that every event has to pass that is not in the translation cache; one that passes
 * is cached. With the lock of the ITS held.
 * @see vgic_its_resolve_lpi in vgic-its.c
 */
export function resolve(its: ItsState, deviceId: DeviceId, eventId: EventId): Intid {
  const { collections, events, lpis, registers } = its;
  const epoch = events.epoch;
  // guard: its-off-loses-msi
  if (!registers.enabled) return ITS_DISABLED;
  const event = events.find(deviceId, eventId);
  if (event === NO_EVENT) return UNMAPPED;
  const vcpu = collections.targetOf(events.collectionOf(event));
  if (vcpu === NOT_MAPPED || vcpu >= lpis.vcpus) return UNMAPPED;
  // guard: disabled-lpis-refuse
  if (!lpis.accepts(vcpu)) return LPIS_DISABLED;
  // guard: stamp-from-before-checks
  events.cache(event, epoch);
  return events.lpiOf(event);
}

/**
 * An MSI past the translation cache: translates and latches in one go, so that no command comes in between. Takes the
 * lock of the ITS: not to be called inside a reader section.
 * @see vgic_its_inject_msi in vgic-its.c
 */
export function signal(its: ItsState, deviceId: DeviceId, eventId: EventId): number {
  its.lock.lock();
  try {
    const lpi = resolve(its, deviceId, eventId);
    // guard: unmapped-event-is-blocked
    if (lpi === UNMAPPED) return BLOCKED;
    if (lpi < 0) return BUSY;
    // guard: slow-path-excludes-commands
    its.lpis.latch(lpi);
    return DELIVERED;
  } finally {
    its.lock.unlock();
  }
}
