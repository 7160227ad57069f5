import type { Intid, VcpuId } from '../../arch/intid.ts';
import { encodeCommand } from '../../arch/its-command.ts';
import type { GuestEvent, IccRegister, RegisterFrame } from './guest-event.ts';
import type { GuestTrace } from './guest-trace.ts';

/** The kinds of a {@link PackedTrace}'s events: small numbers, so that a `switch` over them is a jump table. */
export const PACKED = {
  readGicd: 0,
  readGicr: 1,
  readGits: 2,
  writeGicd: 3,
  writeGicr: 4,
  writeGits: 5,
  command: 6,
  lpiConfig: 7,
  msi: 8,
  line: 9,
  icc: 10,
  sgi: 11,
  iar: 12,
  eoi: 13,
  dir: 14,
} as const;

export type PackedKind = (typeof PACKED)[keyof typeof PACKED];

/** The codes of `icc` events. */
export const PACKED_ICC = { PMR: 0, BPR1: 1, IGRPEN1: 2, CTLR: 3 } as const satisfies Record<
  IccRegister,
  number
>;

/** 32-bit words of a command in {@link PackedTrace.commands}. */
export const PACKED_COMMAND_WORDS = 8;

/**
 * A recorded guest as columns of numbers, one row an event: a replay parses, looks up and allocates nothing. The
 * meaning of `a` and `b` depends on the kind:
 *
 * | kind | size | cpu | a | b |
 * |---|---|---|---|---|
 * | read*, write* | 1, 2, 4, 8 | vCPU for Gicr, else -1 | offset | the value (unsigned); with size 8 its index in `wide` |
 * | command | 32 | -1 | index: `commands[8 * a]` to `[8 * a + 7]` | 0 |
 * | lpiConfig | 1 | -1 | LPI | byte |
 * | msi | 4 | -1 | DeviceID | EventID |
 * | line | 0 | vCPU for a PPI, else -1 | INTID | level |
 * | icc | 8 | vCPU | code of {@link PACKED_ICC} | value |
 * | sgi | 8 | the sender | index in `wide` of the ICC_SGI1R value | INTID |
 * | iar, eoi, dir | 8 | vCPU | INTID | 0 |
 */
export type PackedTrace = {
  readonly count: number;
  /** Of each event, one of {@link PACKED}. */
  readonly kind: Uint8Array;
  readonly size: Uint8Array;
  readonly cpu: Int16Array;
  readonly a: Uint32Array;
  readonly b: Uint32Array;
  /** The 64-bit values, made before the replay: a BigUint64Array would allocate one at every read. */
  readonly wide: readonly bigint[];
  /** Every ITS command as in the queue: eight little-endian 32-bit words, DW0's low half first. */
  readonly commands: Uint32Array;
};

/** Packs a recording; the rows are its events in order. */
export function packTrace(trace: GuestTrace): PackedTrace {
  const { events } = trace;
  const count = events.length;
  const kind = new Uint8Array(count);
  const size = new Uint8Array(count);
  const cpu = new Int16Array(count);
  const a = new Uint32Array(count);
  const b = new Uint32Array(count);
  const wide: bigint[] = [];
  const commands: number[] = [];
  let row = 0;
  for (const event of events) {
    const fields = packEvent(event, wide, commands);
    kind[row] = fields.kind;
    size[row] = fields.size;
    cpu[row] = fields.cpu;
    a[row] = fields.a;
    b[row] = fields.b;
    row++;
  }
  return { count, kind, size, cpu, a, b, wide, commands: Uint32Array.from(commands) };
}

type Row = { kind: PackedKind; size: number; cpu: VcpuId; a: number; b: number };

const READS = { GICD: PACKED.readGicd, GICR: PACKED.readGicr, GITS: PACKED.readGits } as const;
const WRITES = { GICD: PACKED.writeGicd, GICR: PACKED.writeGicr, GITS: PACKED.writeGits } as const;
const kindOf = (op: 'read' | 'write', frame: RegisterFrame) => (op === 'read' ? READS : WRITES)[frame];

function packEvent(event: GuestEvent, wide: bigint[], commands: number[]): Row {
  switch (event.op) {
    case 'read':
    case 'write': {
      const b = event.size === 8 ? wide.push(event.value) - 1 : event.value;
      return { kind: kindOf(event.op, event.frame), size: event.size, cpu: event.cpu, a: event.offset, b };
    }
    case 'command': {
      const index = commands.length / PACKED_COMMAND_WORDS;
      commands.push(...encodeCommand(event.command));
      return { kind: PACKED.command, size: 32, cpu: -1, a: index, b: 0 };
    }
    case 'lpi-config':
      return { kind: PACKED.lpiConfig, size: 1, cpu: -1, a: event.lpi, b: event.value };
    case 'msi':
      return { kind: PACKED.msi, size: 4, cpu: -1, a: event.deviceId, b: event.eventId };
    case 'line':
      return { kind: PACKED.line, size: 0, cpu: event.cpu, a: event.intid, b: event.level };
    case 'icc':
      return { kind: PACKED.icc, size: 8, cpu: event.cpu, a: PACKED_ICC[event.register], b: event.value };
    case 'sgi':
      return { kind: PACKED.sgi, size: 8, cpu: event.cpu, a: wide.push(sgi1r(event)) - 1, b: event.intid };
    case 'iar':
    case 'eoi':
    case 'dir':
      return { kind: PACKED[event.op], size: 8, cpu: event.cpu, a: event.intid, b: 0 };
  }
}

/** The value of ICC_SGI1R_EL1. @see Arm IHI 0069, ICC_SGI1R_EL1 */
export function sgi1r(sgi: { intid: Intid; irm: 0 | 1; affinity: number; targets: number }): bigint {
  const affinity = BigInt(sgi.affinity);
  const aff1 = (affinity & 0xffn) << 16n;
  const aff2 = ((affinity >> 8n) & 0xffn) << 32n;
  const aff3 = ((affinity >> 16n) & 0xffn) << 48n;
  return BigInt(sgi.targets) | aff1 | aff2 | aff3 | (BigInt(sgi.intid) << 24n) | (BigInt(sgi.irm) << 40n);
}
