import { LATENCY } from '../../measure/buckets.ts';
import { Distribution } from '../../measure/distribution.ts';
import type { Block } from './collect.ts';
import type { LatencyPlan } from './latency-plan.ts';
import { type BlockFigures, type Delivery, STRETCHES, type Stretch } from './latency-result.ts';

/** The most deliveries of a path that are kept individually: as points of the time line, and for traces. */
const KEPT_POINTS = 400;
const KEPT_DELIVERIES = 64;

/** The measurements of one path. The main thread only. */
export class PathTally {
  /** From the due time of a signal (without a rate, from the signal) to its handler. */
  readonly latency = new Distribution(LATENCY);
  /** From the signal, even if it was late, to its handler. */
  readonly uncorrected = new Distribution(LATENCY);
  /** {@link latency} of the signals whose stages were stamped. */
  readonly staged = new Distribution(LATENCY);
  readonly stages: Readonly<Record<Stretch, Distribution>>;
  /** Exact sums over all stamped signals, ns: of each stretch; `wholeSum`: from the signal to the end of the interrupt. */
  readonly sums: Record<Stretch, number>;
  wholeSum = 0;
  /** Sums of each stretch over the middle fifth of each block's signals by total time, ns. */
  readonly typical: Record<Stretch, number>;
  typicalCount = 0;
  /** By line of the plan. */
  readonly lines: readonly Distribution[];
  readonly blocks: BlockFigures[] = [];
  unpaired = 0;
  /** A sample of the deliveries, spread over the run. */
  readonly points: Array<readonly [atNs: number, latencyNs: number]> = [];
  /** A sample of the deliveries whose stages were stamped. */
  readonly deliveries: Delivery[] = [];
  #every = 1;
  #seen = 0;

  constructor({ lines }: LatencyPlan) {
    const each = <T>(make: () => T) =>
      Object.fromEntries(STRETCHES.map((stretch) => [stretch, make()])) as Record<Stretch, T>;
    this.stages = each(() => new Distribution(LATENCY));
    this.sums = each(() => 0);
    this.typical = each(() => 0);
    this.lines = lines.map(() => new Distribution(LATENCY));
  }

  /** Adds a block that was measured as a whole. */
  addWhole({ deliveries, unpaired }: Block, boot: number): void {
    this.unpaired += unpaired;
    const block = new Distribution(LATENCY);
    for (const { line, signal, due, acknowledged } of deliveries) {
      const latency = acknowledged - due;
      block.record(latency);
      this.uncorrected.record(acknowledged - signal);
      this.lines[line]?.record(latency);
      this.#keepPoint(due, latency);
    }
    if (block.total === 0) return;
    this.latency.merge(block);
    this.blocks.push({ boot, count: block.total, p50: block.percentile(50), p99: block.percentile(99) });
  }

  /** Adds a block whose stages were stamped. */
  addStaged({ deliveries, unpaired }: Block): void {
    this.unpaired += unpaired;
    for (const delivery of deliveries) {
      const { signal, due, acknowledged, ends } = delivery;
      this.staged.record(acknowledged - due);
      let from = signal;
      for (const [index, stretch] of STRETCHES.entries()) {
        const end = ends[index] ?? from;
        this.stages[stretch].record(end - from);
        this.sums[stretch] += end - from;
        from = end;
      }
      this.wholeSum += (ends[STRETCHES.length - 1] ?? signal) - signal;
    }
    this.#addTypical(deliveries);
    // Keeps the newest deliveries, which run compiled code.
    this.deliveries.splice(0, this.deliveries.length, ...deliveries.slice(-KEPT_DELIVERIES));
  }

  #addTypical(deliveries: readonly Delivery[]): void {
    const whole = ({ signal, ends }: Delivery) => (ends[STRETCHES.length - 1] ?? signal) - signal;
    const sorted = [...deliveries].sort((a, b) => whole(a) - whole(b));
    const margin = Math.floor((2 * sorted.length) / 5);
    for (const { signal, ends } of sorted.slice(margin, sorted.length - margin)) {
      this.typicalCount++;
      for (const [index, stretch] of STRETCHES.entries())
        this.typical[stretch] +=
          (ends[index] ?? signal) - (index === 0 ? signal : (ends[index - 1] ?? signal));
    }
  }

  /** Keeps every n-th point; doubles n when the points exceed the limit. */
  #keepPoint(atNs: number, latencyNs: number): void {
    if (this.#seen++ % this.#every !== 0) return;
    this.points.push([atNs, latencyNs]);
    if (this.points.length < 2 * KEPT_POINTS) return;
    this.#every *= 2;
    this.points.splice(0, this.points.length, ...this.points.filter((_, index) => index % 2 === 0));
  }
}
