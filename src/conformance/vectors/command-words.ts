import { COMMAND_BYTES, encodeCommand, type ItsCommand } from '../../arch/its-command.ts';

/** The four doublewords of a command, DW0 first. */
export type CommandWords = readonly [bigint, bigint, bigint, bigint];

/** Encodes a command. */
export function commandWords(command: ItsCommand): CommandWords {
  const packet = encodeCommand(command);
  const doubleWord = (index: 0 | 2 | 4 | 6) =>
    (BigInt(packet[(index + 1) as 1 | 3 | 5 | 7] >>> 0) << 32n) | BigInt(packet[index] >>> 0);
  return [doubleWord(0), doubleWord(2), doubleWord(4), doubleWord(6)];
}

/** The 32 bytes of a command in guest memory. */
export function commandBytes(words: CommandWords): Uint8Array {
  const bytes = new Uint8Array(COMMAND_BYTES);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => {
    view.setBigUint64(index * 8, word, true);
  });
  return bytes;
}
