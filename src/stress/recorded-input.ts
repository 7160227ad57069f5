import { FIRST_LPI } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import type { MachineConfig } from '../board/config.ts';
import type { Machine } from '../board/machine.ts';
import { configTableOf, GuestBoot, recordedConfig } from '../recorded/trace/guest-boot.ts';
import { type GuestSetup, setupOf } from '../recorded/trace/guest-setup.ts';
import type { GuestTrace } from '../recorded/trace/guest-trace.ts';
import type { Plan, Source } from './stress-plan.ts';
import { enableSpi, sendAll, wiredSources } from './synthetic.ts';

const LPI_ON = 0xa3;
const ID_BITS = 16;
/** Small enough for the queue of any guest: Linux has 64 KiB, the smallest possible is 4 KiB. */
const COMMANDS_AT_ONCE = 32;

/** A recorded guest as the input of a stress run: its devices, the events that it mapped, its vCPUs. */
export type RecordedInput = { readonly trace: GuestTrace; readonly setup: GuestSetup };

/** @throws IrqError `ERR_TRACE_FORMAT` where the guest maps no event that could be signalled */
export function recordedInput(trace: GuestTrace): RecordedInput {
  const setup = setupOf(trace);
  if (setup.events.length === 0) {
    throw new IrqError(
      'ERR_TRACE_FORMAT',
      `${trace.file}: this guest maps no event to a vCPU: there is nothing to signal`,
    );
  }
  return { trace, setup };
}

/** Every event that the guest mapped gets an eventfd, a GSI above the wired ones, and a thread for its device. */
export function recordedSources({ trace, setup }: RecordedInput, spis: number): Source[] {
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
  return [
    ...messages,
    ...wiredSources({ vcpus: trace.header.cpus, devices: devices.length, spis }, messages.length, wired),
  ];
}

export function recordedMachine({ trace, setup }: RecordedInput, sources: number): MachineConfig {
  return {
    ...recordedConfig(trace),
    idBits: ID_BITS,
    eventfds: sources,
    otherThreads: setup.devices.length + 1,
  };
}

/** The guest's own register writes and commands, up to the moment when it had the most events mapped. The main thread. */
export function bootRecorded(
  machine: Machine,
  { trace, setup }: RecordedInput,
  sources: readonly Source[],
): void {
  // Lines count from 1 and the header is the first: the event on line n is number n - 2.
  new GuestBoot(machine, trace).setUp(setup.line - 1);
  const table = configTableOf(machine);
  // A guest may have had some of them masked at that moment; here all are in use.
  const messages = sources.filter((source) => source.kind === 'msi');
  for (const { intid } of messages) machine.memory.setByte(table + intid - FIRST_LPI, LPI_ON);
  sendAll(
    machine,
    messages.map(({ deviceId, eventId }) => ({ name: 'INV', deviceId, eventId })),
    COMMANDS_AT_ONCE,
  );
  for (const { kind, intid, vcpu } of sources)
    if (kind !== 'msi') enableSpi(machine, intid, kind !== 'level', vcpu);
}

/** What the plan of a recorded guest knows of tables and names. `machine` has been booted. */
export function recordedTables(
  { setup }: RecordedInput,
  machine: Machine,
): Pick<Plan, 'spareLpis' | 'collections' | 'configTable' | 'eventBits'> {
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
