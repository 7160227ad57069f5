import { renameSync } from 'node:fs';
import { openMetrics } from '../report/open-metrics.ts';
import { type StressMoment, stressHtml } from '../report/stress-html.ts';
import { stressTrace, traceNote } from '../report/stress-trace.ts';
import { type WatchedMoment, watchLines } from '../report/stress-watch.ts';
import type { Plan, StressDetail, StressGlance, StressResult, Track } from '../stress/index.ts';
import { writeText } from './files.ts';
import { LiveView } from './live-view.ts';

/** Where a stress run is to be shown while it goes on, and written down. */
export type StressOutputs = {
  readonly watch?: boolean;
  readonly metrics?: string;
  readonly report?: string;
  readonly trace?: string;
};

const EACH_SECONDS = 1;
/** Rates that a vCPU's stroke shows. */
const STROKES = 24;

/** Follows a stress run: the live view and the metrics each second, the report at the end. */
export class StressFollower {
  readonly #outputs: StressOutputs;
  readonly #view = new LiveView();
  readonly #moments: StressMoment[] = [];
  readonly #history: number[][] = [];
  #before: WatchedMoment | undefined;
  #detail: StressDetail | undefined;
  #traced: { readonly tracks: readonly Track[]; readonly plan: Plan } | undefined;

  constructor(outputs: StressOutputs) {
    this.#outputs = outputs;
  }

  /** A glance at the run; several times a second. */
  glance({ seconds, injected, delivered, detail }: StressGlance): void {
    this.#moments.push({ seconds, injected, delivered });
    if (!this.#outputs.watch && !this.#outputs.metrics) return;
    if (seconds - (this.#before?.seconds ?? 0) < EACH_SECONDS) return;
    const now = { seconds, detail: detail() };
    this.#writeMetrics(now);
    if (this.#outputs.watch) {
      this.#addRates(now);
      this.#view.draw(watchLines(now, this.#before, this.#history));
    }
    this.#before = now;
  }

  #addRates(now: WatchedMoment): void {
    const seconds = now.seconds - (this.#before?.seconds ?? 0);
    for (const [vcpu, { delivered }] of now.detail.vcpus.entries()) {
      const rates = this.#history[vcpu] ?? [];
      this.#history[vcpu] = rates;
      rates.push((delivered - (this.#before?.detail.vcpus[vcpu]?.delivered ?? 0)) / seconds);
      if (rates.length > STROKES) rates.shift();
    }
  }

  /** What was counted in the end. */
  finished(detail: StressDetail): void {
    this.#detail = detail;
    this.#view.clear();
  }

  /** What each thread did last, where a trace is wanted. */
  traced(tracks: readonly Track[], plan: Plan): void {
    this.#traced = { tracks, plan };
  }

  /** Writes what there is to write; what there is to say about it. @throws IrqError `ERR_FILE` */
  close(result: StressResult): string[] {
    if (!this.#detail) return [];
    this.#writeMetrics({ seconds: result.seconds, detail: this.#detail });
    const { seconds, injected, delivered } = result;
    const moments = [
      ...this.#moments.filter((moment) => moment.seconds < seconds),
      { seconds, injected, delivered },
    ];
    if (this.#outputs.report) writeText(this.#outputs.report, stressHtml(result, this.#detail, moments));
    if (!this.#outputs.trace || !this.#traced) return [];
    const { tracks, plan } = this.#traced;
    writeText(this.#outputs.trace, JSON.stringify(stressTrace(tracks, plan, result)));
    return [traceNote(tracks, plan)];
  }

  /** In one step, so that who reads the file never finds half of it. */
  #writeMetrics(sample: WatchedMoment): void {
    const { metrics } = this.#outputs;
    if (!metrics) return;
    writeText(`${metrics}.part`, openMetrics(sample));
    renameSync(`${metrics}.part`, metrics);
  }
}
