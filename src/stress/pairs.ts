import type { VcpuId } from '../arch/intid.ts';
import { LATENCY } from '../measure/buckets.ts';
import { Distribution } from '../measure/distribution.ts';
import { Histogram, histogramWords } from '../measure/histogram.ts';
import { addCount, readCount } from '../measure/wide-count.ts';
import type { Layout, Region } from '../memory/layout.ts';
import type { Words } from '../memory/word.ts';

/** Up to so many pairs have a histogram each, of 37 KiB; with more, all devices share that of the vCPU. */
const TIMED_PAIRS = 64;
/** Words of a count. */
const COUNT = 2;

export type PairRegions = {
  /** By vCPU, on cache lines of its own: a count for each device. */
  readonly counts: readonly Region[];
  /** By vCPU, and for each of them by device, or one for all devices: from the signal to the handler, ns. */
  readonly latency: readonly Region[];
};

export function pairRegions(layout: Layout, { vcpus, devices }: Sizes): PairRegions {
  const each = (make: (vcpu: VcpuId) => Region) => Array.from({ length: vcpus }, (_, vcpu) => make(vcpu));
  const columns = columnsOf({ vcpus, devices });
  return {
    counts: each((vcpu) => layout.region(`vcpu${vcpu}.delivered`, devices * COUNT)),
    latency: Array.from({ length: vcpus * columns }, (_, index) =>
      layout.region(`vcpu${Math.floor(index / columns)}.latency${index % columns}`, histogramWords(LATENCY)),
    ),
  };
}

type Sizes = { readonly vcpus: number; readonly devices: number };

function columnsOf({ vcpus, devices }: Sizes): number {
  return vcpus * devices <= TIMED_PAIRS ? devices : 1;
}

/**
 * How many interrupts each vCPU took from each device. Each vCPU writes a row that shares no cache line with another row.
 * Latencies by device cost the vCPU nothing, because the vCPU only chooses another histogram.
 */
export class Pairs {
  /** All histograms, for callers that want the sum. */
  readonly histograms: readonly Histogram[];
  readonly #words: Words;
  readonly #counts: readonly Region[];
  readonly #columns: number;
  /** Whether a device has a histogram of its own. */
  readonly #told: boolean;

  constructor(words: Words, regions: PairRegions, sizes: Sizes) {
    this.#words = words;
    this.#counts = regions.counts;
    this.#columns = columnsOf(sizes);
    this.#told = this.#columns === sizes.devices;
    this.histograms = regions.latency.map((region) => new Histogram(words, region, LATENCY));
  }

  /** Counts a delivery. The vCPU's thread; no allocation. */
  count(vcpu: VcpuId, device: number): void {
    const at = this.#at(vcpu, device);
    addCount(this.#words, at, at + 1, 1);
  }

  /** The histogram that records the latencies of a pair. A vCPU looks the histogram up before the guest runs. */
  histogram(vcpu: VcpuId, device: number): Histogram | undefined {
    return this.histograms[vcpu * this.#columns + (this.#told ? device : 0)];
  }

  /** Deliveries so far. Any thread. */
  delivered(vcpu: VcpuId, device: number): number {
    const at = this.#at(vcpu, device);
    return readCount(this.#words, at, at + 1);
  }

  /** Latencies of a pair so far, or undefined where they are not told apart. Any thread. */
  latency(vcpu: VcpuId, device: number): Distribution | undefined {
    return this.#told ? this.histogram(vcpu, device)?.read() : undefined;
  }

  /** Latencies of a vCPU so far, over all devices. Any thread. */
  latencyOf(vcpu: VcpuId): Distribution {
    const sum = new Distribution(LATENCY);
    for (let column = 0; column < this.#columns; column++)
      this.histograms[vcpu * this.#columns + column]?.addTo(sum);
    return sum;
  }

  #at(vcpu: VcpuId, device: number): number {
    return (this.#counts[vcpu]?.at ?? 0) + device * COUNT;
  }
}
