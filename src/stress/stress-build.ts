import { FIRST_SPI, type Intid } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import type { Fault, MachineConfig } from '../board/config.ts';
import { Machine } from '../board/machine.ts';
import {
  bootSynthetic,
  GicDriver,
  type GuestTables,
  type Source,
  standIns,
  syntheticConfig,
  syntheticSources,
  syntheticTables,
  type Topology,
  type Workload,
  wiredSources,
} from '../guest/index.ts';
import { IRQCHIP_PINS } from '../kvm/gsi.ts';
import type { Perturbation } from '../memory/perturbation/timing.ts';
import type { DesignName } from '../vmm/design.ts';
import { DESIGNS } from '../vmm/designs.ts';
import { EDGE_SOURCE } from './proof.ts';
import { type Plan, proofKind, SGIS, stressViews, stressWords, threadsOf } from './stress-plan.ts';
import type { Churn, LineMode, StressDispatch } from './stress-result.ts';
import { slicesKept } from './traced/slices.ts';

/** A stress run's input and settings. */
export type StressOptions = {
  /** A guest that boots itself, such as a recorded one; or the sizes of a synthetic guest. */
  readonly input: Workload | Omit<Topology, 'spis'>;
  /** Wires beside the MSIs, edge-triggered and level-triggered in turn. */
  readonly spis: number;
  /** The driver of the level-triggered lines: KVM_IRQ_LINE, unless the options say otherwise; and the design: `merged`. */
  readonly lines?: LineMode;
  readonly abi?: DesignName;
  readonly seconds: number;
  /** Ends the run early when the run has met no new point of coverage for so many seconds. */
  readonly untilCovered?: number;
  /** Signals of each source, 0 for as many as the time allows. */
  readonly iterations: number;
  readonly churn: Churn;
  readonly dispatch: StressDispatch;
  readonly seed: number;
  readonly fault: Fault;
  /** How long an idle vCPU polls at most, ns; left out: the machine's default. */
  readonly haltPollNs?: number;
  /** How threads are delayed at their shared operations, to widen the windows of races; left out: not at all. */
  readonly perturb?: Perturbation;
  /** Whether the run ends where a still phase finds a violation, so that the machine is kept as found; left out: no. */
  readonly endsAtViolation?: boolean;
  /** Of so many signals of a source one is timed, a power of two; left out: {@link STAMP_EVERY}, and each with a trace. */
  readonly stampEvery?: number;
  /** List registers of each vCPU, 1 to 16; left out: none, and a guest takes interrupts from its vCPU's list. */
  readonly listRegisters?: number;
  /** Whether each thread keeps its last actions. */
  readonly trace?: boolean;
};

/** To time a signal, both of its threads read the clock, which takes longer than an acknowledge. */
const STAMP_EVERY = 8;

/** SPIs for sources that stand in for events to change to, as many as the GIC has room for. */
const SPARE_SPIS = 32;
const NO_SPARE = { first: 0, end: 0 } as const;

/**
 * A machine for a stress run, its guest booted, and the plan of its threads. The driver connects the sources of the plan.
 * @param ownWords - words of the scenario's region behind those of the run, for guests or devices that are not the load
 * generator's: vCPUs send no SGIs by themselves then
 */
export function buildStress(options: StressOptions, ownWords = 0): { machine: Machine; plan: Plan } {
  const { input } = options;
  const settings = { ...options, ownWords };
  return 'boot' in input ? buildWorkload(settings, input) : buildTopology(settings, input);
}

type BuildOptions = StressOptions & { readonly ownWords: number };

function buildTopology(
  options: BuildOptions,
  input: Omit<Topology, 'spis'>,
): { machine: Machine; plan: Plan } {
  const topology = { ...input, spis: options.spis };
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
  const gic = new GicDriver(machine.bus, config);
  for (let intid: Intid = spareSpis.first; intid < spareSpis.end; intid++)
    gic.enableSpi(intid, { edge: true, vcpu: 0 });
  return planned(machine, options, { sources, devices, vcpus, spareSpis }, syntheticTables(topology));
}

function buildWorkload(options: BuildOptions, input: Workload): { machine: Machine; plan: Plan } {
  if (DESIGNS[options.abi ?? 'merged'].msi !== 'lpi') {
    throw new IrqError(
      'ERR_CONFIG',
      `in the design "${options.abi}" no irqfd leads to the ITS, and a recorded guest uses the ITS alone: choose a topology of your own (vCPUs, devices, events)`,
    );
  }
  const { vcpus, devices } = input;
  const sources = named(options, input.sources(options.spis));
  const sizes = { sources, devices, vcpus };
  const machine = createMachine(input.config(sources.length), options, sizes);
  const tables = input.boot(machine, sources);
  return planned(machine, options, { ...sizes, spareSpis: NO_SPARE }, tables);
}

