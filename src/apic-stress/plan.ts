import { IOAPIC_PINS } from '../apic/ioapic.ts';
import type { VcpuId } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import { ApicBoard, type ApicBoardConfig } from '../board/apic-board.ts';
import type { Source, Topology } from '../guest/index.ts';
import {
  namedSources,
  type Plan,
  proofKind,
  type StressMachine,
  type StressOptions,
  stressViews,
  stressWords,
  threadsOf,
} from '../stress/index.ts';

/** Options of a stress run on x86: those of any, with a topology of its own. */
export type ApicStressOptions = StressOptions & { readonly input: Omit<Topology, 'spis'> };

/** Vectors of devices. Below lie exceptions; 0xff is the spurious vector. */
const FIRST_VECTOR = 0x20;
const LAST_VECTOR = 0xfe;
const VECTORS = 256;
/** Vectors that are kept free, for sources to change to. */
const SPARE = 24;
/** A vector has one source, so that the proof knows the source by the vector. */
const MOST_APIC_SOURCES = LAST_VECTOR - FIRST_VECTOR + 1 - SPARE;
/** An APIC ID has 8 bits, and 0xff is all APICs. */
const MOST_VCPUS = 255;
/** With at most so many vCPUs each has a bit of the flat logical destination. */
const MOST_FLAT = 8;

const NO_RANGE = { first: 0, end: 0 } as const;
const STAMP_EVERY = 8;

/** Whether messages may name a vCPU by its logical destination. */
export const isFlat = ({ vcpus }: Pick<Plan, 'vcpus'>) => vcpus <= MOST_FLAT;

/** Vectors that no source has at first. */
export function spareVectors({ sources }: Pick<Plan, 'sources'>): number[] {
  const used = new Set(sources.map(({ intid }) => Number(intid)));
  return Array.from({ length: LAST_VECTOR - FIRST_VECTOR + 1 }, (_, index) => FIRST_VECTOR + index).filter(
    (vector) => !used.has(vector),
  );
}

/** A board as the accounts and the devices of `stress` see a machine: their INTIDs are vectors here. */
export function stressMachineOf(board: ApicBoard): StressMachine {
  const { words, buffer, layout, scenario, clock, vm, config } = board;
  const { vcpus, dispatch, threads } = config;
  return {
    ...{ words, buffer, layout, scenario, clock, vm, intids: VECTORS },
    config: { vcpus, dispatch, otherThreads: threads - 1 - vcpus },
    control: (vcpu) => board.control(vcpu),
  };
}

/**
 * A board for a stress run, its local APICs on, and the plan for its threads; the driver connects the sources.
 * @throws IrqError `ERR_CONFIG` for a topology that exceeds an IOAPIC and 223 vectors
 */
export function buildApicStress(options: ApicStressOptions): { board: ApicBoard; plan: Plan } {
  const { input, spis, churn, seed, iterations, dispatch, fault, perturb = 'off' } = options;
  const { vcpus, devices } = input;
  const within = (what: string, value: number, most: number) => {
    if (value > most)
      throw new IrqError(
        'ERR_CONFIG',
        `with --irqchip ioapic there is room for ${most} ${what}, not ${value}`,
      );
  };
  within('vCPUs', vcpus, MOST_VCPUS);
  within('wires, the pins of the IOAPIC', spis, IOAPIC_PINS);
  within('events and wires, a vector each', devices * input.events + spis, MOST_APIC_SOURCES);
  const sources = namedSources(options, sourcesOf(input, spis));
  const plan: Plan = {
    ...{ sources, devices, vcpus, churn, seed, iterations, perturb },
    ...{ spareLpis: NO_RANGE, spareSpis: NO_RANGE, eventBits: [], collections: [], configTable: 0 },
    slices: 0,
    isBoth: dispatch === 'both',
    stampEvery: options.stampEvery ?? STAMP_EVERY,
  };
  const config: ApicBoardConfig = {
    vcpus,
    eventfds: Math.max(1, ...sources.map(({ fd, resamplefd }) => Math.max(fd, resamplefd) + 1)),
    threads: threadsOf(plan),
    dispatch: dispatch === 'both' ? 'main' : dispatch,
    fault,
    scenarioWords: stressWords(plan, VECTORS),
  };
  const board = ApicBoard.create(config);
  for (const local of board.apic.local) {
    local.enable();
    if (isFlat(plan)) local.logicalId = 1 << local.id;
  }
  const { proof } = stressViews(stressMachineOf(board), plan);
  for (const [source, { kind, intid, vcpu }] of sources.entries())
    proof.place(source, proofKind(kind), intid, vcpu);
  return { board, plan };
}

/** Events first, each an MSI; then wires, edge-triggered and level-triggered in turn: GSI n is pin n. */
function sourcesOf({ vcpus, devices, events }: Omit<Topology, 'spis'>, spis: number): Source[] {
  const message = devices * events;
  return Array.from({ length: message + spis }, (_, index): Source => {
    const wire = index - message;
    const isMessage = wire < 0;
    const vcpu: VcpuId = index % vcpus;
    return {
      kind: isMessage ? 'msi' : wire % 2 === 0 ? 'edge' : 'level',
      device: isMessage ? Math.floor(index / events) : (wire >> 1) % devices,
      fd: index,
      resamplefd: -1,
      gsi: isMessage ? IOAPIC_PINS + index : wire,
      deviceId: -1,
      eventId: -1,
      intid: FIRST_VECTOR + index,
      vcpu,
    };
  });
}
