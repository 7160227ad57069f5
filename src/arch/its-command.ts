import type { GuestMemory } from '../memory/guest-memory.ts';
import type { DeviceId, EventId, Intid, VcpuId } from './intid.ts';

/** The place of a command's field: bits `high` to `low` of one of the four double words. */
type Place = {
  readonly doubleWord: 0 | 1 | 2 | 3;
  readonly high: number;
  readonly low: number;
  /** Bytes per step of the field: 256 for the address of a table aligned to 256. */
  readonly unit?: number;
};

/**
 * The fields of the commands. `size` is MAPD's: the number of EventID bits minus one. `rdbase` is a processor number, as
 * with GITS_TYPER.PTA = 0, and lies where KVM reads it, DW2[47:16]. `ittAddr` is guest-physical, below 2^52.
 */
const PLACES = {
  deviceId: { doubleWord: 0, high: 63, low: 32 },
  size: { doubleWord: 1, high: 4, low: 0 },
  eventId: { doubleWord: 1, high: 31, low: 0 },
  lpi: { doubleWord: 1, high: 63, low: 32 },
  collectionId: { doubleWord: 2, high: 15, low: 0 },
  rdbase: { doubleWord: 2, high: 47, low: 16 },
  ittAddr: { doubleWord: 2, high: 51, low: 8, unit: 256 },
  valid: { doubleWord: 2, high: 63, low: 63 },
  rdbase2: { doubleWord: 3, high: 47, low: 16 },

  // Of GICv4.1. `doorbell` is the individual doorbell of an event, `defaultDoorbell` that of a vPE; 1023: none.
  vpe: { doubleWord: 1, high: 47, low: 32 },
  virtualLpi: { doubleWord: 2, high: 31, low: 0 },
  doorbell: { doubleWord: 2, high: 63, low: 32 },
  alloc: { doubleWord: 0, high: 8, low: 8 },
  pendingZero: { doubleWord: 0, high: 9, low: 9 },
  configAddr: { doubleWord: 0, high: 51, low: 16, unit: 0x1_0000 },
  defaultDoorbell: { doubleWord: 1, high: 31, low: 0 },
  pendingAddr: { doubleWord: 3, high: 51, low: 16, unit: 0x1_0000 },
  pendingBits: { doubleWord: 3, high: 4, low: 0 },
  hasDoorbell: { doubleWord: 2, high: 63, low: 63 },
  movedDoorbell: { doubleWord: 3, high: 31, low: 0 },
  sgi: { doubleWord: 0, high: 35, low: 32 },
  enable: { doubleWord: 0, high: 8, low: 8 },
  clear: { doubleWord: 0, high: 9, low: 9 },
} as const satisfies Record<string, Place>;

type FieldName = keyof typeof PLACES;
type FieldTypes = {
  deviceId: DeviceId;
  eventId: EventId;
  lpi: Intid;
  rdbase: VcpuId;
  rdbase2: VcpuId;
  valid: boolean;
  virtualLpi: Intid;
  doorbell: Intid;
  alloc: boolean;
  pendingZero: boolean;
  defaultDoorbell: Intid;
  hasDoorbell: boolean;
  movedDoorbell: Intid;
  sgi: Intid;
  enable: boolean;
  clear: boolean;
};
type FieldValue<F extends FieldName> = F extends keyof FieldTypes ? FieldTypes[F] : number;

/** A command: DW0[7:0], its fields, and the ITS's handler. */
type Row = { readonly opcode: number; readonly fields: readonly FieldName[]; readonly handler: string };

/** Every command of a GICv3 ITS. A new one is a row here and a handler in `its/queue.ts`. @see Arm IHI 0069, "ITS commands" */
export const ITS_COMMANDS = {
  MOVI: { opcode: 0x01, fields: ['deviceId', 'eventId', 'collectionId'], handler: 'moveEvent' },
  INT: { opcode: 0x03, fields: ['deviceId', 'eventId'], handler: 'raise' },
  CLEAR: { opcode: 0x04, fields: ['deviceId', 'eventId'], handler: 'clear' },
  SYNC: { opcode: 0x05, fields: ['rdbase'], handler: 'synchronize' },
  MAPD: { opcode: 0x08, fields: ['deviceId', 'size', 'ittAddr', 'valid'], handler: 'mapDevice' },
  MAPC: { opcode: 0x09, fields: ['collectionId', 'rdbase', 'valid'], handler: 'mapCollection' },
  MAPTI: { opcode: 0x0a, fields: ['deviceId', 'eventId', 'lpi', 'collectionId'], handler: 'mapEvent' },
  MAPI: { opcode: 0x0b, fields: ['deviceId', 'eventId', 'collectionId'], handler: 'mapEventToItself' },
  INV: { opcode: 0x0c, fields: ['deviceId', 'eventId'], handler: 'invalidate' },
  INVALL: { opcode: 0x0d, fields: ['collectionId'], handler: 'invalidateAll' },
  MOVALL: { opcode: 0x0e, fields: ['rdbase', 'rdbase2'], handler: 'moveAll' },
  DISCARD: { opcode: 0x0f, fields: ['deviceId', 'eventId'], handler: 'discard' },
} as const satisfies Record<string, Row>;

