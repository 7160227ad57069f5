import {
  COMMAND_BYTES,
  COMMAND_NAMES,
  ITS_COMMANDS,
  type ItsHandlerName,
  opcodeOf,
  type Packet,
  readPacket,
  VIRTUAL_COMMANDS,
  type VirtualHandlerName,
} from '../arch/its-command.ts';
import { COMMAND_ERRORS, OK } from './command-errors.ts';
import { mapCollection, mapDevice, mapEvent, mapEventToItself } from './commands/mapping.ts';
import { discard, moveAll, moveEvent } from './commands/moving.ts';
import { clear, invalidate, invalidateAll, raise, synchronize } from './commands/pending.ts';
import {
  configureSgi,
  invalidateDoorbell,
  invalidateVpe,
  mapVirtualEvent,
  mapVirtualEventToItself,
  mapVpe,
  moveVirtualEvent,
  moveVpe,
  synchronizeVpe,
  type VirtualItsState,
} from './commands/virtual.ts';
import { isQueueValid, queueBaseOf, queueBytesOf } from './register-file.ts';
import type { ItsState } from './state.ts';

/**
 * Carries out a command; returns 0, or a code of {@link COMMAND_ERRORS}. A failed command changes nothing, except that
 * MAPD (ENOMEM) and DISCARD (EFAULT) have unmapped by then.
 */
type Handler = (its: ItsState, packet: Packet) => number;

/** By the handler names in {@link ITS_COMMANDS}. */
const HANDLERS: Readonly<Record<ItsHandlerName, Handler>> = {
  moveEvent,
  raise,
  clear,
  synchronize,
  mapDevice,
  mapCollection,
  mapEvent,
  mapEventToItself,
  invalidate,
  invalidateAll,
  moveAll,
  discard,
};

const BY_OPCODE: readonly (Handler | undefined)[] = Array.from({ length: 256 }, (_, opcode) => {
  const name = COMMAND_NAMES.get(opcode);
  return name && HANDLERS[ITS_COMMANDS[name].handler];
});

type VirtualHandler = (its: VirtualItsState, packet: Packet) => number;

const VIRTUAL_HANDLERS: Readonly<Record<VirtualHandlerName, VirtualHandler>> = {
  mapVpe,
  moveVpe,
  mapVirtualEvent,
  mapVirtualEventToItself,
  moveVirtualEvent,
  invalidateVpe,
  invalidateDoorbell,
  configureSgi,
  synchronizeVpe,
};

const VIRTUAL_BY_OPCODE: ReadonlyMap<number, VirtualHandler> = new Map(
  Object.values(VIRTUAL_COMMANDS).map(({ opcode, handler }) => [opcode, VIRTUAL_HANDLERS[handler]]),
);

const hasVpes = (its: ItsState): its is VirtualItsState => its.vpes !== undefined;

const NO_PACKET: Packet = [0, 0, 0, 0, 0, 0, 0, 0];

/** Carries out one command, under the lock of the ITS. */
function execute(its: ItsState, packet: Packet): number {
  const handler = BY_OPCODE[opcodeOf(packet)];
  if (!handler) return executeVirtual(its, packet);
  // guard: command-excludes-translations
  its.lock.lock();
  try {
    return handler(its, packet);
  } finally {
    its.lock.unlock();
  }
}

/** As {@link execute}, of the commands for vPEs: unknown opcodes on a board without vPEs. */
function executeVirtual(its: ItsState, packet: Packet): number {
  const handler = VIRTUAL_BY_OPCODE.get(opcodeOf(packet));
  if (!handler || !hasVpes(its)) return COMMAND_ERRORS.ENODEV;
  its.lock.lock();
  try {
    return handler(its, packet);
  } finally {
    its.lock.unlock();
  }
}

/**
 * Carries out the commands from CREADR to CWRITER, in order. The caller holds the command lock. Does nothing while the
 * ITS is disabled, or where an offset is past the end. Counts and skips a bad command.
 */
export function runQueue(its: ItsState): void {
  const { errors, memory, personality, registers } = its;
  // speed: GITS_CBASER is read once (bench its).
  const high = registers.cbaserHigh;
  if (!isQueueValid(high) || !registers.enabled) return;
  const low = registers.cbaserLow;
  const size = queueBytesOf(low);
  const base = queueBaseOf(high, low);
  const end = registers.cwriter;
  let { stalled } = registers;
  let at = registers.creadr;
  if (end >= size || at >= size) return;
  while (at !== end) {
    const readable = memory.has(base + at, COMMAND_BYTES);
    if (!readable && personality.unreadableCommand === 'stall') {
      registers.stalled = true;
      errors.record(COMMAND_ERRORS.EFAULT, at, NO_PACKET);
      return;
    }
    const packet = readable ? readPacket(memory, base + at) : NO_PACKET;
    const outcome = readable ? execute(its, packet) : COMMAND_ERRORS.EFAULT;
    if (outcome !== OK) errors.record(outcome, at, packet);
    at = at + COMMAND_BYTES === size ? 0 : at + COMMAND_BYTES;
    registers.creadr = at;
    if (stalled) registers.stalled = false;
    stalled = false;
  }
}
