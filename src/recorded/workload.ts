import { FIRST_LPI } from '../arch/intid.ts';
import { lpiConfig } from '../arch/lpi-config.ts';
import { IrqError } from '../base/irq-error.ts';
import type { MachineConfig } from '../board/config.ts';
import type { Machine } from '../board/machine.ts';
import {
  GicDriver,
  type GuestTables,
  ItsDriver,
  LINUX_PRIORITY,
  type Source,
  type Topology,
  type Workload,
  wiredSources,
} from '../guest/index.ts';
import { configTableOf, GuestBoot, recordedConfig } from './trace/guest-boot.ts';
import { type GuestSetup, setupOf } from './trace/guest-setup.ts';
import type { GuestTrace } from './trace/guest-trace.ts';

const ID_BITS = 16;

/**
 * A recorded guest as a workload: its vCPUs and devices, and its events at the moment of the most mapped events.
 * @throws IrqError `ERR_TRACE_FORMAT` if the guest maps no event that could be signalled
 */
export function recordedWorkload(trace: GuestTrace): Workload {
  const setup = mappedSetup(trace);
  const vcpus = trace.header.cpus;
  const devices = setup.devices.length;
  return {
    name: trace.file,
    vcpus,
    devices,
    sources: (spis) => sourcesOf(trace, setup, spis),
    config: (sources): MachineConfig => ({
      ...recordedConfig(trace),
      idBits: ID_BITS,
      eventfds: sources,
      otherThreads: devices + 1,
    }),
    boot: (machine, sources) => {
      boot(machine, trace, setup, sources);
      return tablesOf(machine, setup);
    },
  };
}

/** A topology of the same shape as a recorded guest: for designs that cannot run the guest itself. */
export function shapeOf(trace: GuestTrace): Omit<Topology, 'spis'> {
  const { events, devices } = mappedSetup(trace);
  return {
    vcpus: trace.header.cpus,
    devices: devices.length,
    events: Math.ceil(events.length / devices.length),
  };
}

function mappedSetup(trace: GuestTrace): GuestSetup {
  const setup = setupOf(trace);
  if (setup.events.length > 0) return setup;
  throw new IrqError(
    'ERR_TRACE_FORMAT',
    `${trace.file}: this guest maps no event to a vCPU: there is nothing to signal`,
  );
}

/** Gives every mapped event an eventfd, a GSI above the wired ones, and a thread for its device. */
function sourcesOf(trace: GuestTrace, setup: GuestSetup, spis: number): Source[] {
  const wired = trace.header.spis;
  const devices = setup.devices.map((device) => device.deviceId);
  const messages = setup.events.map(({ deviceId, eventId, lpi, rdbase }, index): Source => {
    return {
      kind: 'msi',
      device: devices.indexOf(deviceId),
      fd: index,
      resamplefd: -1,
      gsi: wired + index,
      deviceId,
      eventId,
      intid: lpi,
      vcpu: rdbase,
    };
  });
  const { cpus: vcpus } = trace.header;
  return [...messages, ...wiredSources({ vcpus, devices: devices.length, spis }, messages.length, wired)];
}

/** Repeats the guest's own register writes and commands, up to the moment of the most mapped events. */
function boot(machine: Machine, trace: GuestTrace, setup: GuestSetup, sources: readonly Source[]): void {
  // Lines count from 1 and the header is line 1: the event on line n is number n - 2.
  new GuestBoot(machine, trace).setUp(setup.line - 1);
  const { bus, memory, config } = machine;
  const table = configTableOf(machine);
  // The guest may have masked some events at that moment; a load generator needs all of them enabled.
  const messages = sources.filter((source) => source.kind === 'msi');
  for (const { intid } of messages) memory.setByte(table + intid - FIRST_LPI, lpiConfig(LINUX_PRIORITY));
  const its = new ItsDriver(bus, memory, config.itsBase);
  its.sendAll(messages.map(({ deviceId, eventId }) => ({ name: 'INV', deviceId, eventId })));
  const gic = new GicDriver(bus, config);
  for (const { kind, intid, vcpu } of sources)
    if (kind !== 'msi') gic.enableSpi(intid, { edge: kind !== 'level', vcpu });
}

function tablesOf(machine: Machine, setup: GuestSetup): GuestTables {
  const highest = setup.events.reduce((high, { lpi }) => Math.max(high, lpi), FIRST_LPI);
  return {
    spareLpis: { first: highest + 1, end: 2 ** ID_BITS },
    collections: Array.from({ length: machine.config.vcpus }, (_, vcpu) => {
      return setup.collections.find((collection) => collection.rdbase === vcpu)?.collectionId ?? vcpu;
    }),
    configTable: configTableOf(machine),
    eventBits: setup.devices.map(({ deviceId, bits }) => ({ deviceId, bits })),
  };
}
