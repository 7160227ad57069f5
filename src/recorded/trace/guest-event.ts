import { type DeviceId, type EventId, FIRST_LPI, type Intid, type VcpuId } from '../../arch/intid.ts';
import { ITS_COMMANDS, type ItsCommand } from '../../arch/its-command.ts';
import type { JsonLine } from '../../base/json-line.ts';

export type RegisterFrame = 'GICD' | 'GICR' | 'GITS';
export type IccRegister = 'PMR' | 'BPR1' | 'IGRPEN1' | 'CTLR';

/** `cpu` is -1 unless the frame is a redistributor's. A GICR offset from 0x10000 on is in its SGI frame. */
type RegisterAccess = {
  readonly op: 'read' | 'write';
  readonly frame: RegisterFrame;
  readonly cpu: VcpuId;
  readonly offset: number;
} & ({ readonly size: 1 | 2 | 4; readonly value: number } | { readonly size: 8; readonly value: bigint });

/**
 * One event of a recorded guest. `cpu` is the number of a vCPU of the recording; -1 for an SPI's wire and for accesses
 * to GICD and GITS, which belong to no vCPU.
 */
export type GuestEvent =
  | RegisterAccess
  | { readonly op: 'command'; readonly command: ItsCommand }
  | { readonly op: 'lpi-config'; readonly lpi: Intid; readonly value: number }
  | { readonly op: 'msi'; readonly deviceId: DeviceId; readonly eventId: EventId }
  | { readonly op: 'line'; readonly intid: Intid; readonly level: 0 | 1; readonly cpu: VcpuId }
  | { readonly op: 'icc'; readonly cpu: VcpuId; readonly register: IccRegister; readonly value: number }
  | {
      readonly op: 'sgi';
      /** The sender. */
      readonly cpu: VcpuId;
      readonly intid: Intid;
      readonly irm: 0 | 1;
      /** Aff3, Aff2 and Aff1 of the targets, a byte each, Aff1 lowest. */
      readonly affinity: number;
      /** Bit n stands for Aff0 = n. */
      readonly targets: number;
    }
  | { readonly op: 'iar' | 'eoi' | 'dir'; readonly cpu: VcpuId; readonly intid: Intid };

export type GuestOp = GuestEvent['op'];

const OPS = [
  'read',
  'write',
  'command',
  'lpi-config',
  'msi',
  'line',
  'icc',
  'sgi',
  'iar',
  'eoi',
  'dir',
] as const satisfies readonly GuestOp[];
const FRAMES = ['GICD', 'GICR', 'GITS'] as const;
const ICC_REGISTERS = ['PMR', 'BPR1', 'IGRPEN1', 'CTLR'] as const;
// Recordings have no fields for MOVALL's two redistributors.
const COMMANDS = (Object.keys(ITS_COMMANDS) as ItsCommand['name'][]).filter((name) => name !== 'MOVALL');

/** Frame sizes in bytes: the redistributor's with its SGI frame, the ITS with its translation frame. */
const FRAME_BYTES = { GICD: 0x1_0000, GICR: 0x2_0000, GITS: 0x2_0000 } as const;

const U32 = 0xffff_ffff;
const MAX_INTID = 0xff_ffff;

/** The header's limits for events. */
export type EventBounds = { readonly cpus: number; readonly spis: number };

/** Reads one event from the current line of `line`. @throws IrqError `ERR_TRACE_FORMAT` */
export function readGuestEvent(line: JsonLine, bounds: EventBounds): GuestEvent {
  const op = line.choice('op', OPS);
  const event = readFields(op, line, bounds);
  line.end(event.op === 'command' ? `command ${event.command.name}` : `op ${op}`);
  return event;
}

