import type { VcpuId } from '../arch/intid.ts';
import type { Machine } from '../board/machine.ts';
import { connectionsOf, GicDriver, ItsDriver, SOURCE_POLICY, type Source } from '../guest/index.ts';
import { threadProgram } from '../threads/programs.ts';
import { DriverContext, type DriverParts } from './driver/context.ts';
import { ControllerChanges } from './driver/controller.ts';
import { MessageChanges } from './driver/messages.ts';
import { StillPhases } from './driver/still.ts';
import { WireChanges } from './driver/wires.ts';
import type { Meetings } from './meetings.ts';
import { RulesAtRest } from './rules/rules.ts';
import type { RulesResult } from './rules/rules-result.ts';
import { type Plan, stressViews } from './stress-plan.ts';
import { CHURN_COUNTS, type ChurnCount } from './stress-result.ts';

/** Pause between two changes, ms. */
const PAUSE_MS = { none: 0, light: 1, heavy: 0 } as const;
/** How long a phase of churn lasts at most before everything keeps still; and at least, where a thread that has stopped asks for it. */
const PHASE_MS = 150;
const LEAST_MS = 60;
/** Every so many phases mix the kinds of churn; the others have one kind each. */
const MIXED_EVERY = 2;
/** Of so many changes in which the driver stopped, one ends its phase. */
const STILL_ONE_IN = 2;
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
/** Those among them that end what a thread may have in hand: what a mixed phase does to a source that a stopped thread has. */
const ENDING = [
  'masks',
  'masks',
  'remaps',
  'remaps',
  'routeUpdates',
  'swaps',
] as const satisfies readonly ChurnCount[];

export type { DriverParts } from './driver/context.ts';

export function driverParts(machine: Machine, plan: Plan): DriverParts {
  const { memory, config, design, vm } = machine;
  const bus = stressViews(machine, plan).coverage.registersOf(machine);
  return {
    its: new ItsDriver(machine.bus, memory, config.itsBase),
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
 * @param isBusy - of a guest of one's own: whether a handler runs that may take long, for which a still phase waits
 */
export function stressDriver(
  machine: Machine,
  plan: Plan,
  parts = driverParts(machine, plan),
  isBusy?: () => boolean,
): { run(): RulesResult } {
  return new Driver(machine, plan, parts, isBusy);
}

export const stressDriverProgram = threadProgram(import.meta.url, stressDriver);

type Change = (which: number, source: Source) => boolean;

class Driver {
  readonly #context: DriverContext;
  readonly #messages: MessageChanges;
  readonly #still: StillPhases;
  readonly #rules: RulesAtRest;
  readonly #meetings: Meetings;
  /** By kind: makes a change of a source; false where there is none for it. */
  readonly #changes: Readonly<Record<ChurnCount, Change>>;

  constructor(machine: Machine, plan: Plan, parts: DriverParts, isBusy: (() => boolean) | undefined) {
    const context = new DriverContext(machine, plan, parts);
    const messages = new MessageChanges(context);
    const wires = new WireChanges(context);
    const controller = new ControllerChanges(context, messages);
    this.#context = context;
    this.#messages = messages;
    this.#rules = new RulesAtRest(context, () => controller.moveAll());
    this.#still = new StillPhases(
      context,
      () => {
        // What a guest of one's own does in its handlers is not known, so nothing is expected of it but that it takes what comes.
        if (!context.stopping && isBusy === undefined) this.#rules.look();
      },
      isBusy,
    );
    this.#meetings = context.meetings;
    parts.userland.connectAll(connectionsOf(plan.sources, machine.config));
    if (plan.sgis) for (let vcpu: VcpuId = 0; vcpu < plan.vcpus; vcpu++) parts.gic.enableSgis(vcpu);
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

  run(): RulesResult {
    const context = this.#context;
    if (context.plan.churn === 'none') return this.#rules.result;
    const kinds = this.#shuffledKinds();
    for (let phase = 0; !context.stopping; phase++) {
      const kind = kinds[Math.floor(phase / MIXED_EVERY) % kinds.length] ?? 'mixed';
      this.#churn(phase % MIXED_EVERY === 0 ? 'mixed' : kind);
      if (!context.stopping) this.#still.run();
    }
    return this.#rules.result;
  }

  #churn(kind: ChurnCount | 'mixed'): void {
    const context = this.#context;
    const { clock } = context.machine;
    const { still } = context.views;
    const pauseMs = PAUSE_MS[context.plan.churn];
    const start = clock.now();
    const end = start + PHASE_MS * 1e6;
    context.views.proof.churn = kind === 'mixed' ? 0 : CHURN_COUNTS.indexOf(kind) + 1;
    while (!context.stopping && !still.isWanted && clock.now() < end) {
      if (!this.#change(kind)) return;
      if (clock.now() > start + LEAST_MS * 1e6) still.ripen();
      // It stopped in the middle of that change: no later one shall bring forth what became of a signal that came meanwhile.
      if (this.#meetings.meeting.takeOwn() && still.isRipe && context.chance.below(STILL_ONE_IN) === 0)
        return;
      this.#messages.discardRetired();
      if (pauseMs > 0) context.nap(pauseMs);
    }
  }

  /** Makes a change of a source that it fits; false where no source was found for it. */
  #change(kind: ChurnCount | 'mixed'): boolean {
    const { chance, sources } = this.#context;
    const { meeting } = this.#meetings;
    const meets = meeting.isOpen;
    let which = meets ? this.#concerned() : chance.below(sources.length);
    for (let draw = 0; draw < DRAWS; draw++) {
      const source = sources[which];
      const kinds = meets && chance.below(2) === 0 ? ENDING : MIXED;
      const name = kind === 'mixed' ? (kinds[chance.below(kinds.length)] ?? 'moves') : kind;
      if (source && this.#changes[name](which, source)) {
        if (meeting.isOpen && (meets || this.#meetings.source === which)) meeting.answer();
        return true;
      }
      which = chance.below(sources.length);
    }
    return false;
  }

  /** While a thread stops: the source that it has in hand, or one that it deals with, mostly. */
  #concerned(): number {
    const { chance, sources, plan } = this.#context;
    const which = chance.below(sources.length);
    if (chance.below(8) === 0) return which;
    const { source, meeting } = this.#meetings;
    if (source >= 0 && source < sources.length) return source;
    const { thread } = meeting;
    const concerns = ({ device, vcpu }: Source) =>
      thread <= plan.vcpus ? vcpu === thread - 1 : device === thread - 1 - plan.vcpus;
    const near = sources.findIndex((each, index) => index >= which && concerns(each));
    return near < 0 ? which : near;
  }

  /** The kinds in an order of the seed, so that each has its turn before any has a second one. */
  #shuffledKinds(): ChurnCount[] {
    const keyed = CHURN_COUNTS.map((kind) => ({ kind, key: this.#context.chance.bits() }));
    return keyed.sort((a, b) => a.key - b.key).map(({ kind }) => kind);
  }
}
