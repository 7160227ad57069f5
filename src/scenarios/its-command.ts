/**
 * An ITS command as software means it, before it is 32 bytes in a queue.
 * `size` is the Size field of MAPD: the number of EventID bits minus one. `rdbase` is the RDbase field as it stands in
 * the command; with GITS_TYPER.PTA = 0 it is a processor number. `ittAddr` is guest-physical, below 2^52.
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

/** The four doublewords of a command, DW0 first. */
export type CommandWords = readonly [bigint, bigint, bigint, bigint];

/** Bytes of a command in the queue. */
export const COMMAND_BYTES = 32;

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

/** Puts a command's fields where the architecture has them. Fields wider than their place are cut off. */
export function encodeCommand(command: ItsCommand): CommandWords {
  const opcode = BigInt(OPCODES[command.name]);
  switch (command.name) {
    case 'MAPD': {
      const ittAddr = BigInt(command.ittAddr) & 0xf_ffff_ffff_ff00n;
      return [opcode | deviceField(command), BigInt(command.size & 0x1f), ittAddr | validField(command), 0n];
    }
    case 'MAPC':
      return [opcode, 0n, icid(command) | rdbaseField(command.rdbase) | validField(command), 0n];
    case 'MAPTI':
      return [opcode | deviceField(command), event(command) | (u32(command.lpi) << 32n), icid(command), 0n];
    case 'MAPI':
    case 'MOVI':
      return [opcode | deviceField(command), event(command), icid(command), 0n];
    case 'INT':
    case 'CLEAR':
    case 'DISCARD':
    case 'INV':
      return [opcode | deviceField(command), event(command), 0n, 0n];
    case 'INVALL':
      return [opcode, 0n, icid(command), 0n];
    case 'SYNC':
      return [opcode, 0n, rdbaseField(command.rdbase), 0n];
    case 'MOVALL':
      return [opcode, 0n, rdbaseField(command.rdbase), rdbaseField(command.rdbase2)];
  }
}

/** A command's doublewords as the 32 bytes that lie in guest memory. */
export function commandBytes(words: CommandWords): Uint8Array {
  const bytes = new Uint8Array(COMMAND_BYTES);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => {
    view.setBigUint64(index * 8, word, true);
  });
  return bytes;
}

const u32 = (value: number) => BigInt(value >>> 0);
const deviceField = (command: { readonly deviceId: number }) => u32(command.deviceId) << 32n;
const event = (command: { readonly eventId: number }) => u32(command.eventId);
const icid = (command: { readonly collectionId: number }) => BigInt(command.collectionId & 0xffff);
const rdbaseField = (rdbase: number) => (BigInt(rdbase) & 0xf_ffff_ffffn) << 16n;
const validField = (command: { readonly valid: boolean }) => (command.valid ? 1n << 63n : 0n);
