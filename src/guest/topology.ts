import { FIRST_LPI, FIRST_SPI, type VcpuId } from '../arch/intid.ts';
import type { ItsCommand } from '../arch/its-command.ts';
import { lpiConfig } from '../arch/lpi-config.ts';
import { IrqError } from '../base/irq-error.ts';
import { DEFAULT_CONFIG, type MachineConfig } from '../board/config.ts';
import { itsFrame } from '../board/frames.ts';
import type { Machine } from '../board/machine.ts';
import { type Fd, MAX_IRQ_ROUTES } from '../kvm/gsi.ts';
import { GicDriver, LINUX_PRIORITY } from './gic-driver.ts';
import { setUpIts } from './its-driver.ts';
import { ItsDrivers } from './its-drivers.ts';
import type { Source } from './source.ts';
import type { GuestTables } from './workload.ts';

/** A synthetic guest: numbers of vCPUs, devices, events of each device, wires, and ITSes: 1 where left out. */
export type Topology = {
  readonly vcpus: number;
  readonly devices: number;
  readonly events: number;
  readonly spis: number;
  readonly itses?: number;
};

const PAGE = 0x1_0000;
/** Several ITSes are more than fit between the frames of QEMU's `virt` machine. */
const SEVERAL_ITSES = 0x2000_0000;
const RAM = 0x4000_0000;
const CONFIG_TABLE = RAM;
const QUEUE = RAM + PAGE;
const DEVICE_TABLE = RAM + 2 * PAGE;
const COLLECTION_TABLE = RAM + 3 * PAGE;
const PENDING_TABLES = RAM + 4 * PAGE;
/** Queue, device table and collection table. */
const TABLES_OF_AN_ITS = PENDING_TABLES - QUEUE;
/** Bytes of an ITT entry. @see GITS_TYPER.ITT_entry_size */
const ITT_ENTRY = 8;
const ITT_ALIGNMENT = 256;
const ID_BITS = 16;
const QUEUE_PAGES = 16;

/** DeviceIDs as on PCI: one slot of bus 0 after the other. */
export const deviceIdOf = (device: number) => 8 * (device + 1);

/** The limit of GITS_TYPER.ID_bits. */
const MOST_EVENT_BITS = 16;

/**
 * EventID bits of each device: room for twice its events, so that an event can be mapped again under another EventID.
 */
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
  firstFd: Fd,
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

/** The machine for a topology, without the scenario's words. */
export function syntheticConfig(topology: Topology): MachineConfig {
  const { vcpus, devices, events, spis, itses = 1 } = topology;
  const sources = devices * events + spis;
  const bytes = moreTables(topology) + (itses - 1) * TABLES_OF_AN_ITS - RAM;
  return {
    ...DEFAULT_CONFIG,
    vcpus,
    spis: Math.max(32, Math.min(988, Math.ceil(spis / 32) * 32)),
    idBits: ID_BITS,
    devices: devices + 1,
    events: Math.min(65_535, 2 * devices * events + 64),
    eventfds: Math.max(1, sources),
    otherThreads: devices + 1,
    ...(itses === 1 ? {} : { itses, itsBase: SEVERAL_ITSES }),
    memory: [{ base: RAM, bytes: Math.ceil(bytes / PAGE) * PAGE }],
  };
}

/** The facts that the driver of a topology's guest needs. */
export function syntheticTables({ vcpus, devices, events }: Topology): GuestTables {
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

/** Brings GIC and ITS up as a guest's kernel does, through registers and the command queue. Main thread. */
export function bootSynthetic(machine: Machine, topology: Topology, sources: readonly Source[]): void {
  const { vcpus, devices, events, itses = 1 } = topology;
  const { bus, memory, config } = machine;
  const gic = new GicDriver(bus, config);
  gic.enable();
  for (const { kind, intid, vcpu } of sources)
    if (kind !== 'msi') gic.enableSpi(intid, { edge: kind !== 'level', vcpu });
  for (let vcpu: VcpuId = 0; vcpu < vcpus; vcpu++) {
    const pendingTable = PENDING_TABLES + vcpu * PAGE;
    gic.setLpiTables(vcpu, { configTable: CONFIG_TABLE, pendingTable, idBits: ID_BITS, isZero: true });
    gic.enableLpis(vcpu);
  }
  for (let its = 0; its < itses; its++) {
    const moved = its === 0 ? 0 : moreTables(topology) + (its - 1) * TABLES_OF_AN_ITS - QUEUE;
    setUpIts(bus, itsFrame(config, its), {
      deviceTable: DEVICE_TABLE + moved,
      collectionTable: COLLECTION_TABLE + moved,
      queue: QUEUE + moved,
      queuePages: QUEUE_PAGES,
    });
  }

  const messages = sources.filter((source) => source.kind === 'msi');
  for (const { intid } of messages)
    memory.setByte(CONFIG_TABLE + intid - FIRST_LPI, lpiConfig(LINUX_PRIORITY));
  const itts = PENDING_TABLES + vcpus * PAGE;
  new ItsDrivers(bus, memory, config).sendAll([
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

/** Guest-physical address of the tables of the second ITS, and of those that follow. */
function moreTables({ vcpus, devices, events }: Topology): number {
  return PENDING_TABLES + vcpus * PAGE + Math.ceil((devices * ittBytes(events)) / PAGE) * PAGE;
}

function ittBytes(events: number): number {
  return Math.max(ITT_ALIGNMENT, 2 ** bitsFor(events) * ITT_ENTRY);
}
