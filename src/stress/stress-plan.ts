import type { Intid, VcpuId } from '../arch/intid.ts';
import type { MachineConfig } from '../board/config.ts';
import type { VcpuControl } from '../board/vcpu-control.ts';
import type { GuestTables, Source, SourceKind } from '../guest/index.ts';
import type { IrqFds } from '../kvm/irqfds.ts';
import type { Clock } from '../measure/clock.ts';
import { Layout, LINE, type Region } from '../memory/layout.ts';
import { type PerturbationRegions, perturbationRegions } from '../memory/perturbation/account.ts';
import type { PerturbationPlan } from '../memory/perturbation/perturb.ts';
import type { Perturbation } from '../memory/perturbation/timing.ts';
import type { Words } from '../memory/word.ts';
import { CoverageAccount, type CoverageRegions, coverageRegions } from './coverage.ts';
import { type PairRegions, Pairs, pairRegions } from './pairs.ts';
import { EDGE_SOURCE, LEVEL_SOURCE, Proof } from './proof.ts';
import { type ProofRegions, proofRegions } from './proof-regions.ts';
import { Turns, turnsRegion } from './rules/turns.ts';
import { LineAccount, lineRegion, linesOf } from './shared-lines.ts';
import { Stillness, type StillRegions, stillRegions } from './stillness.ts';
import type { Churn } from './stress-result.ts';
import { sliceRegions } from './traced/slices.ts';

/** SGIs are INTID 0 to 15. A vCPU sends the SGI of its own number. */
export const SGIS = 16;

/** The task that every thread of a stress run shares. Plain data. */
export type Plan = GuestTables & {
  readonly sources: readonly Source[];
  readonly devices: number;
  readonly vcpus: number;
  readonly churn: Churn;
  readonly seed: number;
  /** Signals of each source, 0 for no limit. */
  readonly iterations: number;
  /** SPIs, edge-triggered and enabled, that no source has yet: for sources that stand in for events. */
  readonly spareSpis: { readonly first: number; readonly end: number };
  /** Slices of time that each thread keeps for a trace; 0: none, and then other programs run, which make none. */
  readonly slices: number;
  /** How threads are delayed at their shared operations; left out: not at all. */
  readonly perturb?: Perturbation;
  /** Whether the run ends where a still phase finds a violation; left out: no. */
  readonly endsAtViolation?: boolean;
  /** Whether devices signal now in their own thread and now by way of the main thread; left out: as the machine says. */
  readonly isBoth?: boolean;
  /** Whether vCPUs send each other SGIs, and their handlers use the modes of the CPU interface; left out: no. */
  readonly sgis?: boolean;
  /** Of so many signals of a source one is timed, a power of two; left out: each. */
  readonly stampEvery?: number;
};

/** The parts of a machine that a run's accounts and devices need, on each architecture: a `Machine`, or a board of x86. */
export type StressMachine = {
  readonly words: Words;
  readonly buffer: SharedArrayBuffer;
  readonly layout: Layout;
  readonly scenario: Region;
  readonly clock: Clock;
  readonly config: Pick<MachineConfig, 'vcpus' | 'dispatch' | 'otherThreads' | 'listRegisters'>;
  /** Numbers of interrupts are below this one. */
  readonly intids: number;
  readonly vm: { readonly irqfds: IrqFds };
  control(vcpu: VcpuId): VcpuControl;
};

/** The words of a stress run, within the scenario's region of the machine. */
type StressRegions = {
  readonly proof: ProofRegions;
  /** 1 tells devices and driver to finish. */
  readonly stop: Region;
  readonly churn: Region;
  readonly lines: Region;
  readonly pairs: PairRegions;
  /** By thread of the machine: its slices of time, for a trace. */
  readonly slices: readonly Region[];
  readonly perturbation: PerturbationRegions;
  readonly still: StillRegions;
  readonly coverage: CoverageRegions;
  readonly turns: Region;
  /** Of the SGIs: a source for each pair of vCPUs. */
  readonly sgis: ProofRegions;
};

function stressRegions(layout: Layout, plan: Sizes, idLimit: number): StressRegions {
  return {
    proof: proofRegions(layout, { sources: plan.sources.length, intids: idLimit, devices: plan.devices }),
    stop: layout.region('stop', 1),
    churn: layout.region('churn', LINE),
    lines: lineRegion(layout, linesOf(plan.sources).length),
    pairs: pairRegions(layout, plan),
    slices: sliceRegions(layout, threadsOf(plan), plan.slices),
    perturbation: perturbationRegions(layout, threadsOf(plan), isPerturbed(plan)),
    still: stillRegions(layout, plan.devices),
    coverage: coverageRegions(layout),
    turns: turnsRegion(layout, plan.sources.length),
    sgis: proofRegions(layout, { sources: plan.sgis ? plan.vcpus ** 2 : 0, intids: SGIS, devices: 0 }, 'sgi'),
  };
}

type Sizes = Pick<Plan, 'sources' | 'devices' | 'vcpus' | 'slices' | 'perturb' | 'sgis'>;

/** Threads of a run: the main one, a vCPU each, a device each, the driver. */
export function threadsOf({ vcpus, devices }: Pick<Plan, 'vcpus' | 'devices'>): number {
  return 1 + vcpus + devices + 1;
}

/** How many words {@link stressRegions} needs. */
export function stressWords(plan: Sizes, idLimit: number): number {
  const layout = new Layout();
  stressRegions(layout, plan, idLimit);
  return layout.words;
}

/** The views of a stress run on a machine. */
export function stressViews(machine: Pick<StressMachine, 'words' | 'scenario' | 'intids'>, plan: Plan) {
  const layout = new Layout(machine.scenario.at);
  const regions = stressRegions(layout, plan, machine.intids);
  const lines = linesOf(plan.sources);
  return {
    proof: new Proof(machine.words, regions.proof, plan.vcpus, plan.stampEvery),
    stopAt: regions.stop.at,
    churnAt: regions.churn.at,
    lines,
    account: new LineAccount(machine.words, regions.lines, lines, plan.vcpus),
    pairs: new Pairs(machine.words, regions.pairs, plan),
    slices: regions.slices,
    perturbation: regions.perturbation,
    still: new Stillness(machine.words, regions.still),
    coverage: new CoverageAccount(machine.words, regions.coverage),
    turns: new Turns(machine.words, regions.turns),
    sgis: new Proof(machine.words, regions.sgis, plan.vcpus, plan.stampEvery),
  };
}

/** The SGI that a vCPU sends to others: the SGI of the sender's number, so the receiver's INTID names the sender. */
export function sgiOf(sender: VcpuId): Intid {
  return sender as number;
}

/** How the proof judges a source. */
export function proofKind(kind: SourceKind): number {
  return kind === 'level' ? LEVEL_SOURCE : EDGE_SOURCE;
}

/** The regions with the state words of interrupts, as the layout calls them. */
const STATES = new Set(['private', 'spi', 'lpi']);

/** How the threads of a run are delayed; undefined where they run freely. */
export function perturbationOf(machine: StressMachine, plan: Plan): PerturbationPlan | undefined {
  const { perturb = 'off' } = plan;
  if (perturb === 'off') return undefined;
  const states = [...machine.layout.regions()].flatMap(([name, region]) =>
    STATES.has(name) ? [region] : [],
  );
  const { perturbation: regions } = stressViews(machine, plan);
  const threads = threadsOf(plan);
  return { perturbation: perturb, seed: plan.seed, threads, changer: threads - 1, regions, states };
}

export function isPerturbed({ perturb = 'off' }: Pick<Plan, 'perturb'>): boolean {
  return perturb !== 'off';
}
