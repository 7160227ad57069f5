import type { VcpuId } from '../arch/intid.ts';
import type { Machine } from '../board/machine.ts';
import { connectionsOf, GicDriver, ItsDrivers, SOURCE_POLICY, type Source } from '../guest/index.ts';
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
/**
 * How long a phase of churn lasts at most before all devices keep still, ms; and at least, where a thread that has stopped
 * asks for stillness.
 */
const PHASE_MS = 150;
const LEAST_MS = 60;
/** Every so many phases mix the kinds of churn; the others have one kind each. */
const MIXED_EVERY = 2;
/** Of so many changes in which the driver stopped, one ends its phase. */
const STILL_ONE_IN = 2;
/** Draws in a row that may find no source for the kind of a phase. */
const DRAWS = 32;

/** Kinds of churn that lose no signal, so that no kind hides another kind's loss: a mixed phase has these. */
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
/**
 * Those among them that end the work that a thread may have in hand: a mixed phase does these to a source of a stopped
 * thread.
 */
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
    its: new ItsDrivers(machine.bus, memory, config),
    gic: new GicDriver(bus, config),
    userland: design.makeUserland(vm, SOURCE_POLICY),
  };
}

/**
 * The thread that does the changes of a guest's drivers and of its VMM, while devices and vCPUs run: moves events between
 * vCPUs, replaces the routing table, masks and unmasks vectors, disables and enables LPIs, maps events anew, turns parts of
 * the interrupt controller off and on. The thread is the VMM's only one: the driver has connected every source when the
 * driver is ready. The driver tells the proof when each change begins and when the change is complete.
 *
 * Phases of churn, of one kind each or mixed, alternate with phases in which all devices keep still until every signal has
 * settled: so the churn of other interrupts cannot bring forth a lost signal, and a violation names the kind of churn that
 * went on.
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
  /** By kind: makes a change of a source; false where no source fits. */
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
        // The handlers of a guest of one's own are unknown, so the only expectation is that the guest takes each interrupt.
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
      // The driver stopped in the middle of that change: no later change shall bring forth a signal that came meanwhile.
      if (this.#meetings.meeting.takeOwn() && still.isRipe && context.chance.below(STILL_ONE_IN) === 0)
        return;
      this.#messages.discardRetired();
      if (pauseMs > 0) context.nap(pauseMs);
    }
  }

  /** Makes a change of a fitting source; false where no source was found. */
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

  /** While a thread stops: mostly the source that the thread has in hand, or a source of its device or vCPU. */
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

  /** The kinds in an order of the seed, so that each kind has its turn before any kind has a second one. */
  #shuffledKinds(): ChurnCount[] {
    const keyed = CHURN_COUNTS.map((kind) => ({ kind, key: this.#context.chance.bits() }));
    return keyed.sort((a, b) => a.key - b.key).map(({ kind }) => kind);
  }
}
