import { type DeviceId, type EventId, FIRST_LPI, type Intid, type VcpuId } from '../../arch/intid.ts';
import type { ItsCommand } from '../../arch/its-command.ts';
import { lpiConfig } from '../../arch/lpi-config.ts';
import { Chance } from '../../base/chance.ts';
import type { Machine } from '../../board/machine.ts';
import { ACTIVE, isOnItsWay, isPending, ORPHAN } from '../../gic/state.ts';
import { type GicDriver, type ItsDrivers, LINUX_PRIORITY, nameOf, type Source } from '../../guest/index.ts';
import { nap } from '../../memory/nap.ts';
import { CHANGER } from '../../memory/perturbation/meeting.ts';
import { add, load, store } from '../../memory/word.ts';
import type { Userland } from '../../vmm/design.ts';
import { Meetings } from '../meetings.ts';
import { type Plan, stressViews, threadsOf } from '../stress-plan.ts';
import { CHURN_COUNTS, type ChurnCount } from '../stress-result.ts';

/** Configuration bytes of an LPI. */
export const LPI_OFF = lpiConfig(LINUX_PRIORITY, false);
export const LPI_ON = lpiConfig(LINUX_PRIORITY);

/** Longest wait for an interrupt to be taken before its event is taken apart. */
const QUIET_MS = 5_000;
const NAP_MS = 0.05;
/** How long sources that cannot signal are watched. */
const SILENCE_MS = 0.5;
/** Longest wait for a thread that was answered to go on. */
const RESUME_MS = 20;

/** The interfaces that the driver works through; a traced run wraps each. */
export type DriverParts = {
  readonly its: ItsDrivers;
  readonly gic: GicDriver;
  readonly userland: Userland;
};

/**
 * The state that every change of the driver needs: the sources' present names, the free numbers, waits that end with the run.
 */
export class DriverContext {
  readonly machine: Machine;
  readonly plan: Plan;
  readonly views: ReturnType<typeof stressViews>;
  readonly chance: Chance;
  /** Its commands are counted. */
  readonly its: Pick<ItsDrivers, 'send' | 'sendAll' | 'setEnabled'>;
  readonly gic: GicDriver;
  readonly userland: Userland;
  /** The present name of each source. */
  readonly sources: Source[];
  /** By source: the collection of its event. */
  readonly collections: number[];
  /** By collection: the vCPU of its mapping. */
  readonly targets: Map<number, VcpuId>;
  /** LPIs that no event maps. */
  readonly spareLpis: Intid[];
  /** Where threads stop, and the driver comes by. */
  readonly meetings: Meetings;
  /** By how much a nap of the driver was longer than asked for, ms: the slowest so far. */
  slowestWakeMs = 0;

  constructor(machine: Machine, plan: Plan, { its, gic, userland }: DriverParts) {
    this.machine = machine;
    this.plan = plan;
    this.views = stressViews(machine, plan);
    this.chance = new Chance(plan.seed);
    this.chance.begin(0);
    this.its = this.views.coverage.commandsOf(its);
    this.meetings = new Meetings(machine, plan, threadsOf(plan) - 1, CHANGER);
    this.gic = gic;
    this.userland = userland;
    this.sources = [...plan.sources];
    this.collections = plan.sources.map(({ vcpu }) => plan.collections[vcpu] ?? vcpu);
    this.targets = new Map(
      Array.from({ length: plan.vcpus }, (_, vcpu) => [plan.collections[vcpu] ?? vcpu, vcpu]),
    );
    const { first, end } = plan.spareLpis;
    this.spareLpis = Array.from({ length: Math.min(1024, end - first) }, (_, index) => first + index);
  }

  /** A collection that is mapped to `vcpu`: there is one for each vCPU. */
  collectionOf(vcpu: VcpuId): number {
    for (const [collection, target] of this.targets) if (target === vcpu) return collection;
    return vcpu;
  }

  /** Gives a source its new name and place; the caller tells the proof. */
  rename(which: number, source: Source, collection = this.collections[which] ?? 0): void {
    this.sources[which] = source;
    this.collections[which] = collection;
  }

  /** Tells userland, and so the kernel, the present name of a source. */
  tellUserland(source: Source): void {
    this.userland.reroute(source.fd, nameOf(source, this.machine.config));
  }

  /** Configures an LPI as enabled, and maps an event to the LPI. */
  map(event: { deviceId: DeviceId; eventId: EventId; lpi: Intid; vcpu: VcpuId }): void {
    const { deviceId, eventId, lpi, vcpu } = event;
    this.putConfig(lpi, LPI_ON);
    this.its.send(
      { name: 'MAPTI', deviceId, eventId, lpi, collectionId: this.collectionOf(vcpu) },
      { name: 'INV', deviceId, eventId },
      { name: 'SYNC', rdbase: vcpu },
    );
  }

  /** Writes an LPI's byte of the configuration table. */
  putConfig(lpi: Intid, config: number): void {
    this.machine.memory.setByte(this.plan.configTable + lpi - FIRST_LPI, config);
  }

