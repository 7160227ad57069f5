import { FIRST_LPI, type Intid } from '../../arch/intid.ts';
import { deviceIdOf, eventIdOf, fieldOf, isValid, type Packet, rdbaseOf } from '../../arch/its-command.ts';
import { NO_HANDLE } from '../../memory/slots.ts';
import { COMMAND_ERRORS, OK } from '../command-errors.ts';
import { NO_DEVICE } from '../devices.ts';
import { NO_EVENT } from '../events.ts';
import { type ItsState, VPE_TABLE } from '../state.ts';
import { entryAddress, NOT_STORABLE, tableOf } from '../table-walk.ts';
import { type VpePort, virtualId, vlpiOf, vpeOf } from '../vpe-port.ts';

/** The INTID of no doorbell. */
const NO_DOORBELL: Intid = 1023;
const LEAST_BITS = 14;

/** The state of an ITS whose board has vPEs: the queue runs these handlers there alone. */
export type VirtualItsState = ItsState & { readonly vpes: VpePort };

/** EINVAL where the vPE table has no entry of the number in the packet, ENOMEM past the board's room. */
function checkVpe({ memory, registers, vpes }: VirtualItsState, packet: Packet): number {
  const vpe = fieldOf.vpe(packet);
  if (entryAddress(memory, tableOf(registers.baser(VPE_TABLE)), vpe) === NOT_STORABLE)
    return COMMAND_ERRORS.EINVAL;
  return vpe < vpes.count ? OK : COMMAND_ERRORS.ENOMEM;
}

/** As {@link checkVpe}; ENOENT where the vPE is not mapped. */
function checkMapped(its: VirtualItsState, packet: Packet): number {
  const wrong = checkVpe(its, packet);
  if (wrong !== OK) return wrong;
  return its.vpes.isMapped(fieldOf.vpe(packet)) ? OK : COMMAND_ERRORS.ENOENT;
}

function isDoorbell({ lpis }: ItsState, doorbell: Intid): boolean {
  if (doorbell === NO_DOORBELL) return true;
  return doorbell >= FIRST_LPI && doorbell < Math.min(lpis.mappingLimit(), lpis.limit);
}

/**
 * VMAPP: maps a vPE to a PE, with its tables and its default doorbell, or ends the vPE. A mapped vPE stays unchanged. With Alloc = 1
 * the end writes the pending state into the pending table, as Linux wants for a migration. EBUSY: a resident vPE does not end.
 */
export function mapVpe(its: VirtualItsState, packet: Packet): number {
  const { vpes } = its;
  const vpe = fieldOf.vpe(packet);
  const wrong = checkVpe(its, packet);
  if (wrong !== OK) return wrong;
  const alloc = fieldOf.alloc(packet) === 1;
  if (!isValid(packet)) return !vpes.isMapped(vpe) || vpes.unmap(vpe, alloc) ? OK : COMMAND_ERRORS.EBUSY;
  const pe = rdbaseOf(packet);
  const doorbell = fieldOf.defaultDoorbell(packet);
  const bits = fieldOf.pendingBits(packet) + 1;
  if (pe >= its.lpis.vcpus || !isDoorbell(its, doorbell) || bits < LEAST_BITS) return COMMAND_ERRORS.EINVAL;
  if (vpes.isMapped(vpe)) return OK;
  const isMapped = vpes.map(vpe, {
    pe,
    doorbell,
    configTable: fieldOf.configAddr(packet),
    pendingTable: fieldOf.pendingAddr(packet),
    bits,
    isZero: fieldOf.pendingZero(packet) === 1,
  });
  return isMapped ? OK : COMMAND_ERRORS.EFAULT;
}

/** VMOVP: moves a vPE that is not resident, and its doorbell, to another PE. EBUSY: the vPE is resident. */
export function moveVpe(its: VirtualItsState, packet: Packet): number {
  const wrong = checkMapped(its, packet);
  if (wrong !== OK) return wrong;
  const pe = rdbaseOf(packet);
  const doorbell = fieldOf.hasDoorbell(packet) === 1 ? fieldOf.movedDoorbell(packet) : undefined;
  if (pe >= its.lpis.vcpus || !isDoorbell(its, doorbell ?? NO_DOORBELL)) return COMMAND_ERRORS.EINVAL;
  return its.vpes.move(fieldOf.vpe(packet), pe, doorbell) ? OK : COMMAND_ERRORS.EBUSY;
}

