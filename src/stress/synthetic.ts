import { GICR_STRIDE } from '../arch/frames.ts';
import { FIRST_LPI } from '../arch/intid.ts';
import type { ItsCommand } from '../arch/its-command.ts';
import { gicr, gits } from '../arch/registers.ts';
import { IrqError } from '../base/irq-error.ts';
import { DEFAULT_CONFIG, type MachineConfig } from '../board/config.ts';
import type { Machine } from '../board/machine.ts';
import { affinityOf } from '../gic/affinity.ts';
import { MAX_IRQ_ROUTES } from '../kvm/gsi.ts';
import type { Plan, Source } from './stress-plan.ts';

/** A topology of one's own: so many vCPUs, devices, and events a device, and wires beside them. */
export type Topology = {
  readonly vcpus: number;
  readonly devices: number;
  readonly events: number;
  readonly spis: number;
};

const PAGE = 0x1_0000;
const RAM = 0x4000_0000;
const CONFIG_TABLE = RAM;
const QUEUE = RAM + PAGE;
const DEVICE_TABLE = RAM + 2 * PAGE;
const COLLECTION_TABLE = RAM + 3 * PAGE;
const PENDING_TABLES = RAM + 4 * PAGE;
/** Bytes of an ITT entry. @see GITS_TYPER.ITT_entry_size */
const ITT_ENTRY = 8;
const ITT_ALIGNMENT = 256;

const ID_BITS = 16;
const FIRST_SPI = 32;
const LPI_ON = 0xa3;
const PRIORITY = 0xa0;

// Registers, as the guest's driver writes them.
const GICD_CTLR = 0x0;
const GICD_IGROUPR = 0x80;
const GICD_ISENABLER = 0x100;
const GICD_IPRIORITYR = 0x400;
const GICD_ICFGR = 0xc00;
const GICD_IROUTER = 0x6000;
const GICR_CTLR = 0x0;
const GITS_CTLR = 0x0;
const VALID = 1n << 63n;
const QUEUE_PAGES = 16;
/** What is sent at once must fit the queue, less the one slot that stays free. */
const COMMANDS_AT_ONCE = (QUEUE_PAGES * 4096) / 32 - 1;

/** DeviceIDs as PCI gives them: one slot of bus 0 after the other. */
const deviceIdOf = (device: number) => 8 * (device + 1);

/** What GITS_TYPER.ID_bits allows. */
const MOST_EVENT_BITS = 16;

/** EventID bits of each device: room for its events and as many again, so that an event can be set up anew elsewhere. */
const bitsFor = (events: number) => Math.min(MOST_EVENT_BITS, Math.max(1, Math.ceil(Math.log2(2 * events))));

/** The sources of a topology, spread over the vCPUs in turn; wires are edge-triggered and level-triggered in turn. */
export function syntheticSources({ vcpus, devices, events, spis }: Topology, wired: number): Source[] {
  if (devices * events + wired > MAX_IRQ_ROUTES) {
    const most = MAX_IRQ_ROUTES - wired;
    throw new IrqError(
      'ERR_CONFIG',
      `${devices} devices of ${events} events need ${devices * events} GSIs; KVM has ${MAX_IRQ_ROUTES}, of which ${wired} are wired: at most ${most} events in all`,
    );
  }
  const messages = Array.from({ length: devices * events }, (_, index): Source => {
    const device = Math.floor(index / events);
    return {
      kind: 'msi',
      device,
      fd: index,
      resamplefd: -1,
      gsi: wired + index,
      deviceId: deviceIdOf(device),
      eventId: index % events,
      intid: FIRST_LPI + index,
      vcpu: index % vcpus,
    };
  });
  return [...messages, ...wiredSources({ vcpus, devices, spis }, messages.length, wired)];
}

/** Sources on the highest SPIs of a machine with `wired` of them. */
export function wiredSources(
  { vcpus, devices, spis }: Omit<Topology, 'events'>,
  firstFd: number,
  wired: number,
): Source[] {
  return Array.from({ length: spis }, (_, index): Source => {
    const pin = wired - 1 - index;
    const kind = index % 2 === 0 ? 'edge' : 'level';
    return {
      kind,
      device: index % devices,
      fd: firstFd + index,
      resamplefd: -1,
      gsi: pin,
      deviceId: -1,
      eventId: -1,
      intid: FIRST_SPI + pin,
      vcpu: index % vcpus,
    };
  });
}

/** The machine for a topology, without the words of the scenario. */
export function syntheticConfig({ vcpus, devices, events, spis }: Topology): MachineConfig {
  const sources = devices * events + spis;
  const bytes = PENDING_TABLES - RAM + vcpus * PAGE + devices * ittBytes(events);
  return {
    ...DEFAULT_CONFIG,
    vcpus,
    spis: Math.max(32, Math.min(988, Math.ceil(spis / 32) * 32)),
    idBits: ID_BITS,
    devices: devices + 1,
    events: Math.min(65_535, 2 * devices * events + 64),
    eventfds: Math.max(1, sources),
    otherThreads: devices + 1,
    memory: [{ base: RAM, bytes: Math.ceil(bytes / PAGE) * PAGE }],
  };
}

