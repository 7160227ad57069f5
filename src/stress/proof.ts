import type { Intid, VcpuId } from '../arch/intid.ts';
import { readStamp, writeStamp } from '../measure/stamp.ts';
import { EventCount } from '../memory/event-count.ts';
import { LINE } from '../memory/layout.ts';
import { add, load, peek, replace, store, type Words } from '../memory/word.ts';
import {
  ALLOWANCE,
  CHANGED_AT,
  CHURN,
  DELIVERIES,
  INTID,
  KEPT,
  KIND,
  NEXT_INTID,
  NEXT_VCPU,
  type ProofRegions,
  RAISED,
  SEEN,
  SENT,
  SOURCE_WORDS,
  STAMP,
  STAMPED,
  VCPU,
  VIOLATION_WORDS,
} from './proof-regions.ts';
import { VIOLATIONS, type Violation, type ViolationKind } from './violation.ts';

export { VIOLATIONS, type Violation, type ViolationKind } from './violation.ts';

/*
 * The proof that no signal was lost, doubled or misrouted, kept in shared words while the machine runs. The proof knows the
 * signals of the devices and the deliveries that the guest saw, and nothing of the machine's inside.
 *
 * A source is one line of an interrupt's life that a device signals, under any GSI, DevID:EvID and INTID of the moment. Three
 * parties write of a source, each on cache lines of its own: the device, the guest, and the driver that moves the source.
 */

/** An edge is delivered at most once for each signal; a level may be delivered again for as long as its line is high. */
export const EDGE_SOURCE = 0;
export const LEVEL_SOURCE = 1;

/**
 * Places where a signal can be after the device has finished its write, at most one signal in each: the eventfd's count, the
 * main thread's hands that read the eventfd, the main thread's queue of work, the hands that took the work, and a latch; two
 * latches while a route leads from one INTID to another. Besides, each vCPU may have acknowledged one interrupt and not told
 * the proof.
 */
// guard: places-on-the-way
export const PLACES = 6;

/** Moves: longer than any acknowledge takes, and far from the 2^31 after which the order of two numbers turns round. */
const LONG_AGO = 2 ** 30;

/** The sources of a machine and the fate of their signals. A view; each method says which thread may call. */
export class Proof {
  readonly #words: Words;
  readonly #regions: ProofRegions;
  readonly #bells: readonly EventCount[];
  readonly #vcpus: number;
  readonly #unstamped: number;

  /** @param stampEvery - of so many signals of a source one is timed: a power of two */
  constructor(words: Words, regions: ProofRegions, vcpus: number, stampEvery = 1) {
    this.#words = words;
    this.#vcpus = vcpus;
    this.#unstamped = stampEvery - 1;
    this.#regions = regions;
    this.#bells = regions.bells.map((region) => new EventCount(words, region));
  }

  get sources(): number {
    return this.#regions.sources.words / SOURCE_WORDS;
  }

  // ---- the device's thread

