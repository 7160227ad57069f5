import type { VcpuId } from '../arch/intid.ts';
import type { Core } from '../cpu/index.ts';
import { load, type Words } from '../memory/word.ts';

/** Which waiting store leaves next: 0 is the oldest of its vCPU. */
export type StoreChoice = { readonly vcpu: VcpuId; readonly store: number };

/**
 * The store buffers of vCPUs that run in turns, in one thread. A store that waits is seen by its own vCPU alone; the
 * schedule says when it leaves. Barriers, ordered and exclusive accesses drain their own vCPU's; broadcast TLB maintenance
 * drains all, because its DSB waits for accesses by the old translations; and so does a vCPU that falls asleep, its own.
 */
export class StoreBuffers {
  readonly #cores: readonly Core[];
  readonly #words: Words;
  /** Of the TLBs' epoch, which broadcast maintenance moves. */
  readonly #epochAt: number;
  #epoch: number;
  readonly #waiting: number[];

  /** @param epochAt - the second of the words that `CoreParts.lockAt` names */
  constructor(cores: readonly Core[], words: Words, epochAt: number) {
    this.#cores = cores;
    this.#words = words;
    this.#epochAt = epochAt;
    this.#epoch = load(words, epochAt);
    this.#waiting = cores.map(() => 0);
  }

  /** The machine was put back to another moment. */
  restored(): void {
    this.#epoch = load(this.#words, this.#epochAt);
  }

  /** How many stores wait, by vCPU; good until the next call. */
  waiting(): readonly number[] {
    let vcpu = 0;
    for (const core of this.#cores) this.#waiting[vcpu++] = core.waitingStores;
    return this.#waiting;
  }

  /** False where there is no such store, or an older one keeps it. */
  drain({ vcpu, store }: StoreChoice): boolean {
    return this.#cores[vcpu]?.drain(store) ?? false;
  }

  drainAll(): void {
    for (const core of this.#cores) core.drainAll();
  }

  /** After each slice of a vCPU, which ends behind broadcast TLB maintenance. */
  heedFlushes(): void {
    const epoch = load(this.#words, this.#epochAt);
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.drainAll();
  }
}
