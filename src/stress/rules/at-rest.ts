import type { Intid, VcpuId } from '../../arch/intid.ts';
import { isDeliverable, isPending, LOADED, NONE } from '../../gic/state.ts';
import type { Source } from '../../guest/index.ts';
import type { DriverContext } from '../driver/context.ts';
import { movesOf } from '../quiet.ts';
import { SGIS } from '../stress-plan.ts';
import type { Turns } from './turns.ts';

/** Longest wait for an interrupt that has to come, ms. */
const ARRIVAL_MS = 3_000;
const WAKE_UPS = 6;
/** Longest wait for the vCPUs to fall asleep, ms. */
const ASLEEP_MS = 50;

/** A source, and its place in the plan. */
export type Chosen = { readonly which: number; readonly source: Source };

/**
 * The machine at rest, for rules that one source at a time can show: no other source signals, so the driver can tell exactly
 * which interrupts come, and that none comes. The driver's thread. A broken rule is noted in words.
 */
export class AtRest {
  readonly context: DriverContext;
  readonly turns: Turns;
  /** Moves all LPIs of a vCPU. */
  readonly moveAll: () => boolean;
  /** The breaches of the present rule. */
  readonly breaches: string[] = [];

  constructor(context: DriverContext, turns: Turns, moveAll: () => boolean) {
    this.context = context;
    this.turns = turns;
    this.moveAll = moveAll;
  }

  /** A source of a kind that fits, if there is one: each as likely as every other. */
  choose(
    kind: Source['kind'],
    fits: (source: Source, which: number) => boolean = () => true,
  ): Chosen | undefined {
    const { sources, chance } = this.context;
    const fitting = sources.flatMap((source, which) =>
      source.kind === kind && fits(source, which) ? [{ which, source }] : [],
    );
    return fitting.length === 0 ? undefined : fitting[chance.below(fitting.length)];
  }

  /** The source under its present name. */
  now({ which, source }: Chosen): Chosen {
    return { which, source: this.context.sources[which] ?? source };
  }

  /** Notes a breach, unless the run ends: then nothing is waited for. */
  expect(holds: boolean, text: string): void {
    if (!holds && !this.context.stopping) this.breaches.push(text);
  }

