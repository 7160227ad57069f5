import type { Fd, Gsi } from '../../kvm/gsi.ts';
import type { Dispatch } from '../../kvm/irqfds.ts';
import { MSI_VALID_DEVID, type Route } from '../../kvm/route.ts';
import type { Fault, MachineConfig } from '../../machine/config.ts';
import { Machine } from '../../machine/machine.ts';
import type { GuestTrace } from '../guest-trace.ts';
import { type Churn, type Plan, proofKind, type Source, stressViews, stressWords } from './plan.ts';
import { bootRecorded, recordedInput, recordedMachine, recordedSources, recordedTables } from './recorded.ts';
import {
  bootSynthetic,
  syntheticConfig,
  syntheticSources,
  syntheticTables,
  type Topology,
} from './synthetic.ts';

/** What to run: a recorded guest, or a topology of one's own. */
export type StressOptions = {
  readonly input: GuestTrace | Omit<Topology, 'spis'>;
  /** Wires beside the MSIs. */
  readonly spis: number;
  readonly seconds: number;
  /** Signals of each source, 0 for as many as the time allows. */
  readonly iterations: number;
  readonly churn: Churn;
  readonly dispatch: Dispatch;
  readonly seed: number;
  readonly fault: Fault;
};

/** Offset of GITS_TRANSLATER from the base of the ITS: what an MSI is written to. */
const DOORBELL = 0x1_0040;

type Tables = Pick<Plan, 'spareLpis' | 'collections' | 'configTable' | 'eventBits'>;

/** A machine for a stress run, its guest booted, every source routed and its irqfd assigned; and the plan for its threads. */
export function buildStress(options: StressOptions): { machine: Machine; plan: Plan } {
  const { input } = options;
  if ('events' in input && 'file' in input) return buildRecorded(options, input);
  const topology = { ...(input as Omit<Topology, 'spis'>), spis: options.spis };
  const config = syntheticConfig(topology);
  const sources = syntheticSources(topology, config.spis);
  const { vcpus, devices } = topology;
  const machine = createMachine(config, options, { sources, devices, vcpus });
  bootSynthetic(machine, topology, sources);
  return connect(machine, options, { sources, devices, vcpus }, syntheticTables(topology));
}

function buildRecorded(options: StressOptions, trace: GuestTrace): { machine: Machine; plan: Plan } {
  const input = recordedInput(trace);
  const sources = recordedSources(input, options.spis);
  const sizes = { sources, devices: input.setup.devices.length, vcpus: trace.header.cpus };
  const machine = createMachine(recordedMachine(input, sources.length), options, sizes);
  bootRecorded(machine, input, sources);
  return connect(machine, options, sizes, recordedTables(input, machine));
}

type Sizes = Pick<Plan, 'sources' | 'devices' | 'vcpus'>;

function createMachine(config: MachineConfig, { dispatch, fault }: StressOptions, sizes: Sizes): Machine {
  return Machine.create({
    ...config,
    dispatch,
    fault,
    scenarioWords: stressWords(sizes, 2 ** config.idBits),
  });
}

function connect(
  machine: Machine,
  options: StressOptions,
  sizes: Sizes,
  tables: Tables,
): { machine: Machine; plan: Plan } {
  const { churn, seed, iterations } = options;
  const plan: Plan = { ...sizes, ...tables, churn, seed, iterations };
  const { proof } = stressViews(machine, plan);
  for (const [source, { kind, intid, vcpu }] of plan.sources.entries())
    proof.place(source, proofKind(kind), intid, vcpu);
  machine.vm.setGsiRouting(routesOf(machine, plan.sources));
  for (const { kind, fd, gsi } of plan.sources) if (kind !== 'level') machine.vm.assignIrqFd(fd as Fd, gsi);
  return { machine, plan };
}

/** The routing table for some sources: the wired GSIs, each to its pin, and an MSI route for each event. */
export function routesOf(machine: Machine, sources: readonly Source[]): Route[] {
  const address = machine.config.itsBase + DOORBELL;
  const wired = Array.from(
    { length: machine.config.spis },
    (_, pin): Route => ({ type: 'irqchip', gsi: pin as Gsi, irqchip: 0, pin }),
  );
  const messages = sources.flatMap(({ kind, gsi, deviceId, eventId }): Route[] =>
    kind === 'msi'
      ? [{ type: 'msi', gsi: gsi as Gsi, flags: MSI_VALID_DEVID, address, data: eventId, deviceId }]
      : [],
  );
  return [...wired, ...messages];
}
