import type { DeviceId, EventId, Intid, VcpuId } from '../../arch/intid.ts';
import type { ItsCommand, ItsCommandName } from '../../arch/its-command.ts';
import type { GuestEvent, GuestOp } from './guest-event.ts';
import { type MappedDevice, type MappedEvent, MappingLedger } from './guest-mappings.ts';
import { type GuestTrace, lineOfEvent } from './guest-trace.ts';

const SPURIOUS = 1020; // from here to 1023, ICC_IAR1 acknowledges nothing

/** A device's part in a recording. */
export type DeviceSummary = {
  readonly deviceId: DeviceId;
  /** EventID bits of its last MAPD. */
  readonly bits: number;
  readonly msis: number;
  /** Every event ever mapped, by EventID, with its last mapping. */
  readonly everMapped: readonly MappedEvent[];
  readonly mappedAtEnd: readonly MappedEvent[];
};

export type GuestSummary = {
  readonly cpus: number;
  readonly spis: number;
  readonly personality: string;
  readonly source: string;
  readonly events: number;
  /** Events of each op; an op that does not occur is absent. */
  readonly ops: Readonly<Partial<Record<GuestOp, number>>>;
  /** Commands of each name; a name that does not occur is absent. */
  readonly commands: Readonly<Partial<Record<ItsCommandName, number>>>;
  readonly msis: number;
  /** Reads of ICC_IAR1 that returned an interrupt, by vCPU. */
  readonly acknowledges: readonly number[];
  /** Reads of ICC_IAR1 that returned none (1020 to 1023). */
  readonly spurious: number;
  readonly moves: number;
  readonly devices: readonly DeviceSummary[];
  /** PPIs (with their vCPU) and SPIs (-1) whose wire moved, with the number of rising edges. */
  readonly wires: readonly { readonly intid: Intid; readonly cpu: VcpuId; readonly rises: number }[];
};

/** Counts the events of a recording. */
export function summarise(trace: GuestTrace): GuestSummary {
  const ops: Partial<Record<GuestOp, number>> = {};
  const commands: Partial<Record<ItsCommandName, number>> = {};
  const acknowledges = Array.from({ length: trace.header.cpus }, () => 0);
  const wires = new Map<string, { intid: Intid; cpu: VcpuId; rises: number }>();
  const devices = new Map<DeviceId, { bits: number; msis: number; ever: Map<EventId, MappedEvent> }>();
  const ledger = new MappingLedger();
  let spurious = 0;

  const deviceOf = (deviceId: DeviceId) => {
    const known = devices.get(deviceId) ?? { bits: 0, msis: 0, ever: new Map() };
    devices.set(deviceId, known);
    return known;
  };
  const noteCommand = (command: ItsCommand) => {
    commands[command.name] = (commands[command.name] ?? 0) + 1;
    ledger.apply(command);
    if (command.name === 'MAPD') deviceOf(command.deviceId).bits = command.size + 1;
    if (command.name !== 'MAPTI' && command.name !== 'MAPI' && command.name !== 'MOVI') return;
    const mapped = ledger.event(command.deviceId, command.eventId);
    if (mapped !== undefined) deviceOf(command.deviceId).ever.set(command.eventId, mapped);
  };
  const noteEvent = (event: GuestEvent) => {
    ops[event.op] = (ops[event.op] ?? 0) + 1;
    if (event.op === 'command') noteCommand(event.command);
    else if (event.op === 'msi') deviceOf(event.deviceId).msis++;
    else if (event.op === 'iar') {
      if (event.intid >= SPURIOUS && event.intid < 1024) spurious++;
      else acknowledges[event.cpu] = (acknowledges[event.cpu] ?? 0) + 1;
    } else if (event.op === 'line') {
      const { intid, cpu } = event;
      const wire = wires.get(`${intid} ${cpu}`) ?? { intid, cpu, rises: 0 };
      wire.rises += event.level;
      wires.set(`${intid} ${cpu}`, wire);
    }
  };
  for (const event of trace.events) noteEvent(event);

  const atEnd = ledger.events();
  const { cpus, spis, personality, source } = trace.header;
  return {
    cpus,
    spis,
    personality,
    source,
    events: trace.events.length,
    ops,
    commands,
    msis: ops.msi ?? 0,
    acknowledges,
    spurious,
    moves: commands.MOVI ?? 0,
    devices: [...devices]
      .sort(([a], [b]) => a - b)
      .map(([deviceId, { bits, msis, ever }]) => ({
        deviceId,
        bits,
        msis,
        everMapped: [...ever.values()].sort((a, b) => a.eventId - b.eventId),
        mappedAtEnd: atEnd.filter((event) => event.deviceId === deviceId),
      })),
    wires: [...wires.values()].sort((a, b) => a.intid - b.intid || a.cpu - b.cpu),
  };
}

/** The mappings under which a guest ran its devices. */
export type GuestSetup = {
  readonly collections: readonly { readonly collectionId: number; readonly rdbase: VcpuId }[];
  readonly devices: readonly MappedDevice[];
  /** `rdbase` is the vCPU of the event's collection. */
  readonly events: readonly (MappedEvent & { readonly rdbase: VcpuId })[];
  /** The line of the recording after which this was the state. */
  readonly line: number;
};

/**
 * The mappings at the moment of the most deliverable events (mapped, in a mapped collection); the first such moment. At
 * the end of a recording, a guest that shut down has unmapped its devices; at the beginning it has mapped none; at the
 * fullest moment everything ran. Includes collections without events, because an event may be moved to them. Empty
 * lists for a recording that maps nothing.
 */
export function setupOf(trace: GuestTrace): GuestSetup {
  const fullest = fullestMoment(trace);
  const ledger = new MappingLedger();
  for (const event of trace.events.slice(0, fullest + 1)) {
    if (event.op === 'command') ledger.apply(event.command);
  }
  const events = ledger.events().flatMap((mapped) => {
    const rdbase = ledger.rdbaseOf(mapped.collectionId);
    return rdbase === undefined ? [] : [{ ...mapped, rdbase }];
  });
  const collections = ledger.collections();
  return { collections, devices: ledger.devices(), events, line: lineOfEvent(fullest) };
}

/** Index of the first event after which the most events were deliverable; -1 if none ever was. */
function fullestMoment(trace: GuestTrace): number {
  const ledger = new MappingLedger();
  let most = 0;
  let at = -1;
  trace.events.forEach((event, index) => {
    if (event.op !== 'command') return;
    ledger.apply(event.command);
    const deliverable = ledger.deliverable();
    if (deliverable <= most) return;
    most = deliverable;
    at = index;
  });
  return at;
}

/**
 * The commands that bring an empty ITS into the state of {@link setupOf}: MAPC for each collection, MAPD for each
 * device, MAPTI for each event. `ittOf` may move an ITT; else it stays at the guest's address.
 */
export function setupCommands(
  setup: GuestSetup,
  ittOf: (device: MappedDevice, index: number) => number = (device) => device.ittAddr,
): ItsCommand[] {
  return [
    ...setup.collections.map((collection) => ({ name: 'MAPC', ...collection, valid: true }) as const),
    ...setup.devices.map((device, index) => {
      const { deviceId, bits } = device;
      return { name: 'MAPD', deviceId, size: bits - 1, ittAddr: ittOf(device, index), valid: true } as const;
    }),
    ...setup.events.map(({ deviceId, eventId, lpi, collectionId }) => {
      return { name: 'MAPTI', deviceId, eventId, lpi, collectionId } as const;
    }),
  ];
}
