import type { Intid } from '../../arch/intid.ts';
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
export const ACCOUNT_WORDS = ALLOWED + INTIDS.length;

/** No bound on the deliveries of an INTID. */
const ANY = 0;

/**
 * What a drawn program is judged by: signals that began, signals that a handler saw, deliveries of each INTID, and what each source is
 * called. A view of the scenario's own words for one thread.
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
      deliveries <= sent, `delivery ${deliveries} of source ${source}, signalled ${sent} times,`,
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

  /** An INTID is a source's no longer: only signals that have begun by now may still come by that INTID. */
  retire(intid: Intid): void {
    store(this.#words, this.#place(ALLOWED, intid), 1 + this.sent(sourceOf(intid)));
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
  lpi(source: number, pair: number): number {
    return load(this.#words, this.#at + LPI + 2 * source + pair);
  }
  setLpi(source: number, pair: number, lpi: number): void {
    store(this.#words, this.#at + LPI + 2 * source + pair, lpi);
  }
  vcpu(source: number): number {
    return load(this.#words, this.#at + VCPU + source);
  }
  setVcpu(source: number, vcpu: number): void {
    store(this.#words, this.#at + VCPU + source, vcpu);
  }

  #place(field: number, intid: Intid): number {
    return this.#at + field + INTIDS.indexOf(intid);
  }
}
