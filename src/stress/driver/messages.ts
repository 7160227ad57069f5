import type { DeviceId, EventId, VcpuId } from '../../arch/intid.ts';
import { LOADED } from '../../gic/state.ts';
import { hasIrqFd, type Source } from '../../guest/index.ts';
import { SpareEvents } from '../spare-events.ts';
import { type DriverContext, LPI_OFF, LPI_ON } from './context.ts';

/** Deliveries of a source for which its earlier event stays mapped; longest wait for them between changes, ms. */
const DELIVERIES_TO_SHOW = 2;
const SHOW_MS = 25;
/** How long a change waits for the signals of the old route to be taken, ms. */
const TAKEN_MS = 25;
/**
 * How long the driver does not wait again after a wait that has shown a delivery; after a vain wait, its length times the
 * share.
 */
const UNWATCHED_MS = 100;
const UNWATCHED_SHARE = 3;
/** Of so many masks one is watched: nothing comes of a vector that is masked. */
const SILENCE_ONE_IN = 4;

/** A guest's and a VMM's changes of one message while its device signals. The driver's thread. */
export class MessageChanges {
  readonly #context: DriverContext;
  readonly #spareEvents: SpareEvents;
  /** The first moment at which a change of a message may be waited for again, ns. */
  #watchFrom = 0;

  constructor(context: DriverContext) {
    this.#context = context;
    this.#spareEvents = new SpareEvents(context.plan);
  }

  /** MOVI, and SYNC, as an affinity change does. */
  move(which: number, source: Source): boolean {
    if (source.kind !== 'msi') return false;
    const { chance, plan, views, its } = this.#context;
    const vcpu: VcpuId = chance.below(plan.vcpus);
    const collectionId = this.#context.collectionOf(vcpu);
    const { deviceId, eventId } = source;
    views.proof.beginMove(which, source.intid, vcpu);
    its.send({ name: 'MOVI', deviceId, eventId, collectionId }, { name: 'SYNC', rdbase: source.vcpu });
    views.proof.endMove(which);
    this.#context.rename(which, { ...source, vcpu }, collectionId);
    this.#context.count('moves');
    return true;
  }

  /**
   * Masks a vector as a VMM does, by detaching its irqfd, and unmasks the vector: the eventfd holds the signals that came
   * meanwhile.
   */
  mask(which: number, source: Source): boolean {
    if (!hasIrqFd(source)) return false;
    const { userland, views, machine } = this.#context;
    const line = source.resamplefd < 0 ? -1 : this.#context.lineOf(source.intid);
    if (line >= 0) views.account.masks(line);
    userland.mask(source.fd);
    if (line < 0) this.#context.watchSilence([which], SILENCE_ONE_IN);
    this.#context.spin();
    userland.unmask(source.fd);
    if (line >= 0) views.account.masks(line);
    // Detaching the last irqfd of a line has lowered the line: its device has to look again.
    if (line >= 0) machine.vm.irqfds.write(source.resamplefd);
    this.#context.count('masks');
    return true;
  }

  /**
   * Disables an LPI in the configuration table and enables the LPI again, each with INV, or with INVALL for all LPIs of its
   * vCPU.
   */
  configure(_which: number, source: Source): boolean {
    if (source.kind !== 'msi') return false;
    const isWhole = this.#context.chance.below(4) === 0;
    this.#setConfig(source, LPI_OFF, isWhole);
    this.#context.spin();
    this.#setConfig(source, LPI_ON, isWhole);
    this.#context.count('configs');
    return true;
  }

  /** Gives an LPI another priority. */
  prioritise(source: Source, config: number): void {
    this.#setConfig(source, config, false);
  }

