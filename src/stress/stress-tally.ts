import type { VcpuId } from '../arch/intid.ts';
import type { Proof } from './proof.ts';
import type { StressMachine } from './stress-plan.ts';

/**
 * Totals of counters that lie in shared memory as 32 bits and wrap: kept on the main thread, which has to look at them
 * before they have moved by 2^31, that is a few times a second.
 */
export class Tally {
  readonly #machine: StressMachine;
  readonly #proof: Proof;
  readonly #last: Int32Array;
  readonly #totals: Float64Array;

  constructor(machine: StressMachine, proof: Proof) {
    this.#machine = machine;
    this.#proof = proof;
    this.#last = new Int32Array(2 * proof.sources + machine.config.vcpus);
    this.#totals = new Float64Array(this.#last.length);
  }

  update(): void {
    const { sources } = this.#proof;
    for (let source = 0; source < sources; source++) {
      this.#move(source, this.#proof.sent(source));
      this.#move(sources + source, this.#proof.deliveries(source));
    }
    for (let vcpu: VcpuId = 0; vcpu < this.#machine.config.vcpus; vcpu++)
      this.#move(2 * sources + vcpu, this.#machine.control(vcpu).taken);
  }

  /** Signals of a source, up to the last update. */
  sent(source: number): number {
    return this.#totals[source] ?? 0;
  }

  deliveries(source: number): number {
    return this.#totals[this.#proof.sources + source] ?? 0;
  }

  /** Interrupts that a vCPU took. */
  taken(vcpu: VcpuId): number {
    return this.#totals[2 * this.#proof.sources + vcpu] ?? 0;
  }

  get injected(): number {
    return this.#sum((source) => this.sent(source));
  }

  get delivered(): number {
    return this.#sum((source) => this.deliveries(source));
  }

  #sum(of: (source: number) => number): number {
    let sum = 0;
    for (let source = 0; source < this.#proof.sources; source++) sum += of(source);
    return sum;
  }

  #move(index: number, now: number): void {
    this.#totals[index] = (this.#totals[index] ?? 0) + ((now - (this.#last[index] ?? 0)) | 0);
    this.#last[index] = now;
  }
}