  /**
   * Notes a signal that is about to be made, and the time of one in so many, if no earlier one is still to be handled. Before
   * the signal.
   * @param now - the clock, ns; read only for a signal that is timed
   */
  beginSignal(source: number, now: { now(): number }): void {
    const at = this.#at(source);
    // guard: begin-reads-own-count
    const sent = peek(this.#words, at + SENT);
    if ((sent & this.#unstamped) === 0 && load(this.#words, at + SEEN) === sent) {
      writeStamp(this.#words, at + STAMP, now.now());
      store(this.#words, at + STAMPED, (sent + 1) | 0);
    }
    store(this.#words, at + SENT, (sent + 1) | 0);
  }

  /**
   * Notes `count` signals that are about to be made one after another, before the first of them. The signal behind them, which
   * {@link beginSignal} notes, covers them: a delivery follows that signal in any case.
   */
  beginRun(source: number, count: number): void {
    const at = this.#at(source);
    // guard: run-is-noted-first
    store(this.#words, at + SENT, (peek(this.#words, at + SENT) + count) | 0);
  }

  /** Whether every signal of `source` was followed by a delivery that began after the signal. */
  isSettled(source: number): boolean {
    const at = this.#at(source);
    return load(this.#words, at + SEEN) === load(this.#words, at + SENT);
  }

  /**
   * Begins the exact count of a source that is settled and whose device is at rest: from here on each delivery needs a
   * signal. Signals that were coalesced until now must not hide a doubled delivery later. Some deliveries may still be on
   * their way: those for signals that an earlier handler had already seen begin, one for each of the {@link PLACES} and
   * vCPUs.
   */
  settle(source: number): void {
    const at = this.#at(source);
    // In this order: the driver's raises in between may have been delivered, and are not among the signals.
    // guard: settle-reads-own-count
    const signals = peek(this.#words, at + SENT) + load(this.#words, at + RAISED);
    const deliveries = load(this.#words, at + DELIVERIES);
    // guard: allowance-covers-the-way
    const spare = (deliveries - signals + PLACES + this.#vcpus) | 0;
    if (((spare - load(this.#words, at + ALLOWANCE)) | 0) < 0) store(this.#words, at + ALLOWANCE, spare);
  }

  /**
   * Sleeps until `source` is settled, at most for `timeoutMs`; returns whether the source is settled. The device names the
   * awaited source before the device looks, and a handler looks for the name after the handler has noted a delivery: so one
   * of the two sees the other, and the handlers of other sources do not wake the device for nothing.
   */
  awaitSettled(device: number, source: number, timeoutMs: number): boolean {
    const bell = this.#bells[device];
    const awaited = this.#regions.awaited.at + device * LINE;
    // guard: wait-named-before-look
    store(this.#words, awaited, source + 1);
    const ticket = bell?.announce() ?? 0;
    // guard: device-looks-again
    if (this.isSettled(source)) bell?.withdraw();
    else bell?.park(ticket, timeoutMs);
    store(this.#words, awaited, 0);
    return this.isSettled(source);
  }

  // ---- the guest's threads

  /** The source that `intid` belongs to, or -1. */
  ownerOf(intid: Intid): number {
    return load(this.#words, this.#regions.owners.at + intid) - 1;
  }

  /** Moves completed so far: to be read before an acknowledge, and given to {@link deliver}. */
  get epoch(): number {
    return load(this.#words, this.#regions.epoch.at);
  }

  /**
   * Notes that a handler on `vcpu` has begun for `intid`, and judges the delivery.
   * @param epoch - {@link epoch} from before the acknowledge
   * @returns the time of the signal, ns, or -1 where no time was noted
   */
  deliver(source: number, intid: Intid, vcpu: VcpuId, epoch: number): number {
    const at = this.#at(source);
    const sent = load(this.#words, at + SENT);
    if (!this.#mayGo(at, intid, vcpu, epoch)) this.violate('misrouted', source, intid, vcpu);
    const deliveries = (add(this.#words, at + DELIVERIES, 1) + 1) | 0;
    // guard: late-handler-is-allowed
    if (((deliveries - this.#allowed(at)) | 0) > 0 && load(this.#words, at + KIND) === EDGE_SOURCE) {
      this.violate('spurious', source, intid, vcpu);
    }
    const seen = load(this.#words, at + SEEN);
    if (((sent - seen) | 0) <= 0) return -1;
    // Before the device may stamp anew.
    const isTimed = load(this.#words, at + STAMPED) === ((seen + 1) | 0);
    const signalled = isTimed ? readStamp(this.#words, at + STAMP) : -1;
    this.#advance(at + SEEN, sent);
    return signalled;
  }

  /** Wakes a `device` that waits for `source`. After {@link deliver}. */
  wake(device: number, source: number): void {
    if (load(this.#words, this.#regions.awaited.at + device * LINE) === source + 1)
      this.#bells[device]?.signal();
  }

  /** Signals of `source` begun so far. */
  sent(source: number): number {
    return load(this.#words, this.#at(source) + SENT);
  }

  /** The last signal of `source` that a handler saw begin. */
  seen(source: number): number {
    return load(this.#words, this.#at(source) + SEEN);
  }

  deliveries(source: number): number {
    return load(this.#words, this.#at(source) + DELIVERIES);
  }

  // ---- the driver's thread

  /** Gives a source its first name and place. Before any thread runs. */
  place(source: number, kind: number, intid: Intid, vcpu: VcpuId): void {
    const at = this.#at(source);
    for (const [field, value] of [
      [VCPU, vcpu],
      [NEXT_VCPU, vcpu],
      [INTID, intid],
      [NEXT_INTID, intid],
      [KIND, kind],
    ] as const) {
      store(this.#words, at + field, value);
    }
    store(this.#words, this.#regions.owners.at + intid, source + 1);
  }

  /** A change of vCPU or INTID begins: from now on the new ones are right too. */
  beginMove(source: number, intid: Intid, vcpu: VcpuId): void {
    const at = this.#at(source);
    // guard: move-says-where-beforehand
    store(this.#words, at + NEXT_VCPU, vcpu);
    // guard: move-says-which-beforehand
    store(this.#words, at + NEXT_INTID, intid);
    store(this.#words, this.#regions.owners.at + intid, source + 1);
  }

  /**
   * The change is complete: an acknowledge that begins from here on may return the new INTID, on the new vCPU, alone.
   * The moment is published before the new place is, so that a thread that sees the new place sees the moment too.
   */
  endMove(source: number): void {
    const at = this.#at(source);
    const epoch = (load(this.#words, this.#regions.epoch.at) + 1) | 0;
    this.#age((epoch >>> 0) % this.sources, epoch);
    // guard: moment-before-new-place
    store(this.#words, at + CHANGED_AT, epoch);
    // guard: new-place-is-published
    store(this.#words, at + VCPU, load(this.#words, at + NEXT_VCPU));
    store(this.#words, at + INTID, load(this.#words, at + NEXT_INTID));
    store(this.#words, this.#regions.epoch.at, epoch);
  }

  /**
   * Keeps the moment of a source's last change within {@link LONG_AGO} of now: numbers of moves come again, and a source that
   * has not moved for 2^31 of them would seem to move in the future. Each move looks at one source, so each source is
   * looked at in time.
   */
  #age(source: number, epoch: number): void {
    const at = this.#at(source) + CHANGED_AT;
    if (((epoch - load(this.#words, at)) | 0) > LONG_AGO) store(this.#words, at, (epoch - LONG_AGO) | 0);
  }

  /**
   * The driver is about to make the interrupt of a source pending by itself (INT, ISPENDR): to see that another delivery is
   * no violation, and that one follows.
   */
  raise(source: number): void {
    const at = this.#at(source);
    store(this.#words, at + RAISED, (load(this.#words, at + RAISED) + 1) | 0);
  }

  /** How often the driver made the interrupt of a source pending. */
  raised(source: number): number {
    return load(this.#words, this.#at(source) + RAISED) >>> 0;
  }

  /**
   * To be called when no signal is under way and the device keeps still: from here on each delivery has a signal of its own.
   * @param spare - deliveries more that may come
   */
  takeStock(source: number, spare = 0): void {
    const at = this.#at(source);
    const signals = load(this.#words, at + SENT) + load(this.#words, at + RAISED);
    store(this.#words, at + ALLOWANCE, (load(this.#words, at + DELIVERIES) - signals + spare) | 0);
  }

  /** Notes the kind of churn that begins: violations from here on carry the kind. */
  set churn(kind: number) {
    store(this.#words, this.#regions.violations.at + CHURN, kind);
  }

  intidOf(source: number): Intid {
    return load(this.#words, this.#at(source) + INTID);
  }

  vcpuOf(source: number): VcpuId {
    return load(this.#words, this.#at(source) + VCPU);
  }

  // ---- any thread

  /** Counts a violation, and keeps the first ones. */
  violate(kind: ViolationKind, source: number, intid: Intid, vcpu: VcpuId): void {
    const { at } = this.#regions.violations;
    add(this.#words, at + VIOLATIONS.indexOf(kind), 1);
    const index = add(this.#words, at + VIOLATIONS.length, 1) >>> 0;
    if (index >= KEPT) return;
    const record = at + LINE + index * VIOLATION_WORDS;
    const [sent, seen] = source < 0 ? [-1, -1] : [this.sent(source), this.seen(source)];
    const churn = load(this.#words, at + CHURN);
    for (const [field, value] of [
      VIOLATIONS.indexOf(kind) + 1,
      source,
      intid,
      vcpu,
      sent,
      seen,
      churn,
    ].entries()) {
      store(this.#words, record + field, value);
    }
  }

  count(kind: ViolationKind): number {
    return load(this.#words, this.#regions.violations.at + VIOLATIONS.indexOf(kind)) >>> 0;
  }

  /** The address of the word that counts all violations, and the count. */
  get violatedAt(): number {
    return this.#regions.violations.at + VIOLATIONS.length;
  }

  get violated(): number {
    return load(this.#words, this.violatedAt) >>> 0;
  }

  /** The first violations, as they were found. */
  violations(): Violation[] {
    const kept: Violation[] = [];
    for (let index = 0; index < KEPT; index++) {
      const record = this.#regions.violations.at + LINE + index * VIOLATION_WORDS;
      const word = (field: number) => load(this.#words, record + field);
      const kind = VIOLATIONS[word(0) - 1];
      if (kind)
        kept.push({
          kind,
          source: word(1),
          intid: word(2),
          vcpu: word(3),
          sent: word(4),
          seen: word(5),
          churn: word(6),
        });
    }
    return kept;
  }

  /** Whether a delivery on `vcpu` as `intid` is by a mapping that held at some moment of the delivery. */
  #mayGo(at: number, intid: Intid, vcpu: VcpuId, epoch: number): boolean {
    const isNow = intid === load(this.#words, at + INTID) && vcpu === load(this.#words, at + VCPU);
    if (isNow) return true;
    const isNext =
      (intid === load(this.#words, at + NEXT_INTID) || intid === load(this.#words, at + INTID)) &&
      (vcpu === load(this.#words, at + NEXT_VCPU) || vcpu === load(this.#words, at + VCPU));
    // Neither: the vCPU may have acknowledged before a move that is complete by now.
    return isNext || ((load(this.#words, at + CHANGED_AT) - epoch) | 0) > 0;
  }

  /**
   * How often a source may have been delivered by now. To be called after a delivery was counted, since the handler's thread
   * may have slept before, while another vCPU took hundreds. The signals are read last, since the allowance counts the
   * signals up to the moment at which the driver set the allowance.
   */
  #allowed(at: number): number {
    // guard: allowance-before-signals
    const allowance = load(this.#words, at + ALLOWANCE);
    // guard: signals-are-read-last
    return (allowance + load(this.#words, at + RAISED) + load(this.#words, at + SENT)) | 0;
  }

  #advance(at: number, to: number): void {
    for (;;) {
      const now = load(this.#words, at);
      if (((to - now) | 0) <= 0 || replace(this.#words, at, now, to)) return;
    }
  }

  #at(source: number): number {
    return this.#regions.sources.at + source * SOURCE_WORDS;
  }
}