/** What the plan of a topology knows of tables and names. */
export function syntheticTables({
  vcpus,
  devices,
  events,
}: Topology): Pick<Plan, 'spareLpis' | 'collections' | 'configTable' | 'eventBits'> {
  return {
    spareLpis: { first: FIRST_LPI + devices * events, end: 2 ** ID_BITS },
    collections: Array.from({ length: vcpus }, (_, vcpu) => vcpu),
    configTable: CONFIG_TABLE,
    eventBits: Array.from({ length: devices }, (_, device) => ({
      deviceId: deviceIdOf(device),
      bits: bitsFor(events),
    })),
  };
}

/** Brings GIC and ITS up as a guest's kernel does, through their registers and the command queue. The main thread. */
export function bootSynthetic(
  machine: Machine,
  { vcpus, devices, events }: Topology,
  sources: readonly Source[],
): void {
  const { mmio, config } = machine;
  const gicd = (offset: number, value: bigint) => mmio.write(config.gicdBase + offset, 4, value);
  gicd(GICD_CTLR, 0x12n);
  for (const { kind, intid, vcpu } of sources)
    if (kind !== 'msi') enableSpi(machine, intid, kind !== 'level', vcpu);
  for (let vcpu = 0; vcpu < vcpus; vcpu++) {
    const frame = config.gicrBase + vcpu * GICR_STRIDE;
    mmio.write(frame + gicr.PROPBASER, 8, BigInt(CONFIG_TABLE) | BigInt(ID_BITS - 1));
    mmio.write(frame + gicr.PENDBASER, 8, BigInt(PENDING_TABLES + vcpu * PAGE) | (1n << 62n));
    mmio.write(frame + GICR_CTLR, 4, 1n);
  }
  mmio.write(config.itsBase + gits.BASER, 8, VALID | BigInt(DEVICE_TABLE));
  mmio.write(config.itsBase + gits.BASER + 8, 8, VALID | BigInt(COLLECTION_TABLE));
  mmio.write(config.itsBase + gits.CBASER, 8, VALID | BigInt(QUEUE) | BigInt(QUEUE_PAGES - 1));
  mmio.write(config.itsBase + gits.CWRITER, 8, 0n);
  mmio.write(config.itsBase + GITS_CTLR, 4, 1n);

  const messages = sources.filter((source) => source.kind === 'msi');
  for (const { intid } of messages) machine.memory.setByte(CONFIG_TABLE + intid - FIRST_LPI, LPI_ON);
  const itts = PENDING_TABLES + vcpus * PAGE;
  sendAll(machine, [
    ...Array.from(
      { length: vcpus },
      (_, vcpu): ItsCommand => ({ name: 'MAPC', collectionId: vcpu, rdbase: vcpu, valid: true }),
    ),
    ...Array.from({ length: devices }, (_, device): ItsCommand => {
      const ittAddr = itts + device * ittBytes(events);
      return { name: 'MAPD', deviceId: deviceIdOf(device), size: bitsFor(events) - 1, ittAddr, valid: true };
    }),
    ...messages.map(
      ({ deviceId, eventId, intid, vcpu }): ItsCommand => ({
        name: 'MAPTI',
        deviceId,
        eventId,
        lpi: intid,
        collectionId: vcpu,
      }),
    ),
  ]);
}

/** Sends any number of commands, in as many goes as the queue needs. */
export function sendAll(machine: Machine, commands: readonly ItsCommand[], atOnce = COMMANDS_AT_ONCE): void {
  for (let sent = 0; sent < commands.length; sent += atOnce)
    machine.itsDriver.send(...commands.slice(sent, sent + atOnce));
}

/** Sets an SPI up as a driver does: trigger, group 1, priority, target, enable. */
export function enableSpi(machine: Machine, intid: number, edge: boolean, vcpu: number): void {
  const { mmio, config } = machine;
  const icfgr = config.gicdBase + GICD_ICFGR + 4 * (intid >> 4);
  const bit = 2n << BigInt(2 * (intid & 15));
  const before = mmio.read(icfgr, 4);
  mmio.write(icfgr, 4, edge ? before | bit : before & ~bit);
  const igroupr = config.gicdBase + GICD_IGROUPR + 4 * (intid >> 5);
  mmio.write(igroupr, 4, mmio.read(igroupr, 4) | (1n << BigInt(intid & 31)));
  mmio.write(config.gicdBase + GICD_IPRIORITYR + intid, 1, BigInt(PRIORITY));
  mmio.write(config.gicdBase + GICD_IROUTER + 8 * intid, 8, BigInt(affinityOf(vcpu)));
  mmio.write(config.gicdBase + GICD_ISENABLER + 4 * (intid >> 5), 4, 1n << BigInt(intid & 31));
}

function ittBytes(events: number): number {
  return Math.max(ITT_ALIGNMENT, 2 ** bitsFor(events) * ITT_ENTRY);
}
