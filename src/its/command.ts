import type { GuestMemory } from '../memory/guest-memory.ts';

/**
 * An ITS command as software means it, before it is 32 bytes in a queue.
 * `size` is the Size field of MAPD: the number of EventID bits minus one. `rdbase` is the RDbase field; with
 * GITS_TYPER.PTA = 0 it is a processor number. `ittAddr` is guest-physical, below 2^52, a multiple of 256.
 */
export type ItsCommand =
  | {
      readonly name: 'MAPD';
      readonly deviceId: number;
      readonly size: number;
      readonly ittAddr: number;
      readonly valid: boolean;
    }
  | { readonly name: 'MAPC'; readonly collectionId: number; readonly rdbase: number; readonly valid: boolean }
  | {
      readonly name: 'MAPTI';
      readonly deviceId: number;
      readonly eventId: number;
      readonly lpi: number;
      readonly collectionId: number;
    }
  | {
      readonly name: 'MAPI' | 'MOVI';
      readonly deviceId: number;
      readonly eventId: number;
      readonly collectionId: number;
    }
  | {
      readonly name: 'INT' | 'CLEAR' | 'DISCARD' | 'INV';
      readonly deviceId: number;
      readonly eventId: number;
    }
  | { readonly name: 'INVALL'; readonly collectionId: number }
  | { readonly name: 'SYNC'; readonly rdbase: number }
  | { readonly name: 'MOVALL'; readonly rdbase: number; readonly rdbase2: number };

export type ItsCommandName = ItsCommand['name'];

/** DW0[7:0] of each command. @see Arm IHI 0069, "ITS commands" */
export const OPCODES = {
  MOVI: 0x01,
  INT: 0x03,
  CLEAR: 0x04,
  SYNC: 0x05,
  MAPD: 0x08,
  MAPC: 0x09,
  MAPTI: 0x0a,
  MAPI: 0x0b,
  INV: 0x0c,
  INVALL: 0x0d,
  MOVALL: 0x0e,
  DISCARD: 0x0f,
} as const satisfies Record<ItsCommandName, number>;

/** The names of the opcodes that are commands here; undefined for all others, those of GICv4 among them. */
export const COMMAND_NAMES: ReadonlyMap<number, ItsCommandName> = new Map(
  Object.entries(OPCODES).map(([name, opcode]) => [opcode, name as ItsCommandName]),
);

/** Bytes of a command in the queue. */
export const COMMAND_BYTES = 32;

/** A command's 32 bytes as words, low word of DW0 first; signed. */
export type Packet = readonly [number, number, number, number, number, number, number, number];

/** Reads the command at `address`, which must lie in guest memory. */
export function readPacket(memory: GuestMemory, address: number): Packet {
  return [
    memory.word(address),
    memory.word(address + 4),
    memory.word(address + 8),
    memory.word(address + 12),
    memory.word(address + 16),
    memory.word(address + 20),
    memory.word(address + 24),
    memory.word(address + 28),
  ];
}

/** Lays a command into guest memory, as a driver does before it moves CWRITER. @throws IrqError `ERR_GUEST_ADDRESS` */
export function writePacket(memory: GuestMemory, address: number, packet: Packet): void {
  packet.forEach((word, index) => {
    memory.setWord(address + 4 * index, word);
  });
}

// The fields, where the architecture has them; MAPC's RDbase as KVM reads it, DW2[47:16].

export const opcodeOf = (packet: Packet): number => packet[0] & 0xff;
export const deviceIdOf = (packet: Packet): number => packet[1] >>> 0;
export const eventIdOf = (packet: Packet): number => packet[2] >>> 0;
export const lpiOf = (packet: Packet): number => packet[3] >>> 0;
export const sizeOf = (packet: Packet): number => packet[2] & 0x1f;
export const ittAddrOf = (packet: Packet): number =>
  (packet[5] & 0xf_ffff) * 2 ** 32 + ((packet[4] & ~0xff) >>> 0);
export const icidOf = (packet: Packet): number => packet[4] & 0xffff;
export const rdbaseOf = (packet: Packet): number => ((packet[4] >>> 16) | ((packet[5] & 0xffff) << 16)) >>> 0;
export const rdbase2Of = (packet: Packet): number =>
  ((packet[6] >>> 16) | ((packet[7] & 0xffff) << 16)) >>> 0;
export const isValid = (packet: Packet): boolean => packet[5] < 0;

/** Puts a command's fields where the architecture has them. Fields wider than their place are cut off. */
export function encodeCommand(command: ItsCommand): Packet {
  const opcode = OPCODES[command.name];
  switch (command.name) {
    case 'MAPD': {
      const high = Math.floor(command.ittAddr / 2 ** 32) & 0xf_ffff;
      const size = command.size & 0x1f;
      return [opcode, command.deviceId | 0, size, 0, command.ittAddr & ~0xff, high | v(command), 0, 0];
    }
    case 'MAPC': {
      const [low, high] = rdbaseField(command.rdbase);
      return [opcode, 0, 0, 0, low | icid(command), high | v(command), 0, 0];
    }
    case 'MAPTI':
      return [opcode, command.deviceId | 0, command.eventId | 0, command.lpi | 0, icid(command), 0, 0, 0];
    case 'MAPI':
    case 'MOVI':
      return [opcode, command.deviceId | 0, command.eventId | 0, 0, icid(command), 0, 0, 0];
    case 'INT':
    case 'CLEAR':
    case 'DISCARD':
    case 'INV':
      return [opcode, command.deviceId | 0, command.eventId | 0, 0, 0, 0, 0, 0];
    case 'INVALL':
      return [opcode, 0, 0, 0, icid(command), 0, 0, 0];
    case 'SYNC':
      return [opcode, 0, 0, 0, ...rdbaseField(command.rdbase), 0, 0];
    case 'MOVALL':
      return [opcode, 0, 0, 0, ...rdbaseField(command.rdbase), ...rdbaseField(command.rdbase2)];
  }
}

/** What a packet says, without the bits that its command does not use; undefined where its opcode is no command here. */
export function decodeCommand(packet: Packet): ItsCommand | undefined {
  const name = COMMAND_NAMES.get(opcodeOf(packet));
  if (name === undefined) return undefined;
  const event = { deviceId: deviceIdOf(packet), eventId: eventIdOf(packet) };
  const collectionId = icidOf(packet);
  switch (name) {
    case 'MAPD': {
      const size = sizeOf(packet);
      return { name, deviceId: event.deviceId, size, ittAddr: ittAddrOf(packet), valid: isValid(packet) };
    }
    case 'MAPC':
      return { name, collectionId, rdbase: rdbaseOf(packet), valid: isValid(packet) };
    case 'MAPTI':
      return { name, ...event, lpi: lpiOf(packet), collectionId };
    case 'MAPI':
    case 'MOVI':
      return { name, ...event, collectionId };
    case 'INT':
    case 'CLEAR':
    case 'DISCARD':
    case 'INV':
      return { name, ...event };
    case 'INVALL':
      return { name, collectionId };
    case 'SYNC':
      return { name, rdbase: rdbaseOf(packet) };
    case 'MOVALL':
      return { name, rdbase: rdbaseOf(packet), rdbase2: rdbase2Of(packet) };
  }
}

const icid = (command: { readonly collectionId: number }): number => command.collectionId & 0xffff;
const v = (command: { readonly valid: boolean }): number => (command.valid ? 1 << 31 : 0);
const rdbaseField = (rdbase: number): readonly [number, number] => [
  (rdbase & 0xffff) << 16,
  (rdbase >>> 16) & 0xffff,
];
