import { FIRST_LPI } from '../arch/intid.ts';
import { lpiConfig } from '../arch/lpi-config.ts';
import { Chance } from '../base/chance.ts';
import type { Machine } from '../board/machine.ts';
import { isPending } from '../gic/state.ts';
import {
  connectionsOf,
  GicDriver,
  hasIrqFd,
  ItsDriver,
  LINUX_PRIORITY,
  nameOf,
  SOURCE_POLICY,
  type Source,
} from '../guest/index.ts';
import { nap } from '../memory/nap.ts';
import { add, load } from '../memory/word.ts';
import { threadProgram } from '../threads/programs.ts';
import type { Userland } from '../vmm/design.ts';
import { SpareEvents } from './spare-events.ts';
import { type Plan, stressViews } from './stress-plan.ts';
import { CHURN_COUNTS, type ChurnCount } from './stress-result.ts';

/** Configuration bytes of an LPI. */
const LPI_OFF = lpiConfig(LINUX_PRIORITY, false);
const LPI_ON = lpiConfig(LINUX_PRIORITY);

/** Pause between two changes, ms. */
const PAUSE_MS = { none: 0, light: 1, heavy: 0 } as const;
/** Longest wait for an interrupt to be taken before its event is taken apart. */
const QUIET_MS = 5_000;
const NAP_MS = 0.05;
/** Deliveries of a source for which the event that it had before stays mapped; longest wait for them, in between changes. */
const DELIVERIES_TO_SHOW = 2;
const SHOW_MS = 25;
/** How long nobody waits again after a wait that has shown something; after one that has not, by how long it took. */
const UNWATCHED_MS = 100;
const UNWATCHED_SHARE = 3;

/** The interfaces that the driver works through; a traced run wraps each. */
export type DriverParts = {
  readonly its: ItsDriver;
  readonly gic: GicDriver;
  readonly userland: Userland;
};

export function driverParts({ bus, memory, config, design, vm }: Machine): DriverParts {
  return {
    its: new ItsDriver(bus, memory, config.itsBase),
    gic: new GicDriver(bus, config),
    userland: design.makeUserland(vm, SOURCE_POLICY),
  };
}

/**
 * The thread that does, while everything runs, what a guest's drivers and its VMM do: moves events between vCPUs,
 * replaces the routing table, masks and unmasks vectors, disables and enables LPIs, maps events anew.
 * It is the VMM's only thread: it has connected every source when it is ready. Each change tells the proof when it begins and when it is complete.
 */
export function stressDriver(machine: Machine, plan: Plan, parts = driverParts(machine)): { run(): void } {
  return new Driver(machine, plan, parts);
}

export const stressDriverProgram = threadProgram(import.meta.url, stressDriver);

class Driver {
  readonly #machine: Machine;
  readonly #plan: Plan;
  readonly #views: ReturnType<typeof stressViews>;
  readonly #chance: Chance;
  /** What each source is called at the moment. */
  readonly #sources: Source[];
  readonly #its: ItsDriver;
  readonly #gic: GicDriver;
  readonly #userland: Userland;
  readonly #spare: number[];
  readonly #spareSpis: number[];
  readonly #spareEvents: SpareEvents;
  /** The first moment at which a change of a message may be waited for again, ns. */
  #watchFrom = 0;

  constructor(machine: Machine, plan: Plan, { its, gic, userland }: DriverParts) {
    this.#machine = machine;
    this.#plan = plan;
    this.#views = stressViews(machine, plan);
    this.#chance = new Chance(plan.seed);
    this.#chance.begin(0);
    this.#sources = [...plan.sources];
    this.#its = its;
    this.#gic = gic;
    this.#userland = userland;
    this.#userland.connectAll(connectionsOf(plan.sources, machine.config));
    this.#spareEvents = new SpareEvents(plan);
    const { first, end } = plan.spareLpis;
    this.#spare = Array.from({ length: Math.min(1024, end - first) }, (_, index) => first + index);
    const spis = plan.spareSpis;
    this.#spareSpis = Array.from({ length: spis.end - spis.first }, (_, index) => spis.first + index);
  }