/**
 * The commands that GICv4.1 adds, for vPEs; handlers in `its/commands/virtual.ts`. VMOVP's sequence number and ITS list are of machines
 * with several ITSes, and VSGI's group and priority, VMOVI's individual doorbell of parts that a vPE here has not.
 */
export const VIRTUAL_COMMANDS = {
  VMOVI: { opcode: 0x21, fields: ['deviceId', 'eventId', 'vpe'], handler: 'moveVirtualEvent' },
  VMOVP: { opcode: 0x22, fields: ['vpe', 'rdbase', 'hasDoorbell', 'movedDoorbell'], handler: 'moveVpe' },
  VSGI: { opcode: 0x23, fields: ['vpe', 'sgi', 'enable', 'clear'], handler: 'configureSgi' },
  VSYNC: { opcode: 0x25, fields: ['vpe'], handler: 'synchronizeVpe' },
  VMAPP: {
    opcode: 0x29,
    fields: [
      ...['vpe', 'rdbase', 'valid', 'alloc', 'pendingZero', 'defaultDoorbell'],
      ...['configAddr', 'pendingAddr', 'pendingBits'],
    ] as const,
    handler: 'mapVpe',
  },
  VMAPTI: {
    opcode: 0x2a,
    fields: ['deviceId', 'eventId', 'vpe', 'virtualLpi', 'doorbell'],
    handler: 'mapVirtualEvent',
  },
  VMAPI: {
    opcode: 0x2b,
    fields: ['deviceId', 'eventId', 'vpe', 'doorbell'],
    handler: 'mapVirtualEventToItself',
  },
  VINVALL: { opcode: 0x2d, fields: ['vpe'], handler: 'invalidateVpe' },
  INVDB: { opcode: 0x2e, fields: ['vpe'], handler: 'invalidateDoorbell' },
} as const satisfies Record<string, Row>;

export type ItsCommandName = keyof typeof ITS_COMMANDS;
type VirtualCommandName = keyof typeof VIRTUAL_COMMANDS;

/** The names of the handlers that an ITS must have. */
export type ItsHandlerName = (typeof ITS_COMMANDS)[ItsCommandName]['handler'];

/** The names of the handlers that an ITS with vPEs must have too. */
export type VirtualHandlerName = (typeof VIRTUAL_COMMANDS)[VirtualCommandName]['handler'];

type CommandOf<Table extends Readonly<Record<string, Row>>> = {
  [N in keyof Table]: { readonly name: N } & {
    readonly [F in Table[N]['fields'][number]]: FieldValue<F>;
  };
}[keyof Table];

/** A command before its encoding: its name, and a property for each of its fields. */
export type ItsCommand = CommandOf<typeof ITS_COMMANDS>;
/** A command for vPEs, likewise. */
export type VirtualCommand = CommandOf<typeof VIRTUAL_COMMANDS>;

const NAMES = Object.keys(ITS_COMMANDS) as ItsCommandName[];

/** The names of the opcodes that are commands here; all others, those of GICv4 included, are undefined. */
export const COMMAND_NAMES: ReadonlyMap<number, ItsCommandName> = new Map(
  NAMES.map((name) => [ITS_COMMANDS[name].opcode, name]),
);

/** Bytes of a command in the queue. */
export const COMMAND_BYTES = 32;

/** A command's 32 bytes as words, low word of DW0 first; signed. */
export type Packet = Readonly<MutablePacket>;
type MutablePacket = [number, number, number, number, number, number, number, number];

/** Reads the command at `address`, which must lie in guest memory. */
export function readPacket(memory: GuestMemory, address: number): Packet {
  const packet: MutablePacket = [0, 0, 0, 0, 0, 0, 0, 0];
  memory.words(address, packet);
  return packet;
}

/**
 * Writes a command into guest memory, as a driver does before it moves CWRITER. @throws IrqError `ERR_GUEST_ADDRESS`
 */
