import { deviceIdOf, eventIdOf, icidOf, type Packet } from '../../arch/its-command.ts';
import { NOT_MAPPED } from '../collections.ts';
import { COMMAND_ERRORS, OK } from '../command-errors.ts';
import { NO_EVENT } from '../events.ts';
import type { ItsState } from '../state.ts';
import { isRefused, latch, resolve, UNMAPPED } from '../translation.ts';
import { vlpiOf, vpeOf } from '../vpe-port.ts';

/** INT: makes an event's LPI pending, exactly as an MSI does. */
export function raise(its: ItsState, packet: Packet): number {
  const lpi = resolve(its, deviceIdOf(packet), eventIdOf(packet));
  if (lpi === UNMAPPED) return COMMAND_ERRORS.E_ITS_INT_UNMAPPED_INTERRUPT;
  if (isRefused(lpi)) return COMMAND_ERRORS.EBUSY;
  latch(its, lpi);
  return OK;
}

/** CLEAR: clears the pending state. The event's collection need not be mapped. */
export function clear({ events, lpis, vpes }: ItsState, packet: Packet): number {
  const event = events.find(deviceIdOf(packet), eventIdOf(packet));
  if (event === NO_EVENT) return COMMAND_ERRORS.E_ITS_CLEAR_UNMAPPED_INTERRUPT;
  const lpi = events.lpiOf(event);
  if (lpi >= 0) lpis.clear(lpi);
  else vpes?.clear(vpeOf(lpi), vlpiOf(lpi));
  return OK;
}

/** INV: reads the LPI's byte of the configuration table again. A pending LPI that this enables is delivered. */
export function invalidate({ events, lpis, vpes }: ItsState, packet: Packet): number {
  const event = events.find(deviceIdOf(packet), eventIdOf(packet));
  if (event === NO_EVENT) return COMMAND_ERRORS.E_ITS_INV_UNMAPPED_INTERRUPT;
  const lpi = events.lpiOf(event);
  if (lpi < 0) {
    // guard: inv-reads-vlpi
    if (vpes?.isMapped(vpeOf(lpi))) vpes.reload(vpeOf(lpi), vlpiOf(lpi));
    return OK;
  }
  const config = lpis.configByte(lpi);
  if (config === undefined) return COMMAND_ERRORS.EFAULT;
  // guard: inv-reads-configuration
  lpis.configure(lpi, config);
  return OK;
}

/** INVALL: as INV, for every LPI that targets the collection's redistributor, in whatever collection. */
export function invalidateAll({ collections, lpis }: ItsState, packet: Packet): number {
  const vcpu = collections.targetOf(collections.find(icidOf(packet)));
  if (vcpu === NOT_MAPPED) return COMMAND_ERRORS.E_ITS_INVALL_UNMAPPED_COLLECTION;
  lpis.forEachMapped((lpi) => {
    const config = lpis.targetOf(lpi) === vcpu ? lpis.configByte(lpi) : undefined;
    // guard: invall-reads-all
    if (config !== undefined) lpis.configure(lpi, config);
  });
  return OK;
}

/** SYNC: succeeds at once, because every command completes before the next begins. */
export function synchronize(): number {
  return OK;
}