function readFields(op: GuestOp, line: JsonLine, bounds: EventBounds): GuestEvent {
  switch (op) {
    case 'read':
    case 'write':
      return readAccess(op, line, bounds);
    case 'command':
      return { op, command: readCommand(line) };
    case 'lpi-config':
      return { op, lpi: line.integer('lpi', FIRST_LPI, MAX_INTID), value: line.hex('value', 8) };
    case 'msi':
      return { op, deviceId: line.integer('deviceId', 0, U32), eventId: line.integer('eventId', 0, U32) };
    case 'line':
      return readWire(line, bounds);
    case 'icc': {
      const cpu = readCpu(line, bounds);
      return { op, cpu, register: line.choice('register', ICC_REGISTERS), value: line.hex('value', 32) };
    }
    case 'sgi':
      return {
        op,
        cpu: readCpu(line, bounds),
        intid: line.integer('intid', 0, 15),
        irm: bit(line, 'irm'),
        affinity: line.hex('affinity', 24),
        targets: line.hex('targets', 16),
      };
    case 'iar':
    case 'eoi':
    case 'dir':
      return { op, cpu: readCpu(line, bounds), intid: readIntid(line) };
  }
}

function readAccess(op: 'read' | 'write', line: JsonLine, bounds: EventBounds): GuestEvent {
  const frame = line.choice('frame', FRAMES);
  const cpu = frame === 'GICR' ? readCpu(line, bounds) : -1;
  const offset = line.hex('offset', 32);
  const size = line.integer('size', 1, 8);
  if (size !== 1 && size !== 2 && size !== 4 && size !== 8) {
    throw line.error(`size is ${size}; expected 1, 2, 4 or 8 (bytes)`);
  }
  if (offset + size > FRAME_BYTES[frame]) {
    const end = FRAME_BYTES[frame].toString(16);
    throw line.error(`offset is 0x${offset.toString(16)}; expected one inside ${frame}, below 0x${end}`);
  }
  if (offset % size !== 0) {
    throw line.error(`offset is 0x${offset.toString(16)}; expected a multiple of the size, ${size}`);
  }
  return size === 8
    ? { op, frame, cpu, offset, size, value: line.hex64('value') }
    : { op, frame, cpu, offset, size, value: line.hex('value', size * 8) };
}

function readCommand(line: JsonLine): ItsCommand {
  const name = line.choice('name', COMMANDS);
  const deviceId = () => line.integer('deviceId', 0, U32);
  const eventId = () => line.integer('eventId', 0, U32);
  const collectionId = () => line.integer('collectionId', 0, 0xffff);
  const rdbase = () => line.integer('rdbase', 0, 2 ** 36 - 1);
  const valid = () => bit(line, 'valid') === 1;
  switch (name) {
    case 'MAPD': {
      const size = () => line.integer('size', 0, 31);
      return { name, deviceId: deviceId(), size: size(), ittAddr: line.hex('ittAddr', 52), valid: valid() };
    }
    case 'MAPC':
      return { name, collectionId: collectionId(), rdbase: rdbase(), valid: valid() };
    case 'MAPTI': {
      const lpi = () => line.integer('lpi', 0, U32);
      return { name, deviceId: deviceId(), eventId: eventId(), lpi: lpi(), collectionId: collectionId() };
    }
    case 'MAPI':
    case 'MOVI':
      return { name, deviceId: deviceId(), eventId: eventId(), collectionId: collectionId() };
    case 'INT':
    case 'CLEAR':
    case 'DISCARD':
    case 'INV':
      return { name, deviceId: deviceId(), eventId: eventId() };
    case 'INVALL':
      return { name, collectionId: collectionId() };
    case 'SYNC':
      return { name, rdbase: rdbase() };
  }
}

function readWire(line: JsonLine, bounds: EventBounds): GuestEvent {
  const intid: Intid = line.integer('intid', 16, 31 + bounds.spis);
  const level = bit(line, 'level');
  if (intid < 32) return { op: 'line', intid, level, cpu: readCpu(line, bounds) };
  return { op: 'line', intid, level, cpu: -1 };
}

const readCpu = (line: JsonLine, bounds: EventBounds) => line.integer('cpu', 0, bounds.cpus - 1);
const bit = (line: JsonLine, name: string) => (line.integer(name, 0, 1) === 1 ? 1 : 0);

function readIntid(line: JsonLine): Intid {
  const intid: Intid = line.integer('intid', 0, MAX_INTID);
  if (intid >= 1024 && intid < FIRST_LPI) {
    throw line.error(`intid is ${intid}; expected 0 to 1023, or an LPI (${FIRST_LPI} or more)`);
  }
  return intid;
}