  #setConfig({ intid, deviceId, eventId, vcpu }: Source, config: number, isWhole: boolean): void {
    this.#context.putConfig(intid, config);
    this.#context.its.send(
      isWhole
        ? { name: 'INVALL', collectionId: this.#context.collectionOf(vcpu) }
        : { name: 'INV', deviceId, eventId },
      { name: 'SYNC', rdbase: vcpu },
    );
  }

  /** Maps an event anew, to another LPI: mask, wait for the signals in flight, DISCARD, MAPTI, INV, unmask. */
  remap(which: number, source: Source): boolean {
    const context = this.#context;
    if (source.kind !== 'msi') return false;
    const lpi = context.spareLpis.shift();
    if (lpi === undefined) return false;
    context.userland.mask(source.fd);
    if (context.waitUntilTaken(source.intid)) {
      const vcpu: VcpuId = context.chance.below(context.plan.vcpus);
      const { deviceId, eventId } = source;
      context.views.proof.beginMove(which, lpi, vcpu);
      context.its.send({ name: 'DISCARD', deviceId, eventId });
      context.map({ deviceId, eventId, lpi, vcpu });
      context.views.proof.endMove(which);
      context.waitForHandlers();
      context.spareLpis.push(source.intid);
      context.rename(which, { ...source, intid: lpi, vcpu }, context.collectionOf(vcpu));
      context.count('remaps');
    } else {
      context.spareLpis.unshift(lpi);
    }
    context.userland.unmask(source.fd);
    return true;
  }

  /**
   * Maps an event anew, to another LPI, while its device signals: a signal between DISCARD and MAPTI is lost by the rules, so
   * the driver makes the interrupt pending afterwards. From then on no signal may go to the old LPI.
   */
  swapLpi(which: number, source: Source): boolean {
    const context = this.#context;
    if (source.kind !== 'msi') return false;
    const lpi = context.spareLpis.shift();
    if (lpi === undefined) return false;
    const vcpu: VcpuId = context.chance.below(context.plan.vcpus);
    const { deviceId, eventId, intid } = source;
    const { proof } = context.views;
    proof.beginMove(which, lpi, vcpu);
    context.its.send({ name: 'DISCARD', deviceId, eventId });
    context.map({ deviceId, eventId, lpi, vcpu });
    context.rename(which, { ...source, intid: lpi, vcpu }, context.collectionOf(vcpu));
    // KVM delivers an LPI that was pending at the DISCARD once more.
    if (context.waitUntilTaken(intid)) {
      proof.endMove(which);
      if (context.waitForHandlers()) context.spareLpis.push(intid);
    }
    context.revive([which]);
    context.count('swaps');
    return true;
  }

  /**
   * Changes the message of a source while its device signals, by the means of the design, a table or a call: the source gets
   * another event of its device, mapped to another LPI, as when a driver sets a vector up anew. Where the device has no event
   * to spare, the driver writes the same message again.
   *
   * A signal that still comes by the old route has to show. Such a signal shows as long as the old event stays mapped, and
   * where its translation is cached: the slow path looks the route up anew, and a MOVI or a DISCARD of any event empties the
   * cache. So a few times a second the driver makes no other change while the device signals, before the change and after.
   */
  reroute(which: number, source: Source): boolean {
    if (source.kind !== 'msi') return false;
    const context = this.#context;
    const deviceId = this.#deviceFor(source);
    const eventId: EventId = this.#spareEvents.find(which, deviceId, context.sources);
    const lpi = eventId < 0 ? undefined : context.spareLpis.shift();
    if (lpi === undefined) {
      context.tellUserland(source);
      context.count('routeUpdates');
      return true;
    }
    const vcpu: VcpuId = context.chance.below(context.plan.vcpus);
    const { proof } = context.views;
    const { clock } = context.machine;
    const start = clock.now();
    const isWatched = start >= this.#watchFrom;
    proof.beginMove(which, lpi, vcpu);
    context.map({ deviceId, eventId, lpi, vcpu });
    const isCached = isWatched && this.#waitForDeliveries(which, proof.deliveries(which));
    const renamed = { ...source, deviceId, eventId, intid: lpi, vcpu };
    context.rename(which, renamed, context.collectionOf(vcpu));
    context.tellUserland(renamed);
    // The change is in force; a signal that came by the old route before may still be pending. Where signals come that way all
    // the same, the LPI is pending again and again: CLEAR takes away the first of them too.
    const isTaken = context.waitUntilTaken(source.intid, TAKEN_MS);
    if (context.stopping || (!isTaken && !this.#clear(source))) return true;
    proof.endMove(which);
    if (!isTaken) context.revive([which]);
    if (!context.waitForHandlers()) return true;
    const deliveries = proof.deliveries(which);
    this.#spareEvents.retire({ which, source, deliveries });
    const hasShown = isCached && this.#waitForDeliveries(which, deliveries);
    if (hasShown) this.#spareEvents.release(source);
    if (isWatched) {
      const now = clock.now();
      this.#watchFrom = now + (hasShown ? UNWATCHED_MS * 1e6 : UNWATCHED_SHARE * (now - start));
    }
    context.count('routeUpdates');
    return true;
  }

  /** CLEAR, until the LPI is in no list register: as in KVM, CLEAR takes no interrupt out of a list register. False if the run ends. */
  #clear({ deviceId, eventId, intid }: Source): boolean {
    const { its, machine } = this.#context;
    const { interrupts } = machine.gic;
    const at = interrupts.find(0, intid);
    return this.#context.until(() => {
      its.send({ name: 'CLEAR', deviceId, eventId });
      return (interrupts.state(at) & LOADED) === 0;
    });
  }

  /** The device whose event a source gets: its own, or another device, so that both halves of a torn message show. */
  #deviceFor({ deviceId }: Source): DeviceId {
    const { chance, plan } = this.#context;
    if (chance.below(2) === 0) return deviceId;
    return plan.eventBits[chance.below(plan.eventBits.length)]?.deviceId ?? deviceId;
  }

  /**
   * Maps a second event to the LPI of a source, raises the interrupt through the second event, and unmaps that event: the LPI
   * lives on, and stays pending, because the first event maps the LPI.
   */
  share(which: number, source: Source): boolean {
    const context = this.#context;
    if (source.kind !== 'msi') return false;
    const { deviceId, intid, vcpu } = source;
    const eventId: EventId = this.#spareEvents.find(which, deviceId, context.sources);
    if (eventId < 0) return false;
    const collectionId = context.collections[which] ?? 0;
    context.views.proof.raise(which);
    context.its.send(
      { name: 'MAPTI', deviceId, eventId, lpi: intid, collectionId },
      { name: 'INT', deviceId, eventId },
      { name: 'DISCARD', deviceId, eventId },
      { name: 'SYNC', rdbase: vcpu },
    );
    context.count('sharedLpis');
    return true;
  }

  /**
   * Unmaps old events whose source was delivered a few times since: a signal that still comes by the old route is delivered
   * until then, and lost afterwards. Other changes go on meanwhile, so a source without signals keeps no thread waiting.
   */
  discardRetired(): void {
    const context = this.#context;
    const due = this.#spareEvents.take(
      ({ which, deliveries }) => this.#deliveredSince(which, deliveries) >= DELIVERIES_TO_SHOW,
    );
    for (const { source } of due) {
      const { deviceId, eventId, vcpu, intid } = source;
      context.its.send({ name: 'DISCARD', deviceId, eventId }, { name: 'SYNC', rdbase: vcpu });
      // A vCPU that runs its guest may have the LPI in a list register still, though the LPI was taken long ago.
      if (context.waitUntilTaken(intid)) context.spareLpis.push(intid);
    }
  }

  #deliveredSince(which: number, deliveries: number): number {
    return (this.#context.views.proof.deliveries(which) - deliveries) | 0;
  }

  /** Waits a little until a source was delivered a few times more than `deliveries`; returns whether that happened. */
  #waitForDeliveries(which: number, deliveries: number): boolean {
    return this.#context.until(() => this.#deliveredSince(which, deliveries) >= DELIVERIES_TO_SHOW, SHOW_MS);
  }
}