/** Eventfds of sources are so many numbers apart: a search for written eventfds then goes over several words. */
const FD_STEP = 5;

/** The sources under the names that the design and the kind of lines give them. */
export function named(
  { abi, lines }: Pick<StressOptions, 'abi' | 'lines'>,
  given: readonly Source[],
): Source[] {
  const sources = given.map((source) => ({ ...source, fd: source.fd * FD_STEP }));
  const withGsis = sources.map((source) =>
    abi === 'direct' && source.kind === 'msi' ? { ...source, gsi: -1 } : source,
  );
  return lines === 'resample' || lines === 'both' ? resampled(withGsis, lines) : withGsis;
}

/**
 * Of three level-triggered sources, the third shares the line of the second. Each has an eventfd to be told by. Where lines
 * are driven both ways, one source comes before each three that KVM_IRQ_LINE drives.
 */
function resampled(sources: readonly Source[], lines: 'resample' | 'both'): Source[] {
  let all = 0;
  let levels = 0;
  let before: Source | undefined;
  return sources.map((source): Source => {
    if (source.kind !== 'level') return source;
    if (lines === 'both' && all++ % 4 === 0) return source;
    const level = levels++;
    const shares = level % 3 === 2 && before !== undefined && before.device !== source.device;
    const line = shares && before ? { gsi: before.gsi, intid: before.intid, vcpu: before.vcpu } : {};
    before = { ...source, ...line, resamplefd: (sources.length + level) * FD_STEP };
    return before;
  });
}

/** An SGI carries the number of its sender, so there are as many senders as SGIs. */
function sendsSgis({ churn, ownWords }: BuildOptions, { vcpus }: Pick<Plan, 'vcpus'>): boolean {
  return churn !== 'none' && vcpus <= SGIS && ownWords === 0;
}

type Sizes = Pick<Plan, 'sources' | 'devices' | 'vcpus'>;

const slicesOf = ({ trace }: StressOptions, sizes: Sizes) => (trace ? slicesKept(threadsOf(sizes)) : 0);

function createMachine(config: MachineConfig, options: BuildOptions, sizes: Sizes): Machine {
  const { abi = 'merged', dispatch, fault, haltPollNs = config.haltPollNs } = options;
  return Machine.create({
    ...config,
    eventfds: Math.max(1, ...sizes.sources.map(({ fd, resamplefd }) => Math.max(fd, resamplefd) + 1)),
    abi,
    dispatch: dispatch === 'both' ? 'main' : dispatch,
    fault,
    haltPollNs,
    // List registers are a part of KVM, so the guest finds a KVM, also a guest that was recorded on QEMU.
    ...(options.listRegisters === undefined
      ? {}
      : { listRegisters: options.listRegisters, personality: 'kvm' as const }),
    scenarioWords:
      options.ownWords +
      stressWords(
        {
          ...sizes,
          slices: slicesOf(options, sizes),
          perturb: options.perturb ?? 'off',
          sgis: sendsSgis(options, sizes),
        },
        2 ** config.idBits,
      ),
  });
}

function planned(
  machine: Machine,
  options: BuildOptions,
  sizes: Sizes & Pick<Plan, 'spareSpis'>,
  tables: GuestTables,
): { machine: Machine; plan: Plan } {
  const { churn, seed, iterations, perturb = 'off' } = options;
  const plan: Plan = {
    ...sizes,
    ...tables,
    churn,
    seed,
    iterations,
    perturb,
    endsAtViolation: options.endsAtViolation ?? false,
    isBoth: options.dispatch === 'both',
    sgis: sendsSgis(options, sizes),
    slices: slicesOf(options, sizes),
    stampEvery: options.stampEvery ?? (options.trace ? 1 : STAMP_EVERY),
  };
  const { proof, sgis } = stressViews(machine, plan);
  for (let pair = 0; pair < sgis.sources; pair++)
    sgis.place(pair, EDGE_SOURCE, Math.floor(pair / plan.vcpus), pair % plan.vcpus);
  for (const [source, { kind, intid, vcpu }] of plan.sources.entries())
    proof.place(source, proofKind(kind), intid, vcpu);
  return { machine, plan };
}