/**
 * VMAPTI: maps an event to a vLPI of a vPE, which need not be mapped yet. A mapped event stays unchanged. EINVAL also for an individual
 * doorbell: GITS_TYPER.nID says that there are none.
 */
export function mapVirtualEvent(its: VirtualItsState, packet: Packet): number {
  return mapTo(its, packet, fieldOf.virtualLpi(packet));
}

/** VMAPI: as VMAPTI, to the vLPI whose INTID is the EventID. */
export function mapVirtualEventToItself(its: VirtualItsState, packet: Packet): number {
  return mapTo(its, packet, eventIdOf(packet) as number);
}

function mapTo(its: VirtualItsState, packet: Packet, intid: Intid): number {
  const { devices, events, vpes } = its;
  const eventId = eventIdOf(packet);
  const vpe = fieldOf.vpe(packet);
  const device = devices.find(deviceIdOf(packet));
  if (device === NO_DEVICE) return COMMAND_ERRORS.ENOENT;
  const wrong = checkVpe(its, packet);
  if (wrong !== OK) return wrong;
  if (eventId >= 2 ** devices.bitsOf(device) || fieldOf.doorbell(packet) !== NO_DOORBELL)
    return COMMAND_ERRORS.EINVAL;
  const isVlpi = intid >= FIRST_LPI && intid < vpes.limit;
  if (!isVlpi || (vpes.isMapped(vpe) && !vpes.has(vpe, intid))) return COMMAND_ERRORS.EINVAL;
  if (events.find(deviceIdOf(packet), eventId) !== NO_EVENT) return OK;
  if (vpes.isMapped(vpe)) vpes.reload(vpe, intid);
  const event = events.create(device, eventId, virtualId(vpe, intid), NO_HANDLE);
  return event === NO_EVENT ? COMMAND_ERRORS.ENOMEM : OK;
}

/** VMOVI: gives an event's vLPI to another vPE, under the same INTID; a pending vLPI stays pending. */
export function moveVirtualEvent(its: VirtualItsState, packet: Packet): number {
  const { events, vpes } = its;
  const event = events.find(deviceIdOf(packet), eventIdOf(packet));
  if (event === NO_EVENT || events.lpiOf(event) >= 0) return COMMAND_ERRORS.ENOENT;
  const wrong = checkMapped(its, packet);
  if (wrong !== OK) return wrong;
  const [from, intid] = [vpeOf(events.lpiOf(event)), vlpiOf(events.lpiOf(event))];
  const to = fieldOf.vpe(packet);
  if (!vpes.has(to, intid)) return COMMAND_ERRORS.EINVAL;
  events.give(event, virtualId(to, intid));
  if (to === from) return OK;
  if (vpes.isMapped(from)) vpes.transfer(from, to, intid);
  else vpes.reload(to, intid);
  return OK;
}

/** VINVALL: reads the configuration of all vLPIs of a vPE again. */
export function invalidateVpe(its: VirtualItsState, packet: Packet): number {
  const wrong = checkMapped(its, packet);
  // guard: vinvall-reads-all
  if (wrong === OK) its.vpes.reloadAll(fieldOf.vpe(packet));
  return wrong;
}

/** INVDB: reads the configuration of a vPE's default doorbell again. */
export function invalidateDoorbell(its: VirtualItsState, packet: Packet): number {
  const wrong = checkMapped(its, packet);
  // guard: invdb-reads-configuration
  if (wrong === OK) its.vpes.reloadDoorbell(fieldOf.vpe(packet));
  return wrong;
}

/** VSGI: enables or disables a vSGI, or (Clear = 1) clears its pending state alone. */
export function configureSgi(its: VirtualItsState, packet: Packet): number {
  const wrong = checkMapped(its, packet);
  if (wrong !== OK) return wrong;
  const [vpe, sgi] = [fieldOf.vpe(packet), fieldOf.sgi(packet)];
  if (fieldOf.clear(packet) === 1) {
    its.vpes.clear(vpe, sgi);
    return OK;
  }
  // guard: vsgi-enables
  its.vpes.enableSgi(vpe, sgi, fieldOf.enable(packet) === 1);
  return OK;
}

/** VSYNC: succeeds at once, as SYNC does. */
export function synchronizeVpe(its: VirtualItsState, packet: Packet): number {
  return checkMapped(its, packet);
}
