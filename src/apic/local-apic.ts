import type { VcpuId } from '../arch/intid.ts';
import { EVENT_COUNT, EventCount } from '../memory/event-count.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { clearBits, load, setBits, store, type Words } from '../memory/word.ts';
import { BROADCAST } from './message.ts';

/** No vector: nothing is signalled, or nothing is in service. */
export const NO_VECTOR = -1;

const BITMAP_WORDS = 8;

const TASK_PRIORITY = 0;
const LOGICAL_ID = 1;
const FORMAT = 2;
const SPURIOUS_VECTOR = 3;
const REGISTERS = 4;

const SOFTWARE_ENABLED = 1 << 8;
const FLAT = 0xf;

export type LocalApicRegions = {
  /** Vectors that are requested. Any thread sets a bit, the vCPU's thread clears it. */
  readonly irr: Region;
  /** By vector: whether its last message was level-triggered. */
  readonly tmr: Region;
  /** Vectors in service. The vCPU's thread. */
  readonly isr: Region;
  readonly registers: Region;
  /** Where the vCPU sleeps. */
  readonly bell: Region;
};

export function localApicRegions(layout: Layout, vcpu: VcpuId): LocalApicRegions {
  return layout.group(`lapic${vcpu}`, {
    irr: BITMAP_WORDS,
    tmr: BITMAP_WORDS,
    isr: BITMAP_WORDS,
    registers: REGISTERS,
    bell: EVENT_COUNT,
  });
}

/**
 * The local APIC of one vCPU, as far as messages need it: request, service and trigger bitmaps of 256 vectors, task
 * priority, logical destination, software enable. Its APIC ID is the number of the vCPU, 0 to 254.
 *
 * A vector is requested by one atomic OR and taken by one atomic AND, so nothing here has a lock:
 * - Producer (any thread): the trigger mode, **then** the request, **then** the bell.
 * - Consumer (the vCPU's thread): the vector into service, **then** the request away. A request that comes in between
 *   coalesces with the vector that is being taken; a request that comes afterwards is pending for the next turn.
 * - The trigger mode is read when the vector ends. Sources that share a vector must share a trigger mode, as on hardware.
 * @see Intel SDM volume 3, "Interrupt Acceptance for Fixed Interrupts"
 */
export class LocalApic {
  readonly #words: Words;
  readonly #irr: number;
  readonly #tmr: number;
  readonly #isr: number;
  readonly #registers: number;
  readonly id: VcpuId;
  readonly bell: EventCount;

  constructor(words: Words, regions: LocalApicRegions, id: VcpuId) {
    this.#words = words;
    this.#irr = regions.irr.at;
    this.#tmr = regions.tmr.at;
    this.#isr = regions.isr.at;
    this.#registers = regions.registers.at;
    this.id = id;
    this.bell = new EventCount(words, regions.bell);
  }