  run(): void {
    if (this.#plan.churn === 'none') return;
    while (!this.#stopping()) {
      this.#change();
      this.#discardRetired();
      if (PAUSE_MS[this.#plan.churn] > 0) nap(PAUSE_MS[this.#plan.churn]);
    }
  }

  #change(): void {
    const which = this.#chance.below(this.#sources.length);
    const source = this.#sources[which];
    if (!source) return;
    const draw = this.#chance.below(100);
    if (!hasIrqFd(source) || (draw < 30 && source.kind !== 'msi')) this.#moveWire(source);
    else if (draw < 30) this.#move(which, source);
    else if (draw >= 75 && this.#standsIn(source)) this.#rerouteSpi(which, source);
    else if (draw < 55 || source.kind !== 'msi') this.#mask(source);
    else if (draw < 75) this.#configure(source);
    else if (draw < 88) this.#remap(which, source);
    else this.#reroute(which, source);
  }

  /** Whether an SPI may be exchanged for another: where it is what the design has in place of an LPI. */
  #standsIn({ kind }: Source): boolean {
    return kind === 'msi-spi' || (kind === 'edge' && this.#machine.vm.design.msi === 'none');
  }

  /** MOVI, and SYNC, as an affinity change does. */
  #move(which: number, source: Source): void {
    const vcpu = this.#chance.below(this.#plan.vcpus);
    const { proof } = this.#views;
    proof.beginMove(which, source.intid, vcpu);
    this.#its.send(
      {
        name: 'MOVI',
        deviceId: source.deviceId,
        eventId: source.eventId,
        collectionId: this.#collection(vcpu),
      },
      { name: 'SYNC', rdbase: source.vcpu },
    );
    proof.endMove(which);
    this.#sources[which] = { ...source, vcpu };
    this.#count('moves');
  }

  /** GICD_IROUTER, for an SPI, and so for all that share its line. */
  #moveWire({ intid }: Source): void {
    const vcpu = this.#chance.below(this.#plan.vcpus);
    const { proof } = this.#views;
    const sharers = this.#sources.flatMap((source, which) => (source.intid === intid ? [which] : []));
    for (const which of sharers) proof.beginMove(which, intid, vcpu);
    this.#gic.targetSpi(intid, vcpu);
    for (const which of sharers) {
      proof.endMove(which);
      const source = this.#sources[which];
      if (source) this.#sources[which] = { ...source, vcpu };
    }
    this.#count('moves');
  }

