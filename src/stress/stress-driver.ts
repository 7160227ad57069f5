import type { Machine } from '../board/machine.ts';
import { connectionsOf, GicDriver, ItsDriver, SOURCE_POLICY, type Source } from '../guest/index.ts';
import { stoppingThread } from '../memory/perturbation/account.ts';
import { threadProgram } from '../threads/programs.ts';
import { DriverContext, type DriverParts } from './driver/context.ts';
import { ControllerChanges } from './driver/controller.ts';
import { MessageChanges } from './driver/messages.ts';
import { StillPhases } from './driver/still.ts';
import { WireChanges } from './driver/wires.ts';
import { type Plan, stressViews } from './stress-plan.ts';
import { CHURN_COUNTS, type ChurnCount } from './stress-result.ts';

/** Pause between two changes, ms. */
const PAUSE_MS = { none: 0, light: 1, heavy: 0 } as const;
/** How long a phase of churn lasts before everything keeps still. */
const PHASE_MS = 150;
/** Every so many phases mix the kinds of churn; the others have one kind each. */
const MIXED_EVERY = 2;
/** Draws in a row that may find no source for the kind of a phase. */
const DRAWS = 32;

/** Kinds that lose nothing, so that none of them hides what another has lost: a mixed phase has these. */
const MIXED = [
  'moves',
  'routeUpdates',
  'masks',
  'configs',
  'remaps',
  'collections',
  'toggles',
  'priorities',
] as const satisfies readonly ChurnCount[];

export type { DriverParts } from './driver/context.ts';

export function driverParts(machine: Machine, plan: Plan): DriverParts {
  const { memory, config, design, vm } = machine;
  const bus = stressViews(machine, plan).coverage.registersOf(machine);
  return {
    its: new ItsDriver(bus, memory, config.itsBase),
    gic: new GicDriver(bus, config),
    userland: design.makeUserland(vm, SOURCE_POLICY),
  };
}

/**
 * The thread that does, while everything runs, what a guest's drivers and its VMM do: moves events between vCPUs,
 * replaces the routing table, masks and unmasks vectors, disables and enables LPIs, maps events anew, turns parts of the
 * interrupt controller off and on. It is the VMM's only thread: it has connected every source when it is ready. Each change
 * tells the proof when it begins and when it is complete.
 *
 * Phases of churn, of one kind each or mixed, alternate with phases in which everything keeps still until it has settled: so
 * the churn of other interrupts cannot bring forth what was lost, and a violation names the kind of churn that went on.
 * @param isBusy - whether a handler runs that may take long: a still phase waits for its end
 */
export function stressDriver(
  machine: Machine,
  plan: Plan,
  parts = driverParts(machine, plan),
  isBusy: () => boolean = () => false,
): { run(): void } {
  return new Driver(machine, plan, parts, isBusy);
}

export const stressDriverProgram = threadProgram(import.meta.url, stressDriver);

type Change = (which: number, source: Source) => boolean;

class Driver {
  readonly #context: DriverContext;
  readonly #messages: MessageChanges;
  readonly #still: StillPhases;
  /** By kind: makes a change of a source; false where there is none for it. */
  readonly #changes: Readonly<Record<ChurnCount, Change>>;

  constructor(machine: Machine, plan: Plan, parts: DriverParts, isBusy: () => boolean) {
    const context = new DriverContext(machine, plan, parts);
    const messages = new MessageChanges(context);
    const wires = new WireChanges(context);
    const controller = new ControllerChanges(context, messages);
    this.#context = context;
    this.#messages = messages;
    this.#still = new StillPhases(context, isBusy);
    parts.userland.connectAll(connectionsOf(plan.sources, machine.config));
    if (plan.sgis) for (let vcpu = 0; vcpu < plan.vcpus; vcpu++) parts.gic.enableSgis(vcpu);
    this.#changes = {
      moves: (which, source) => (source.kind === 'msi' ? messages.move(which, source) : wires.move(source)),
      routeUpdates: (which, source) => messages.reroute(which, source) || wires.reroute(which, source),
      masks: (which, source) => messages.mask(which, source),
      configs: (which, source) => messages.configure(which, source),
      remaps: (which, source) => messages.remap(which, source),
      collections: () => controller.moveAll(),
      sharedLpis: (which, source) => messages.share(which, source),
      toggles: (which, source) => wires.toggle(which, source),
      priorities: (which, source) => controller.prioritise(which, source),
      raises: (which, source) => controller.raise(which, source),
      switches: () => controller.switchOff(),
      swaps: (which, source) => messages.swapLpi(which, source),
    };
  }

  run(): void {
    const context = this.#context;
    if (context.plan.churn === 'none') return;
    const kinds = this.#shuffledKinds();
    for (let phase = 0; !context.stopping; phase++) {
      const kind = kinds[Math.floor(phase / MIXED_EVERY) % kinds.length] ?? 'mixed';
      this.#churn(phase % MIXED_EVERY === 0 ? 'mixed' : kind);
      if (!context.stopping) this.#still.run();
    }
  }

  #churn(kind: ChurnCount | 'mixed'): void {
    const context = this.#context;
    const { clock } = context.machine;
    const pauseMs = PAUSE_MS[context.plan.churn];
    const end = clock.now() + PHASE_MS * 1e6;
    context.views.proof.churn = kind === 'mixed' ? 0 : CHURN_COUNTS.indexOf(kind) + 1;
    while (!context.stopping && clock.now() < end) {
      if (!this.#change(kind)) return;
      this.#messages.discardRetired();
      if (pauseMs > 0) context.nap(pauseMs);
    }
  }

  /** Makes a change of a source that it fits; false where no source was found for it. */
  #change(kind: ChurnCount | 'mixed'): boolean {
    const { chance, sources } = this.#context;
    for (let draw = 0; draw < DRAWS; draw++) {
      const which = this.#nextSource();
      const source = sources[which];
      const name = kind === 'mixed' ? (MIXED[chance.below(MIXED.length)] ?? 'moves') : kind;
      if (source && this.#changes[name](which, source)) return true;
    }
    return false;
  }

  /** A source; while a thread makes a long stop, mostly one that this thread deals with. */
  #nextSource(): number {
    const { chance, sources, machine, plan, views } = this.#context;
    const which = chance.below(sources.length);
    const stopping = stoppingThread(machine.words, views.perturbation);
    if (stopping <= 0 || chance.below(4) === 0) return which;
    const concerns = ({ device, vcpu }: Source) =>
      stopping <= plan.vcpus ? vcpu === stopping - 1 : device === stopping - 1 - plan.vcpus;
    for (let offset = 0; offset < sources.length; offset++) {
      const near = (which + offset) % sources.length;
      const source = sources[near];
      if (source && concerns(source)) return near;
    }
    return which;
  }

  /** The kinds in an order of the seed, so that each has its turn before any has a second one. */
  #shuffledKinds(): ChurnCount[] {
    const keyed = CHURN_COUNTS.map((kind) => ({ kind, key: this.#context.chance.bits() }));
    return keyed.sort((a, b) => a.key - b.key).map(({ kind }) => kind);
  }
}
