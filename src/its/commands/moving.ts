import { deviceIdOf, eventIdOf, icidOf, type Packet, rdbase2Of, rdbaseOf } from '../../arch/its-command.ts';
import { NOT_MAPPED } from '../collections.ts';
import { COMMAND_ERRORS, OK } from '../command-errors.ts';
import { NO_EVENT } from '../events.ts';
import { type ItsState, removeEvent } from '../state.ts';
import { ENTRY_BYTES } from '../table-walk.ts';
import { ittEntry } from './mapping.ts';

/** MOVI: puts an event into another collection. Its LPI goes to the redistributor of that collection; a pending LPI stays pending. */
export function moveEvent(its: ItsState, packet: Packet): number {
  const { collections, events, lpis } = its;
  const event = events.find(deviceIdOf(packet), eventIdOf(packet));
  if (event === NO_EVENT) return COMMAND_ERRORS.E_ITS_MOVI_UNMAPPED_INTERRUPT;
  if (collections.targetOf(events.collectionOf(event)) === NOT_MAPPED)
    return COMMAND_ERRORS.E_ITS_MOVI_UNMAPPED_COLLECTION;
  const collection = collections.find(icidOf(packet));
  const vcpu = collections.targetOf(collection);
  if (vcpu === NOT_MAPPED) return COMMAND_ERRORS.E_ITS_MOVI_UNMAPPED_COLLECTION;
  events.move(event, collection);
  events.invalidate();
  // guard: movi-takes-pending-along
  lpis.retarget(events.lpiOf(event), vcpu);
  return OK;
}

/**
 * MOVALL: retargets every LPI from one redistributor to another. Collections keep their targets. Follows the
 * architecture, and KVM before 6.10; since 6.10, KVM moves the LPIs of all redistributors.
 */
export function moveAll({ events, lpis }: ItsState, packet: Packet): number {
  const from = rdbaseOf(packet);
  const to = rdbase2Of(packet);
  if (from >= lpis.vcpus || to >= lpis.vcpus) return COMMAND_ERRORS.E_ITS_MOVALL_PROCNUM_OOR;
  if (from === to) return OK;
  lpis.forEachMapped((lpi) => {
    // guard: movall-moves-one-vcpu
    if (lpis.targetOf(lpi) === from) lpis.retarget(lpi, to);
  });
  events.invalidate();
  return OK;
}

/** DISCARD: unmaps an event and clears its LPI's pending state. */
export function discard(its: ItsState, packet: Packet): number {
  const { collections, events, memory } = its;
  const event = events.find(deviceIdOf(packet), eventIdOf(packet));
  const isVirtual = event !== NO_EVENT && events.lpiOf(event) < 0;
  if (event === NO_EVENT || (!isVirtual && collections.targetOf(events.collectionOf(event)) === NOT_MAPPED))
    return COMMAND_ERRORS.E_ITS_DISCARD_UNMAPPED_INTERRUPT;
  const entry = ittEntry(its, events.deviceOf(event), events.eventIdOf(event));
  // guard: discard-unmaps-event
  removeEvent(its, event);
  if (!its.personality.zeroesEntries) return OK;
  if (!memory.has(entry, ENTRY_BYTES)) return COMMAND_ERRORS.EFAULT;
  memory.setDoubleWord(entry, 0n);
  return OK;
}
