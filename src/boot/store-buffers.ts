import type { VcpuId } from '../arch/intid.ts';
import type { Core } from '../cpu/index.ts';
import { load, type Words } from '../memory/word.ts';

/** The waiting store that leaves next: index 0 is the vCPU's oldest. */
export type StoreChoice = { readonly vcpu: VcpuId; readonly store: number };

/**
 * The store buffers of vCPUs under the controlled scheduler, in one thread. Only its own vCPU sees a waiting store; the schedule decides
 * when the store leaves. Barriers, ordered and exclusive accesses, and falling asleep drain the vCPU's own buffer. Broadcast TLB
 * maintenance drains all, because its DSB waits for accesses through the old translations.
 */
export class StoreBuffers {
  readonly #cores: readonly Core[];
  readonly #words: Words;
  /** Offset of the epoch of TLB invalidations, which broadcast maintenance increments. */
  readonly #epochAt: number;
  #epoch: number;

  /** @param epochAt - the second of the words that `CoreParts.lockAt` names */
  constructor(cores: readonly Core[], words: Words, epochAt: number) {
    this.#cores = cores;
    this.#words = words;
    this.#epochAt = epochAt;
    this.#epoch = load(words, epochAt);
  }

  /** Call after a restore of the machine. */
  restored(): void {
    this.#epoch = load(this.#words, this.#epochAt);
  }

  /** The number of waiting stores, by vCPU. */
  waiting(): number[] {
    return this.#cores.map((core) => core.waitingStores);
  }

  /** Makes a store visible. False if it does not exist, or an older store must leave first. */
  drain({ vcpu, store }: StoreChoice): boolean {
    return this.#cores[vcpu]?.drain(store) ?? false;
  }

  drainAll(): void {
    for (const core of this.#cores) core.drainAll();
  }

  /** Drains all buffers after broadcast TLB maintenance. Call after each slice; such maintenance ends a slice. */
  heedFlushes(): void {
    const epoch = load(this.#words, this.#epochAt);
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.drainAll();
  }
}
