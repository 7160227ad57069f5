import type { DeviceId, EventId } from '../../arch/intid.ts';
import { ITS_COMMANDS, type ItsCommand } from '../../arch/its-command.ts';
import { type CommandWords, commandWords } from './command-words.ts';
import { defaultIttOf, type ItsNumber } from './vector-layout.ts';
import type { VectorCommand } from './vector-step.ts';
import type { Pairs, VectorWords } from './vector-words.ts';

const U32 = 0xffff_ffff;
const RDBASE_MAX = 2 ** 36 - 1;

/** The keys of each command. */
const KEYS = {
  MAPD: ['dev', 'bits', 'itt', 'valid'],
  MAPC: ['coll', 'rd', 'valid'],
  MAPTI: ['dev', 'event', 'lpi', 'coll'],
  MAPI: ['dev', 'event', 'coll'],
  MOVI: ['dev', 'event', 'coll'],
  INT: ['dev', 'event'],
  CLEAR: ['dev', 'event'],
  DISCARD: ['dev', 'event'],
  INV: ['dev', 'event'],
  INVALL: ['coll'],
  SYNC: ['rd'],
  MOVALL: ['rd1', 'rd2'],
} as const satisfies Record<ItsCommand['name'], readonly string[]>;

/** Reads `NAME k=v..` or `RAW w0 w1 w2 w3`. */
export function parseCommand(words: VectorWords, [first = '', ...rest]: readonly string[]): VectorCommand {
  const name = first.toUpperCase();
  if (first === '') throw words.error('the command is missing; expected one such as MAPD dev=0x10 bits=5');
  if (name === 'RAW') {
    words.most('RAW', rest, 4);
    const word = (index: number) =>
      rest[index] === undefined ? 0n : words.wide(`word ${index}`, rest[index]);
    return { name, words: [word(0), word(1), word(2), word(3)] };
  }
  if (!isCommand(name)) throw words.unknown('command', first, [...Object.keys(ITS_COMMANDS), 'RAW']);
  return commandOf(name, words, words.pairs(name, rest, KEYS[name]));
}

const isCommand = (name: string): name is ItsCommand['name'] => Object.hasOwn(ITS_COMMANDS, name);

function commandOf(name: ItsCommand['name'], words: VectorWords, pairs: Pairs): ItsCommand {
  const take = (key: string, most: number, otherwise?: string) => {
    const text = pairs.get(key) ?? otherwise;
    if (text === undefined) throw words.error(`${name} needs ${key}=`);
    return words.number(`${name} ${key}`, text, 0, most);
  };
  const valid = () => words.bit(`${name} valid`, pairs.get('valid') ?? '1') === 1;
  switch (name) {
    case 'MAPD': {
      const deviceId: DeviceId = take('dev', U32);
      // The field is EventID bits - 1, in five bits: bits=0 wraps to 32.
      const size = (take('bits', 32, '1') + 31) % 32;
      const itt = pairs.get('itt');
      const ittAddr =
        itt === undefined ? defaultIttOf(deviceId, words.its) : ittField(words.wide('MAPD itt', itt));
      return { name, deviceId, size, ittAddr, valid: valid() };
    }
    case 'MAPC':
      return {
        name,
        collectionId: take('coll', 0xffff),
        rdbase: take('rd', RDBASE_MAX, '0'),
        valid: valid(),
      };
    case 'MAPTI':
      return {
        name,
        deviceId: take('dev', U32),
        eventId: take('event', U32),
        lpi: take('lpi', U32),
        collectionId: take('coll', 0xffff),
      };
    case 'MAPI':
    case 'MOVI':
      return {
        name,
        deviceId: take('dev', U32),
        eventId: take('event', U32),
        collectionId: take('coll', 0xffff),
      };
    case 'INT':
    case 'CLEAR':
    case 'DISCARD':
    case 'INV':
      return { name, deviceId: take('dev', U32), eventId: take('event', U32) };
    case 'INVALL':
      return { name, collectionId: take('coll', 0xffff) };
    case 'SYNC':
      return { name, rdbase: take('rd', RDBASE_MAX, '0') };
    case 'MOVALL':
      return { name, rdbase: take('rd1', RDBASE_MAX), rdbase2: take('rd2', RDBASE_MAX) };
  }
}

/** The address bits in MAPD's ITT field: an ITT is aligned to 256 bytes. */
const ittField = (address: bigint) => Number(address & 0xf_ffff_ffff_ff00n);

/** The four doublewords of a vector's command. */
export function wordsOf(command: VectorCommand): CommandWords {
  return command.name === 'RAW' ? command.words : commandWords(command);
}

/** A command for an ITS in the vector language: the inverse of {@link parseCommand}. */
export function formatCommand(command: VectorCommand, its: ItsNumber): string {
  const hex = (value: number) => `0x${value.toString(16)}`;
  switch (command.name) {
    case 'RAW':
      return `RAW ${command.words.map((word) => `0x${word.toString(16)}`).join(' ')}`;
    case 'MAPD': {
      const itt =
        command.ittAddr === defaultIttOf(command.deviceId, its) ? '' : ` itt=${hex(command.ittAddr)}`;
      return `MAPD dev=${hex(command.deviceId)} bits=${command.size + 1}${itt}${validity(command)}`;
    }
    case 'MAPC':
      return `MAPC coll=${command.collectionId} rd=${command.rdbase}${validity(command)}`;
    case 'MAPTI':
      return `MAPTI ${eventOf(command)} lpi=${command.lpi} coll=${command.collectionId}`;
    case 'MAPI':
    case 'MOVI':
      return `${command.name} ${eventOf(command)} coll=${command.collectionId}`;
    case 'INT':
    case 'CLEAR':
    case 'DISCARD':
    case 'INV':
      return `${command.name} ${eventOf(command)}`;
    case 'INVALL':
      return `INVALL coll=${command.collectionId}`;
    case 'SYNC':
      return `SYNC rd=${command.rdbase}`;
    case 'MOVALL':
      return `MOVALL rd1=${command.rdbase} rd2=${command.rdbase2}`;
  }
}

const validity = ({ valid }: { readonly valid: boolean }) => (valid ? '' : ' valid=0');
const eventOf = (command: { readonly deviceId: DeviceId; readonly eventId: EventId }) =>
  `dev=0x${command.deviceId.toString(16)} event=${command.eventId}`;
