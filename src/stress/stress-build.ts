import { FIRST_SPI } from '../arch/intid.ts';
import { gits } from '../arch/registers.ts';
import { IrqError } from '../base/irq-error.ts';
import type { Fault, MachineConfig } from '../board/config.ts';
import { Machine } from '../board/machine.ts';
import type { DesignName } from '../kvm/designs/design.ts';
import { DESIGNS } from '../kvm/designs/designs.ts';
import { type Gsi, IRQCHIP_PINS } from '../kvm/gsi.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import { MSI_VALID_DEVID, type Route } from '../kvm/route.ts';
import type { GuestTrace } from '../recorded/trace/guest-trace.ts';
import { standIns } from './naming.ts';
import {
  bootRecorded,
  recordedInput,
  recordedMachine,
  recordedSources,
  recordedTables,
} from './recorded-input.ts';
import {
  type Churn,
  type LineMode,
  type Plan,
  proofKind,
  type Source,
  stressViews,
  stressWords,
  threadsOf,
} from './stress-plan.ts';
import {
  bootSynthetic,
  enableSpi,
  syntheticConfig,
  syntheticSources,
  syntheticTables,
  type Topology,
  wiredSources,
} from './synthetic.ts';
import { slicesKept } from './traced/slices.ts';

/** What to run: a recorded guest, or a topology of one's own. */
export type StressOptions = {
  readonly input: GuestTrace | Omit<Topology, 'spis'>;
  /** Wires beside the MSIs, edge-triggered and level-triggered in turn. */
  readonly spis: number;
  /** What drives the level-triggered ones: KVM_IRQ_LINE, if nobody says otherwise; and the design: `merged`. */
  readonly lines?: LineMode;
  readonly abi?: DesignName;
  readonly seconds: number;
  /** Signals of each source, 0 for as many as the time allows. */
  readonly iterations: number;
  readonly churn: Churn;
  readonly dispatch: Dispatch;
  readonly seed: number;
  readonly fault: Fault;
  /** How long an idle vCPU polls at most, where it is not the machine's default. */
  readonly haltPollNs?: number;
  /** Whether each thread keeps the last of what it did. */
  readonly trace?: boolean;
};

/** Offset of GITS_TRANSLATER from the base of the ITS: what an MSI is written to. */

type Tables = Pick<Plan, 'spareLpis' | 'collections' | 'configTable' | 'eventBits'>;

/** SPIs for sources that stand in for events to change to, as many as the GIC has room for. */
const SPARE_SPIS = 32;
const NO_SPARE = { first: 0, end: 0 } as const;

/** A machine for a stress run, its guest booted, and the plan for its threads, of which the driver connects the sources. */
export function buildStress(options: StressOptions): { machine: Machine; plan: Plan } {
  const { input } = options;
  if ('events' in input && 'file' in input) return buildRecorded(options, input);
  const topology = { ...(input as Omit<Topology, 'spis'>), spis: options.spis };
  const { vcpus, devices, events, spis } = topology;
  const design = DESIGNS[options.abi ?? 'merged'];
  const inPlace = design.msi === 'lpi' ? 0 : devices * events;
  const spare = inPlace === 0 ? 0 : Math.min(SPARE_SPIS, IRQCHIP_PINS - inPlace - spis);
  if (spare < 0) {
    throw new IrqError(
      'ERR_CONFIG',
      `in the design "${design.name}" every event needs an SPI: ${inPlace} events and ${spis} wires are more than the ${IRQCHIP_PINS} that a GIC has`,
    );
  }
  const config = syntheticConfig({ ...topology, spis: inPlace + spare + spis });
  const messages = standIns(syntheticSources({ ...topology, spis: 0 }, config.spis), design);
  const wires = wiredSources(topology, messages.length, config.spis);
  const sources = named(options, [...messages, ...wires]);
  const machine = createMachine(config, options, { sources, devices, vcpus });
  bootSynthetic(machine, topology, sources);
  const spareSpis = { first: FIRST_SPI + inPlace, end: FIRST_SPI + inPlace + spare };
  for (let intid = spareSpis.first; intid < spareSpis.end; intid++) enableSpi(machine, intid, true, 0);
  return planned(machine, options, { sources, devices, vcpus, spareSpis }, syntheticTables(topology));
}