  /** Whether an interrupt is pending, once it has left its list register: a vCPU that was rung runs its guest for a moment. */
  isPending(intid: Intid, vcpu: VcpuId = 0): boolean {
    const { interrupts } = this.context.machine.gic;
    const at = interrupts.find(vcpu, intid);
    this.context.until(() => (interrupts.state(at) & LOADED) === 0, this.#boundMs);
    return isPending(interrupts.state(at));
  }

  /** Signals a source by its eventfd, as its device would, and waits until the signal has left the main thread. */
  signal({ source }: Chosen): void {
    const { machine } = this.context;
    machine.vm.irqfds.write(source.fd);
    this.context.until(() => machine.vm.irqfds.isIdle, ARRIVAL_MS);
  }

  /** Allows one delivery of a source. */
  allow({ which }: Chosen): void {
    this.context.views.proof.raise(which);
  }

  /** Sees that exactly one delivery of a source comes of `act`. */
  arrives(chosen: Chosen, act: () => void, why: string): void {
    this.allow(chosen);
    this.comes(chosen, act, why);
  }

  /** As {@link arrives}, of a signal that was allowed before. */
  comes(chosen: Chosen, act: () => void, why: string): void {
    const { proof } = this.context.views;
    const before = proof.deliveries(chosen.which);
    act();
    this.context.until(() => proof.deliveries(chosen.which) !== before, this.#boundMs);
    this.settle();
    const came = (proof.deliveries(chosen.which) - before) | 0;
    this.expect(came === 1, `${this.#named(chosen)} came ${came} times, not once: ${why}`);
  }

  /** Longest wait for an interrupt that has to come, on this machine, ms. */
  get #boundMs(): number {
    return Math.max(ARRIVAL_MS, WAKE_UPS * this.context.slowestWakeMs);
  }

  /** Sees that nothing comes of `act`, and that the interrupt is pending afterwards, or not. */
  stays(chosen: Chosen, isPending: boolean, act: () => void, why: string): void {
    const { proof } = this.context.views;
    const before = proof.deliveries(chosen.which);
    act();
    const { source } = this.now(chosen);
    this.settle(isPending ? source.intid : NONE);
    const came = (proof.deliveries(chosen.which) - before) | 0;
    this.expect(came === 0, `${this.#named(chosen)} came ${came} times: ${why}`);
    this.expect(
      this.isPending(source.intid) === isPending,
      `${this.#named(chosen)} is ${isPending ? 'not ' : ''}pending: ${why}`,
    );
  }

  /** Checks that a vCPU is halted, or halts soon: no pending interrupt is signalled to the vCPU. */
  sleeps(vcpu: VcpuId, why: string): void {
    const control = this.context.machine.control(vcpu);
    this.context.until(() => control.isHalted, this.#boundMs);
    this.expect(control.isHalted, `vCPU ${vcpu} does not halt: ${why}`);
  }

  /** Whether every vCPU is halted, now or soon. A vCPU that is late proves nothing on a busy machine. */
  areAllHalted(): boolean {
    return this.context.until(() => this.#isEachHalted(), this.#boundMs);
  }

  #isEachHalted(): boolean {
    const { machine, plan } = this.context;
    for (let vcpu: VcpuId = 0; vcpu < plan.vcpus; vcpu++) if (!machine.control(vcpu).isHalted) return false;
    return true;
  }

  /**
   * Waits until no signal is under way and every vCPU sleeps. A vCPU that was rung may still sleep, so the wait also asks
   * that no interrupt is left that the vCPU could take.
   * @param keptBack - the interrupts that a priority or a group keeps back
   */
  settle(keptBack = NONE): void {
    this.context.until(() => this.#rests(keptBack), ASLEEP_MS);
  }

  /**
   * Waits until no signal is under way; false on a machine that is too busy. Two looks, between which nothing has moved: an SGI that a
   * handler sent behind the first look has moved a count before the second, or the second look sees the SGI.
   */
  comesToRest(): boolean {
    const { machine, plan, views } = this.context;
    const moves = () => movesOf(views.proof, plan.vcpus, (vcpu) => machine.control(vcpu).taken);
    return this.context.until(() => {
      const before = moves();
      return this.#rests() && this.#rests() && moves() === before;
    }, this.#boundMs);
  }

  #rests(keptBack = NONE): boolean {
    return this.context.machine.vm.irqfds.isIdle && !this.#isAnyDeliverable(keptBack) && this.#isEachHalted();
  }

  #isAnyDeliverable(keptBack: number): boolean {
    const { plan, sources, machine } = this.context;
    const { interrupts } = machine.gic;
    const waits = (vcpu: VcpuId, intid: Intid) =>
      isDeliverable(interrupts.state(interrupts.find(vcpu, intid)));
    if (interrupts.forwarding === 0) return false;
    for (let vcpu: VcpuId = 0; vcpu < plan.vcpus; vcpu++)
      for (let sgi: Intid = 0; sgi < SGIS; sgi++) if (waits(vcpu, sgi)) return true;
    return sources.some(({ intid }) => intid !== keptBack && waits(0, intid));
  }

  /** A vCPU other than `vcpu`; the same where there is one only. */
  otherThan(vcpu: VcpuId): VcpuId {
    const { vcpus } = this.context.plan;
    return vcpus === 1 ? vcpu : (vcpu + 1 + this.context.chance.below(vcpus - 1)) % vcpus;
  }

  #named(chosen: Chosen): string {
    const { intid, vcpu } = this.now(chosen).source;
    return `INTID ${intid} of vCPU ${vcpu}`;
  }
}

/** A rule of the architecture, or of KVM, that shows at rest. */
export type Rule = {
  readonly name: string;
  /** Looks at the rule, and leaves the machine as found. False where the run has no source for the rule. */
  readonly look: (rest: AtRest) => boolean;
};
