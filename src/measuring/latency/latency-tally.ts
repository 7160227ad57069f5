import { LATENCY } from '../../measure/buckets.ts';
import { Distribution } from '../../measure/distribution.ts';
import type { Block } from './collect.ts';
import type { LatencyPlan } from './latency-plan.ts';
import { type BlockFigures, type Delivery, STRETCHES, type Stretch } from './latency-result.ts';

/** How many deliveries of a path are kept one by one, for the time line and for traces. */
const KEPT_POINTS = 400;
const KEPT_DELIVERIES = 64;

/** Everything that was measured on one path. On the main thread. */
export class PathTally {
  /** From when the signal was due to the handler; where there is no rate, from the signal. */
  readonly latency = new Distribution(LATENCY);
  /** From when the signal was given, late as that may have been. */
  readonly uncorrected = new Distribution(LATENCY);
  /** The same as {@link latency} while stages were stamped. */
  readonly staged = new Distribution(LATENCY);
  readonly stages: Readonly<Record<Stretch, Distribution>>;
  /** Exact sums over all that was followed, ns: those of the stretches, and from the signal to the end. */
  readonly sums: Record<Stretch, number>;
  wholeSum = 0;
  /** Sums over the middle fifth of each block by the length of the whole: what a typical signal's way is made of. */
  readonly typical: Record<Stretch, number>;
  typicalCount = 0;
  /** By line of the plan. */
  readonly lines: readonly Distribution[];
  readonly blocks: BlockFigures[] = [];
  unpaired = 0;
  /** Some of the deliveries, spread over the run: when, and how long. */
  readonly points: Array<readonly [atNs: number, latencyNs: number]> = [];
  /** Some that were followed all the way. */
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

  /** A block in which only the whole was measured. */
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

  /** A block whose stages were stamped. */
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
    // The newest ones: by then everything is compiled.
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

  /** Keeps every n-th, and doubles n when there are too many. */
  #keepPoint(atNs: number, latencyNs: number): void {
    if (this.#seen++ % this.#every !== 0) return;
    this.points.push([atNs, latencyNs]);
    if (this.points.length < 2 * KEPT_POINTS) return;
    this.#every *= 2;
    this.points.splice(0, this.points.length, ...this.points.filter((_, index) => index % 2 === 0));
  }
}
