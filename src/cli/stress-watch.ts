import { shellWord } from '../base/shell-word.ts';
import type { Machine } from '../board/machine.ts';
import { junitXml } from '../report/junit.ts';
import { stressSuite } from '../report/junit-results.ts';
import { openMetrics } from '../report/open-metrics.ts';
import { stressHtml } from '../report/stress-html.ts';
import type { StressMoment } from '../report/stress-time-line.ts';
import { stressTrace, traceNote } from '../report/stress-trace.ts';
import { type WatchedMoment, watchLines } from '../report/stress-watch.ts';
import {
  keepMoment,
  type Plan,
  type StressDetail,
  type StressGlance,
  type StressResult,
  type Track,
} from '../stress/index.ts';
import { alone } from './config-file.ts';
import { exitStatusOf } from './exit.ts';
import { LiveView } from './live-view.ts';
import type { OutputFile } from './output-file.ts';
import { Outputs } from './outputs.ts';

/** The views of a stress run while the run goes on, and its files. */
export type StressOutputs = {
  readonly watch?: boolean;
  readonly metrics?: string;
  readonly report?: string;
  readonly trace?: string;
  readonly keep?: string;
  readonly junit?: string;
};

const EACH_SECONDS = 1;
/** Rates that a vCPU's stroke shows. */
const STROKES = 24;

/** Follows a stress run: the live view and the metrics each second, the report at the end. */
export class StressFollower {
  readonly #outputs: StressOutputs & { readonly command: string };
  readonly #files = new Outputs();
  readonly #report: OutputFile | undefined;
  readonly #trace: OutputFile | undefined;
  readonly #keep: OutputFile | undefined;
  readonly #junit: OutputFile | undefined;
  #moment: Uint8Array | undefined;
  #metrics: OutputFile | undefined;
  readonly #view = new LiveView();
  readonly #moments: StressMoment[] = [];
  readonly #history: number[][] = [];
  #before: WatchedMoment | undefined;
  #detail: StressDetail | undefined;
  #traced: { readonly tracks: readonly Track[]; readonly plan: Plan } | undefined;

  /** Opens the files. @throws IrqError `ERR_FILE` before anything is run */
  constructor(outputs: StressOutputs & { readonly command: string }) {
    this.#outputs = outputs;
    this.#report = this.#files.open(outputs.report);
    this.#trace = this.#files.open(outputs.trace);
    this.#metrics = this.#files.open(outputs.metrics);
    this.#keep = this.#files.open(outputs.keep);
    this.#junit = this.#files.open(outputs.junit);
  }

  /** A glance at the run; several times a second. */
  glance({ seconds, injected, delivered, violations, detail }: StressGlance): void {
    if (this.#report !== undefined) {
      const { churn, stillPhases } = detail();
      this.#moments.push({ seconds, injected, delivered, violations, churn, stillPhases });
    }
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

  /** The last counts. */
  finished(detail: StressDetail): void {
    this.#detail = detail;
    this.#view.clear();
  }

  /** The last actions of each thread, for a run with a trace. */
  traced(tracks: readonly Track[], plan: Plan): void {
    this.#traced = { tracks, plan };
  }

  /** The machine after a violation, at rest, where the moment is to be kept. */
  violated(machine: Machine, plan: Plan): void {
    this.#moment = keepMoment({ machine, plan, command: this.#outputs.command });
  }

  /**
   * Writes the files, after the result has been printed.
   * @param status - the exit status of the run
   * @returns the exit status of the command, and notes about the files
   */
  close(
    result: StressResult,
    status: number,
  ): { readonly status: number; readonly notes: readonly string[] } {
    const detail = this.#detail;
    if (!detail) return { status, notes: [] };
    this.#writeMetrics({ seconds: result.seconds, detail });
    const { seconds, injected, delivered } = result;
    const violations = result.lost + result.misrouted + result.spurious + result.stranded;
    const { churn, stillPhases } = detail;
    const moments = [
      ...this.#moments.filter((moment) => moment.seconds < seconds),
      { seconds, injected, delivered, violations, churn, stillPhases },
    ];
    this.#files.plan(this.#report, () => stressHtml(result, detail, moments));
    this.#files.plan(this.#junit, () => junitXml(stressSuite(result)));
    this.#planMoment();
    const note = this.#planTrace(result);
    const written = this.#files.write(status);
    const { keep } = this.#outputs;
    const notes = [
      ...(keep !== undefined && this.#keep?.written ? [keptNote(keep)] : []),
      ...(note !== undefined && this.#trace?.written ? [note] : []),
    ];
    return { status: written, notes };
  }

  #planMoment(): void {
    const moment = this.#moment;
    if (moment === undefined) this.#keep?.discard();
    else this.#files.plan(this.#keep, () => moment);
  }

  /** @returns a note about the trace where the file is written */
  #planTrace(result: StressResult): string | undefined {
    if (this.#traced === undefined) return undefined;
    const { tracks, plan } = this.#traced;
    this.#files.plan(this.#trace, () => JSON.stringify(stressTrace(tracks, plan, result)));
    return traceNote(tracks, plan);
  }

  /** In one step, so that a reader of the file never finds half of the text. A full disk ends the metrics, not the run. */
  #writeMetrics(sample: WatchedMoment): void {
    try {
      this.#metrics?.rewrite(openMetrics(sample));
    } catch (error) {
      exitStatusOf(error);
      this.#metrics = undefined;
    }
  }
}

/** The command that loads a moment that was kept. */
export function keptNote(path: string): string {
  return `the moment is kept: ${alone(`npx irqloom stress --resume ${shellWord(path)}`)}`;
}