  /**
   * Makes sources pending by the guest's own means, because a change may have lost a signal. The delivery that follows covers
   * every signal before.
   */
  revive(which: readonly number[]): void {
    const ints: ItsCommand[] = [];
    for (const index of which) {
      const source = this.sources[index];
      if (!source) continue;
      this.views.proof.raise(index);
      if (source.kind === 'msi')
        ints.push({ name: 'INT', deviceId: source.deviceId, eventId: source.eventId });
      else this.pend(source);
    }
    if (ints.length > 0) this.its.sendAll(ints);
  }

  /** Makes an SPI pending. Tells the account of the line: the handler may find that no device asserts the line. */
  pend({ intid, resamplefd }: Source): void {
    const { account } = this.views;
    const line = resamplefd < 0 ? -1 : this.lineOf(intid);
    if (line >= 0) account.masks(line);
    this.gic.setSpiPending(intid, true);
    if (line >= 0) account.masks(line);
  }

  lineOf(intid: Intid): number {
    return this.views.lines.findIndex((line) => line.intid === intid);
  }

  /**
   * Waits until a latched interrupt has been taken, as a driver's synchronize_irq() does, and until an unmapped LPI has left its vCPU's
   * list: an LPI that is mapped anew before that keeps its old target. False if the run ends first, or the time is up.
   */
  waitUntilTaken(intid: Intid, boundMs?: number): boolean {
    const { interrupts } = this.machine.gic;
    const at = interrupts.find(0, intid);
    const isGone = (state: number) => !isOnItsWay(state) && (state & ORPHAN) === 0;
    return this.until(() => isGone(interrupts.state(at)), boundMs);
  }

  /** Waits until no vCPU handles an SPI, which has to be disabled. False if the run ends first. */
  waitUntilInactive(spi: Intid): boolean {
    const { interrupts } = this.machine.gic;
    return this.until(() => (interrupts.state(interrupts.find(0, spi)) & ACTIVE) === 0);
  }

  /**
   * Checks that some sources, whose signals cannot come through, are silent: once their pending interrupts are taken, none of
   * the sources is delivered, nor pending. A thread that stopped with a signal in hand goes on meanwhile.
   * @param times - one of so many calls checks; the others return at once
   * @param land - called first, where signals on their way may still come through: waits for those signals
   */
  watchSilence(which: readonly number[], times: number, land: () => void = () => undefined): void {
    const { meeting } = this.meetings;
    if (!meeting.isOpen && this.chance.below(times) > 0) return;
    land();
    const { proof } = this.views;
    const isQuiet = which.every((each) => this.waitUntilTaken(this.sources[each]?.intid ?? 0));
    if (!isQuiet || !this.waitForHandlers()) return;
    const before = which.map((each) => proof.deliveries(each));
    if (meeting.isOpen && this.chance.below(2) === 0) {
      const stopped = meeting.thread;
      meeting.answer();
      this.until(() => meeting.thread !== stopped, RESUME_MS);
    }
    this.nap(SILENCE_MS);
    const { interrupts } = this.machine.gic;
    which.forEach((each, index) => {
      const { intid, vcpu } = this.sources[each] ?? { intid: 0, vcpu: 0 };
      if (proof.deliveries(each) !== before[index] || isPending(interrupts.state(interrupts.find(0, intid))))
        proof.violate('spurious', each, intid, vcpu);
    });
  }

  /**
   * Waits until every handler that may be running has ended. A handler is preempted once at most, so when two
   * interrupts have ended since, the handler of the start has ended too.
   */
  waitForHandlers(): boolean {
    for (let vcpu: VcpuId = 0; vcpu < this.plan.vcpus; vcpu++) {
      const control = this.machine.control(vcpu);
      const taken = control.taken;
      if (!this.until(() => ((control.taken - taken) | 0) >= 2 || control.isHalted)) return false;
    }
    return true;
  }

  until(done: () => boolean, timeoutMs = QUIET_MS): boolean {
    const end = this.machine.clock.now() + timeoutMs * 1e6;
    while (!done()) {
      if (this.stopping || this.machine.clock.now() > end) return done();
      this.nap(NAP_MS);
    }
    return true;
  }

  /** Sleeps, and notes how late the thread came back. */
  nap(ms: number): void {
    const { clock } = this.machine;
    const start = clock.now();
    nap(ms);
    this.slowestWakeMs = Math.max(this.slowestWakeMs, (clock.now() - start) / 1e6 - ms);
  }

  get stopping(): boolean {
    return load(this.machine.words, this.views.stopAt) !== 0;
  }

  /** Tells all threads to finish. */
  stop(): void {
    store(this.machine.words, this.views.stopAt, 1);
  }

  /** Lets some time pass for signals to come into; not a wait for anything. */
  spin(): void {
    for (let turns = this.chance.below(2_000); turns > 0 && !this.stopping; turns--);
  }

  count(what: ChurnCount): void {
    add(this.machine.words, this.views.churnAt + CHURN_COUNTS.indexOf(what), 1);
  }
}