/** The topology that a recorded guest has the shape of: for designs that cannot run the guest itself. */
export function shapeOf(trace: GuestTrace): Omit<Topology, 'spis'> {
  const { setup } = recordedInput(trace);
  const devices = setup.devices.length;
  return { vcpus: trace.header.cpus, devices, events: Math.ceil(setup.events.length / devices) };
}

function buildRecorded(options: StressOptions, trace: GuestTrace): { machine: Machine; plan: Plan } {
  if (DESIGNS[options.abi ?? 'merged'].msi !== 'lpi') {
    throw new IrqError(
      'ERR_CONFIG',
      `in the design "${options.abi}" no irqfd leads to the ITS, which is all that a recorded guest uses: give a topology of your own`,
    );
  }
  const input = recordedInput(trace);
  const sources = named(options, recordedSources(input, options.spis));
  const sizes = { sources, devices: input.setup.devices.length, vcpus: trace.header.cpus };
  const machine = createMachine(recordedMachine(input, sources.length), options, sizes);
  bootRecorded(machine, input, sources);
  return planned(machine, options, { ...sizes, spareSpis: NO_SPARE }, recordedTables(input, machine));
}

/** The sources with what the design and the kind of lines make of their names. */
function named({ abi, lines }: StressOptions, sources: readonly Source[]): Source[] {
  const withGsis = sources.map((source) =>
    abi === 'direct' && source.kind === 'msi' ? { ...source, gsi: -1 } : source,
  );
  return lines === 'resample' ? resampled(withGsis) : withGsis;
}

/** Of three level-triggered sources, the third shares the line of the second. Each has an eventfd to be told by. */
function resampled(sources: readonly Source[]): Source[] {
  let levels = 0;
  let before: Source | undefined;
  return sources.map((source): Source => {
    if (source.kind !== 'level') return source;
    const level = levels++;
    const shares = level % 3 === 2 && before !== undefined && before.device !== source.device;
    const line = shares && before ? { gsi: before.gsi, intid: before.intid, vcpu: before.vcpu } : {};
    before = { ...source, ...line, resamplefd: sources.length + level };
    return before;
  });
}

type Sizes = Pick<Plan, 'sources' | 'devices' | 'vcpus'>;

const slicesOf = ({ trace }: StressOptions, sizes: Sizes) => (trace ? slicesKept(threadsOf(sizes)) : 0);

function createMachine(config: MachineConfig, options: StressOptions, sizes: Sizes): Machine {
  const { abi = 'merged', dispatch, fault, haltPollNs = config.haltPollNs } = options;
  return Machine.create({
    ...config,
    eventfds: Math.max(1, ...sizes.sources.map(({ fd, resamplefd }) => Math.max(fd, resamplefd) + 1)),
    abi,
    dispatch,
    fault,
    haltPollNs,
    scenarioWords: stressWords({ ...sizes, slices: slicesOf(options, sizes) }, 2 ** config.idBits),
  });
}

function planned(
  machine: Machine,
  options: StressOptions,
  sizes: Sizes & Pick<Plan, 'spareSpis'>,
  tables: Tables,
): { machine: Machine; plan: Plan } {
  const { churn, seed, iterations } = options;
  const plan: Plan = { ...sizes, ...tables, churn, seed, iterations, slices: slicesOf(options, sizes) };
  const { proof } = stressViews(machine, plan);
  for (const [source, { kind, intid, vcpu }] of plan.sources.entries())
    proof.place(source, proofKind(kind), intid, vcpu);
  return { machine, plan };
}

/** The routing table for some sources: the wired GSIs, each to its pin, and an MSI route for each event. */
export function routesOf(machine: Machine, sources: readonly Source[]): Route[] {
  const address = machine.config.itsBase + gits.TRANSLATER;
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