  /** Masks a vector as a VMM does, by detaching its irqfd, and unmasks it: what came meanwhile is in the eventfd. */
  #mask(source: Source): void {
    const { account, lines } = this.#views;
    const line = source.resamplefd < 0 ? -1 : lines.findIndex(({ intid }) => intid === source.intid);
    if (line >= 0) account.masks(line);
    this.#userland.mask(source.fd);
    this.#spin();
    this.#userland.unmask(source.fd);
    if (line >= 0) account.masks(line);
    // Taking the last irqfd of a line away has lowered it: its device has to look again.
    if (line >= 0) this.#machine.vm.irqfds.write(source.resamplefd);
    this.#count('masks');
  }

  /** Gives a source that stands in for an event another SPI, while the device signals. */
  #rerouteSpi(which: number, source: Source): void {
    const intid = this.#spareSpis.shift();
    if (intid === undefined) {
      this.#rename(source);
      this.#count('routeUpdates');
      return;
    }
    const vcpu = this.#chance.below(this.#plan.vcpus);
    const renamed = { ...source, intid, vcpu };
    this.#views.proof.beginMove(which, intid, vcpu);
    this.#gic.targetSpi(intid, vcpu);
    this.#sources[which] = renamed;
    this.#rename(renamed);
    if (!this.#waitUntilTaken(source.intid)) return;
    this.#views.proof.endMove(which);
    if (!this.#waitForHandlers()) return;
    this.#spareSpis.push(source.intid);
    this.#count('routeUpdates');
  }

  /** Disables an LPI in the configuration table and enables it again, each with INV. */
  #configure(source: Source): void {
    this.#setConfig(source, LPI_OFF);
    this.#spin();
    this.#setConfig(source, LPI_ON);
    this.#count('configs');
  }

  /** Maps an event anew, to another LPI: mask, wait for what is in flight, DISCARD, MAPTI, INV, unmask. */
  #remap(which: number, source: Source): void {
    const lpi = this.#spare.shift();
    if (lpi === undefined) return;
    this.#userland.mask(source.fd);
    if (this.#waitUntilTaken(source.intid)) {
      const vcpu = this.#chance.below(this.#plan.vcpus);
      const { deviceId, eventId } = source;
      this.#views.proof.beginMove(which, lpi, vcpu);
      this.#its.send({ name: 'DISCARD', deviceId, eventId });
      this.#map({ deviceId, eventId, lpi, vcpu });
      this.#views.proof.endMove(which);
      this.#waitForHandlers();
      this.#spare.push(source.intid);
      this.#sources[which] = { ...source, intid: lpi, vcpu };
      this.#count('remaps');
    } else {
      this.#spare.unshift(lpi);
    }
    this.#userland.unmask(source.fd);
  }

  /**
   * Changes the message of a source while its device signals, by whatever the design has for that, a table or a call: it
   * gets another event of its device, mapped to another LPI, as when a driver sets a vector up anew. Where the device has
   * no event to spare, the same is said again.
   *
   * A signal that comes by the old route all the same has to show. It does as long as the old event stays mapped, and
   * where its translation is cached: the slow path looks the route up anew, and a MOVI or a DISCARD of any event empties
   * the cache. So a few times a second nothing else is done while the device signals, before the change and after it.
   */
  #reroute(which: number, source: Source): void {
    const eventId = this.#spareEvents.find(which, source.deviceId, this.#sources);
    const lpi = eventId < 0 ? undefined : this.#spare.shift();
    if (lpi === undefined) {
      this.#rename(source);
      this.#count('routeUpdates');
      return;
    }
    const vcpu = this.#chance.below(this.#plan.vcpus);
    const { proof } = this.#views;
    const { clock } = this.#machine;
    const start = clock.now();
    const isWatched = start >= this.#watchFrom;
    proof.beginMove(which, lpi, vcpu);
    this.#map({ deviceId: source.deviceId, eventId, lpi, vcpu });
    const isCached = isWatched && this.#waitForDeliveries(which, proof.deliveries(which));
    const renamed = { ...source, eventId, intid: lpi, vcpu };
    this.#sources[which] = renamed;
    this.#rename(renamed);
    // The change is in force; what came by the old one before may still be pending. Then the old event can go.
    if (!this.#waitUntilTaken(source.intid)) return;
    proof.endMove(which);
    if (!this.#waitForHandlers()) return;
    const deliveries = proof.deliveries(which);
    this.#spareEvents.retire({ which, source, deliveries });
    const hasShown = isCached && this.#waitForDeliveries(which, deliveries);
    if (hasShown) this.#spareEvents.release(source);
    if (isWatched) {
      const now = clock.now();
      this.#watchFrom = now + (hasShown ? UNWATCHED_MS * 1e6 : UNWATCHED_SHARE * (now - start));
    }
    this.#count('routeUpdates');
  }

  /**
   * Unmaps old events whose source was delivered a few times since: a signal that comes by the old route all the same is
   * delivered until then, and lost afterwards. Other changes go on meanwhile, so a source that is not signalled any more
   * keeps nobody waiting.
   */
  #discardRetired(): void {
    const due = this.#spareEvents.take(
      ({ which, deliveries }) => this.#deliveredSince(which, deliveries) >= DELIVERIES_TO_SHOW,
    );
    for (const { source } of due) {
      const { deviceId, eventId, vcpu, intid } = source;
      this.#its.send({ name: 'DISCARD', deviceId, eventId }, { name: 'SYNC', rdbase: vcpu });
      this.#spare.push(intid);
    }
  }

  #deliveredSince(which: number, deliveries: number): number {
    return (this.#views.proof.deliveries(which) - deliveries) | 0;
  }

  /** Waits a little until a source was delivered a few times since it was so many; whether it was. */
  #waitForDeliveries(which: number, deliveries: number): boolean {
    return this.#until(() => this.#deliveredSince(which, deliveries) >= DELIVERIES_TO_SHOW, SHOW_MS);
  }

  /** Configures an LPI as enabled, and maps an event to it. */
  #map({
    deviceId,
    eventId,
    lpi,
    vcpu,
  }: {
    deviceId: number;
    eventId: number;
    lpi: number;
    vcpu: number;
  }): void {
    this.#machine.memory.setByte(this.#plan.configTable + lpi - FIRST_LPI, LPI_ON);
    this.#its.send(
      { name: 'MAPTI', deviceId, eventId, lpi, collectionId: this.#collection(vcpu) },
      { name: 'INV', deviceId, eventId },
      { name: 'SYNC', rdbase: vcpu },
    );
  }

  /** Tells userland, and so the kernel, what a source is called now. */
  #rename(source: Source): void {
    this.#userland.reroute(source.fd, nameOf(source, this.#machine.config));
  }

  #setConfig({ intid, deviceId, eventId, vcpu }: Source, config: number): void {
    this.#machine.memory.setByte(this.#plan.configTable + intid - FIRST_LPI, config);
    this.#its.send({ name: 'INV', deviceId, eventId }, { name: 'SYNC', rdbase: vcpu });
  }

  #collection(vcpu: number): number {
    return this.#plan.collections[vcpu] ?? vcpu;
  }

  /** Waits until what is latched has been taken: what a driver's synchronize_irq() is for. False if the run ends first. */
  #waitUntilTaken(intid: number): boolean {
    const { interrupts } = this.#machine.gic;
    return this.#until(() => !isPending(interrupts.state(interrupts.find(0, intid))));
  }

  /** Waits until every handler that may be running has ended. */
  #waitForHandlers(): boolean {
    for (let vcpu = 0; vcpu < this.#plan.vcpus; vcpu++) {
      const control = this.#machine.control(vcpu);
      const taken = control.taken;
      if (!this.#until(() => control.taken !== taken || control.isHalted)) return false;
    }
    return true;
  }

  #until(done: () => boolean, timeoutMs = QUIET_MS): boolean {
    const end = this.#machine.clock.now() + timeoutMs * 1e6;
    while (!done()) {
      if (this.#stopping() || this.#machine.clock.now() > end) return done();
      nap(NAP_MS);
    }
    return true;
  }

  #stopping(): boolean {
    return load(this.#machine.words, this.#views.stopAt) !== 0;
  }

  /** Lets some time pass for signals to come into; not a wait for anything. */
  #spin(): void {
    for (let turns = this.#chance.below(2_000); turns > 0 && !this.#stopping(); turns--);
  }

  #count(what: ChurnCount): void {
    add(this.#machine.words, this.#views.churnAt + CHURN_COUNTS.indexOf(what), 1);
  }
}