  /** As after INIT: software-disabled, flat, no logical ID. No other thread may run. */
  reset(): void {
    for (let word = 0; word < BITMAP_WORDS; word++) {
      store(this.#words, this.#irr + word, 0);
      store(this.#words, this.#tmr + word, 0);
      store(this.#words, this.#isr + word, 0);
    }
    this.taskPriority = 0;
    this.logicalId = 0;
    this.flat = true;
    this.spuriousVector = 0xff;
  }

  /** Bits 7:4 are the class that a vector must exceed to be signalled. */
  get taskPriority(): number {
    return load(this.#words, this.#registers + TASK_PRIORITY);
  }

  set taskPriority(priority: number) {
    store(this.#words, this.#registers + TASK_PRIORITY, priority & 0xff);
  }

  /** LDR bits 31:24. */
  get logicalId(): number {
    return load(this.#words, this.#registers + LOGICAL_ID);
  }

  set logicalId(id: number) {
    store(this.#words, this.#registers + LOGICAL_ID, id & 0xff);
  }

  /** DFR: whether logical IDs are one bit for each APIC; else they are a cluster of four bits, and four such bits. */
  get flat(): boolean {
    return load(this.#words, this.#registers + FORMAT) === FLAT;
  }

  set flat(flat: boolean) {
    store(this.#words, this.#registers + FORMAT, flat ? FLAT : 0);
  }

  /** SVR: bit 8 enables the APIC. A disabled APIC drops messages. */
  get spuriousVector(): number {
    return load(this.#words, this.#registers + SPURIOUS_VECTOR);
  }

  set spuriousVector(value: number) {
    store(this.#words, this.#registers + SPURIOUS_VECTOR, value & (SOFTWARE_ENABLED | 0xff));
  }

  get enabled(): boolean {
    return (this.spuriousVector & SOFTWARE_ENABLED) !== 0;
  }

  enable(): void {
    this.spuriousVector |= SOFTWARE_ENABLED;
  }

  /** Whether a message for a destination is for this APIC. @see kvm_apic_match_dest */
  matches(destination: number, logical: boolean): boolean {
    if (destination === BROADCAST) return true;
    if (!logical) return destination === this.id;
    const { logicalId } = this;
    if (this.flat) return (logicalId & destination) !== 0;
    // guard: cluster-is-compared
    return logicalId >>> 4 === destination >>> 4 && (logicalId & destination & 0xf) !== 0;
  }

  /** Requests a vector; false where the APIC is disabled. Any thread. No lock, no allocation. */
  accept(vector: number, level: boolean): boolean {
    if (!this.enabled) return false;
    const word = vector >>> 5;
    const bit = 1 << (vector & 31);
    // guard: trigger-before-request
    if (level) setBits(this.#words, this.#tmr + word, bit);
    else clearBits(this.#words, this.#tmr + word, bit);
    // guard: vector-is-requested
    setBits(this.#words, this.#irr + word, bit);
    // guard: bell-after-request
    this.ring();
    return true;
  }

  /** Wakes the vCPU from sleep. Publish the work first. Any thread. */
  ring(): void {
    this.bell.signal();
  }

  isRequested(vector: number): boolean {
    return this.#has(this.#irr, vector);
  }

  isInService(vector: number): boolean {
    return this.#has(this.#isr, vector);
  }

  isLevel(vector: number): boolean {
    return this.#has(this.#tmr, vector);
  }

  /** The vector that would be taken now, or {@link NO_VECTOR}. */
  get signalled(): number {
    const vector = this.#highest(this.#irr);
    return vector >>> 4 > this.#priorityClass && vector !== NO_VECTOR ? vector : NO_VECTOR;
  }

  /** Takes the highest vector that outranks the priority of the processor, or {@link NO_VECTOR}. The vCPU's thread. */
  acknowledge(): number {
    const vector = this.signalled;
    if (vector === NO_VECTOR) return NO_VECTOR;
    const bit = 1 << (vector & 31);
    setBits(this.#words, this.#isr + (vector >>> 5), bit);
    clearBits(this.#words, this.#irr + (vector >>> 5), bit);
    return vector;
  }

  /**
   * The local half of an EOI: ends the highest vector in service, and returns the vector, or {@link NO_VECTOR}. The vCPU's
   * thread.
   * `Apic.endOfInterrupt` is the other half.
   */
  retire(): number {
    const vector = this.#highest(this.#isr);
    if (vector !== NO_VECTOR) clearBits(this.#words, this.#isr + (vector >>> 5), 1 << (vector & 31));
    return vector;
  }

  /** Sleeps until a vector is signalled; false if `timeoutMs` passed first. The vCPU's thread. */
  halt(timeoutMs?: number): boolean {
    // guard: sleep-announced-before-look
    const ticket = this.bell.announce();
    // guard: sleeper-looks-again
    if (this.signalled !== NO_VECTOR) {
      this.bell.withdraw();
      return true;
    }
    return this.bell.park(ticket, timeoutMs);
  }

  /** PPR bits 7:4. */
  get #priorityClass(): number {
    const inService = this.#highest(this.#isr);
    // guard: task-priority-holds-back
    return Math.max(this.taskPriority >>> 4, inService === NO_VECTOR ? 0 : inService >>> 4);
  }

  #has(bitmap: number, vector: number): boolean {
    return (load(this.#words, bitmap + (vector >>> 5)) & (1 << (vector & 31))) !== 0;
  }

  #highest(bitmap: number): number {
    for (let index = BITMAP_WORDS - 1; index >= 0; index--) {
      const word = load(this.#words, bitmap + index);
      if (word !== 0) return (index << 5) + 31 - Math.clz32(word);
    }
    return NO_VECTOR;
  }
}
