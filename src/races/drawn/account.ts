import type { Intid, VcpuId } from '../../arch/intid.ts';
import { add, load, store, swap, type Words } from '../../memory/word.ts';
import { requireExplained } from '../oracles.ts';
import { INTIDS, sourceOf } from './names.ts';
import { LEVEL_SOURCE, MESSAGES, SOURCES } from './program.ts';

// By source.
const SENT = 0;
const SEEN = SENT + SOURCES;
const DELIVERED = SEEN + SOURCES;
const FORGIVEN = DELIVERED + SOURCES;
const PAIR = FORGIVEN + SOURCES;
const LPI = PAIR + SOURCES;
const VCPU = LPI + 2 * MESSAGES;
// By INTID.
const TAKEN = VCPU + SOURCES;
const ALLOWED = TAKEN + INTIDS.length;
const COMMANDS_END = ALLOWED + INTIDS.length;
const HANDLING = COMMANDS_END + 1;
export const ACCOUNT_WORDS = HANDLING + 1;

/** No bound on the deliveries of an INTID. */
const ANY = 0;

/**
 * The account by which a drawn program is judged: signals that began, signals that a handler saw, deliveries
 * of each INTID, and the INTID of each source. A view of the scenario's own words for one thread.
 */
export class DrawnAccount {
  readonly #words: Words;
  readonly #at: number;

  constructor(words: Words, at: number) {
    this.#words = words;
    this.#at = at;
  }

  /** A signal begins. */
  begin(source: number): void {
    add(this.#words, this.#at + SENT + source, 1);
  }

  sent(source: number): number {
    return load(this.#words, this.#at + SENT + source);
  }

  seen(source: number): number {
    return load(this.#words, this.#at + SEEN + source);
  }

  /** A handler runs: all that had begun by then is seen. @throws AssertionError for a delivery that nothing explains */
  deliver(intid: Intid): void {
    const source = sourceOf(intid);
    requireExplained(true, source >= 0, `INTID ${intid}, which a torn route names,`);
    const sent = this.sent(source);
    const deliveries = add(this.#words, this.#at + DELIVERED + source, 1) + 1;
    // A level is taken again where its line is still up, between an end and its resample.
    requireExplained(
      source !== LEVEL_SOURCE,
      // Looked at again: another vCPU may have handled a signal that began after this handler.
      deliveries <= this.sent(source),
      `delivery ${deliveries} of source ${source}, signalled ${sent} times,`,
    );
    add(this.#words, this.#place(TAKEN, intid), 1);
    // Two vCPUs may handle signals of one source at one time.
    const at = this.#at + SEEN + source;
    for (let seen = load(this.#words, at); seen < sent; ) {
      const found = swap(this.#words, at, seen, sent);
      if (found === seen) break;
      seen = found;
    }
  }

  taken(intid: Intid): number {
    return load(this.#words, this.#place(TAKEN, intid));
  }

  /** An INTID is a source's from here on. */
  allow(intid: Intid): void {
    store(this.#words, this.#place(ALLOWED, intid), ANY);
  }

  /**
   * An INTID no longer belongs to a source: only an interrupt latched by now may still come by that INTID.
   * @param isPending - reads whether the interrupt is pending
   */
  retire(intid: Intid, isPending: (intid: Intid) => boolean): void {
    store(this.#words, this.#place(ALLOWED, intid), 1 + this.latched(intid, isPending));
  }

  /**
   * Deliveries of an INTID that have been latched by now, at most. In this order: pending, in the hands of a vCPU, taken; so a delivery
   * that goes its way meanwhile is not missed.
   */
  latched(intid: Intid, isPending: (intid: Intid) => boolean): number {
    const pending = isPending(intid) ? 1 : 0;
    const handled = load(this.#words, this.#at + HANDLING);
    return pending + handled + this.taken(intid);
  }

  /** A vCPU is about to acknowledge, or has no interrupt in its hands any more. */
  handles(by: 1 | -1): void {
    add(this.#words, this.#at + HANDLING, by);
  }

  /** The number of deliveries that an INTID may have had; undefined where there is no bound. */
  allowed(intid: Intid): number | undefined {
    const allowed = load(this.#words, this.#place(ALLOWED, intid));
    return allowed === ANY ? undefined : allowed - 1;
  }

  /** The signals of a source that have begun by now may be lost. */
  forgive(source: number): void {
    store(this.#words, this.#at + FORGIVEN + source, this.sent(source));
  }

  forgiven(source: number): number {
    return load(this.#words, this.#at + FORGIVEN + source);
  }

  /** Which of its two pairs a message source has, which LPI of the pair, and the vCPU of a source. */
  pair(source: number): number {
    return load(this.#words, this.#at + PAIR + source);
  }
  setPair(source: number, pair: number): void {
    store(this.#words, this.#at + PAIR + source, pair);
  }
  lpi(source: number, pair: number): Intid {
    return load(this.#words, this.#at + LPI + 2 * source + pair);
  }
  setLpi(source: number, pair: number, lpi: Intid): void {
    store(this.#words, this.#at + LPI + 2 * source + pair, lpi);
  }
  vcpu(source: number): VcpuId {
    return load(this.#words, this.#at + VCPU + source);
  }
  setVcpu(source: number, vcpu: VcpuId): void {
    store(this.#words, this.#at + VCPU + source, vcpu);
  }

  /** The offset in the queue up to which the ITS was told of commands. The guest's driver only. */
  get commandsEnd(): number {
    return load(this.#words, this.#at + COMMANDS_END);
  }
  set commandsEnd(end: number) {
    store(this.#words, this.#at + COMMANDS_END, end);
  }

  #place(field: number, intid: Intid): number {
    return this.#at + field + INTIDS.indexOf(intid);
  }
}