export function writePacket(memory: GuestMemory, address: number, packet: Packet): void {
  memory.setWords(address, packet);
}

export const opcodeOf = (packet: Packet): number => packet[0] & 0xff;
export const deviceIdOf: (packet: Packet) => DeviceId = reader(PLACES.deviceId);
export const eventIdOf: (packet: Packet) => EventId = reader(PLACES.eventId);
export const lpiOf: (packet: Packet) => Intid = reader(PLACES.lpi);
export const sizeOf = reader(PLACES.size);
export const ittAddrOf = reader(PLACES.ittAddr);
export const icidOf = reader(PLACES.collectionId);
export const rdbaseOf: (packet: Packet) => VcpuId = reader(PLACES.rdbase);
export const rdbase2Of: (packet: Packet) => VcpuId = reader(PLACES.rdbase2);
export const isValid = (packet: Packet): boolean => packet[5] < 0;
/** Reads each field that the table of places has. */
export const fieldOf: Readonly<Record<FieldName, (packet: Packet) => number>> = Object.fromEntries(
  Object.entries(PLACES).map(([name, place]) => [name, reader(place)]),
) as Record<FieldName, (packet: Packet) => number>;

/** Makes a function that reads a field of a packet; unsigned. */
function reader({ doubleWord, high, low, unit = 1 }: Place): (packet: Packet) => number {
  const word = 2 * doubleWord + (low >= 32 ? 1 : 0);
  const shift = low & 31;
  if (low < 32 && high >= 32) {
    const highMask = 2 ** (high - 31) - 1;
    const scale = 2 ** (32 - shift);
    return (packet) =>
      (((packet[word + 1] ?? 0) & highMask) * scale + ((packet[word] ?? 0) >>> shift)) * unit;
  }
  const mask = 2 ** (high - low + 1) - 1;
  return (packet) => ((((packet[word] ?? 0) >>> shift) & mask) >>> 0) * unit;
}

type Writer = (packet: MutablePacket, value: number) => void;

/** Makes a function that writes a field into a packet whose bits there are zero. */
function writer({ doubleWord, high, low, unit = 1 }: Place): Writer {
  const word = 2 * doubleWord + (low >= 32 ? 1 : 0);
  const shift = low & 31;
  if (low < 32 && high >= 32) {
    const highMask = 2 ** (high - 31) - 1;
    const scale = 2 ** shift;
    return (packet, value) => {
      const field = Math.floor(value / unit);
      packet[word] = (packet[word] ?? 0) | (field * scale);
      packet[word + 1] = (packet[word + 1] ?? 0) | (Math.floor((field * scale) / 2 ** 32) & highMask);
    };
  }
  const mask = 2 ** (high - low + 1) - 1;
  return (packet, value) => {
    packet[word] = (packet[word] ?? 0) | ((value & mask) << shift);
  };
}

type Encoder = {
  readonly opcode: number;
  readonly fields: readonly { readonly field: FieldName; readonly put: Writer }[];
};

/** By command: its opcode, and the writers of its fields. */
const ENCODERS: ReadonlyMap<string, Encoder> = new Map(
  Object.entries<Row>({ ...ITS_COMMANDS, ...VIRTUAL_COMMANDS }).map(([name, { opcode, fields }]) => {
    return [name, { opcode, fields: fields.map((field) => ({ field, put: writer(PLACES[field]) })) }];
  }),
);

/** Encodes a command's fields as the architecture places them. Fields wider than their place are cut off. */
export function encodeCommand(command: ItsCommand | VirtualCommand): Packet {
  const encoder = ENCODERS.get(command.name);
  const packet: MutablePacket = [encoder?.opcode ?? 0, 0, 0, 0, 0, 0, 0, 0];
  const values = command as unknown as Readonly<Record<FieldName, number | boolean>>;
  for (const { field, put } of encoder?.fields ?? []) put(packet, Number(values[field]));
  return packet;
}

/** Decodes a packet, ignoring bits that its command does not use; undefined if its opcode is no command here. */
export function decodeCommand(packet: Packet): ItsCommand | undefined {
  const name = COMMAND_NAMES.get(opcodeOf(packet));
  if (name === undefined) return undefined;
  const fields = ITS_COMMANDS[name].fields.map((field) => [
    field,
    field === 'valid' ? isValid(packet) : fieldOf[field](packet),
  ]);
  // The row lists the fields; the type is derived from the row.
  return { name, ...Object.fromEntries(fields) } as ItsCommand;
}
