import { FIRST_LPI, type Intid, type VcpuId } from '../arch/intid.ts';
import { add, load, type Words } from '../memory/word.ts';
import { COUNTED, COUNTED_LOW, COUNTED_LPIS, type VcpuRegions } from './plan.ts';

/** Acknowledges by vCPU and INTID, modulo 2^32. The vCPU's thread counts; any thread may read. */
export class TakenCounts {
  readonly #words: Words;
  readonly #vcpus: readonly VcpuRegions[];

  constructor(words: Words, vcpus: readonly VcpuRegions[]) {
    this.#words = words;
    this.#vcpus = vcpus;
  }

  count(vcpu: VcpuId, intid: Intid): void {
    add(this.#words, this.#at(vcpu) + indexOf(intid), 1);
  }

  of(vcpu: VcpuId, intid: Intid): number {
    return load(this.#words, this.#at(vcpu) + indexOf(intid)) >>> 0;
  }

  /** The acknowledges of a vCPU by INTID; -1: LPIs without a counter of their own. */
  all(vcpu: VcpuId): Map<Intid, number> {
    const found = new Map<Intid, number>();
    for (let index = 0; index < COUNTED; index++) {
      const count = load(this.#words, this.#at(vcpu) + index) >>> 0;
      if (count > 0) found.set(intidOf(index), count);
    }
    return found;
  }

  #at(vcpu: VcpuId): number {
    return this.#vcpus[vcpu]?.counts.at ?? 0;
  }
}

function indexOf(intid: Intid): number {
  if (intid < COUNTED_LOW) return intid;
  const lpi = intid - FIRST_LPI;
  return lpi < COUNTED_LPIS ? COUNTED_LOW + lpi : COUNTED - 1;
}

function intidOf(index: number): Intid {
  if (index < COUNTED_LOW) return index;
  return index === COUNTED - 1 ? -1 : FIRST_LPI + index - COUNTED_LOW;
}
