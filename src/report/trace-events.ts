/**
 * One event of Chrome's trace-event format, as Perfetto and chrome://tracing read it. Times in µs.
 * @see "Trace Event Format", the document of the Chromium project
 */
export type TraceEvent = {
  readonly name: string;
  /** X: a slice; i: a moment; C: a counter's new value; s, t, f: the beginning, a step and the end of an arrow; M: a name. */
  readonly ph: 'X' | 'i' | 'C' | 's' | 't' | 'f' | 'M';
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly id?: number;
  /** `e`: the arrow ends at the slice that encloses the arrow's end. */
  readonly bp?: 'e';
  /** `g`: the moment is shown across all tracks. */
  readonly s?: 'g';
  readonly args?: Readonly<Record<string, unknown>>;
};

export type TraceFile = {
  readonly displayTimeUnit: 'ns';
  readonly traceEvents: readonly TraceEvent[];
  /** The run, and the events that are not in the file. */
  readonly otherData: Readonly<Record<string, unknown>>;
};

const PID = 1;
/** Counters belong to the process, and to none of its threads. */
const COUNTERS = 0;

/** Makes the events of a trace: tracks with their names first, then slices and arrows, track by track, in the order of time. */
export class TraceEvents {
  readonly #firstNs: number;
  readonly #names: TraceEvent[] = [];
  readonly #events: TraceEvent[] = [];
  #arrows = 0;

  /** @param firstNs - the moment that the trace calls 0 */
  constructor(firstNs: number) {
    this.#firstNs = firstNs;
  }

  /** Names a track. They are shown in the order of their numbers, from 1 on. */
  track(tid: number, name: string): void {
    if (this.#names.length === 0) this.#name('process_name', tid, { name: 'irqloom' });
    this.#name('thread_name', tid, { name });
    this.#name('thread_sort_index', tid, { sort_index: tid });
  }

  /** A stretch of time in a track. Slices of a track nest, or do not touch. */
  slice(tid: number, name: string, fromNs: number, toNs: number, args?: TraceEvent['args']): void {
    const dur = microseconds(toNs - fromNs);
    const ts = microseconds(fromNs - this.#firstNs);
    this.#events.push({ name, ph: 'X', cat: 'interrupt', pid: PID, tid, ts, dur, ...(args ? { args } : {}) });
  }

  /** A moment that is shown across all tracks. */
  moment(tid: number, name: string, ns: number, args?: TraceEvent['args']): void {
    const ts = microseconds(ns - this.#firstNs);
    this.#events.push({ name, ph: 'i', s: 'g', pid: PID, tid, ts, ...(args ? { args } : {}) });
  }

  /** A track of its own that counts, at each moment, the given stretches of time. */
  counter(name: string, stretches: readonly (readonly [fromNs: number, toNs: number])[]): void {
    const changes = stretches.flatMap(([from, to]) => [[from, 1] as const, [to, -1] as const]);
    let value = 0;
    for (const [ns, change] of changes.sort(([a], [b]) => a - b)) {
      value += change;
      const ts = microseconds(ns - this.#firstNs);
      this.#events.push({ name, ph: 'C', pid: PID, tid: COUNTERS, ts, args: { [name]: value } });
    }
  }

  /** An arrow through moments of several tracks, each within a slice there. */
  arrow(...through: readonly (readonly [tid: number, ns: number])[]): void {
    const id = ++this.#arrows;
    for (const [index, [tid, ns]] of through.entries()) {
      const ph = index === 0 ? 's' : index === through.length - 1 ? 'f' : 't';
      const ts = microseconds(ns - this.#firstNs);
      const end = ph === 'f' ? ({ bp: 'e' } as const) : {};
      this.#events.push({ name: 'signal', ph, cat: 'signal', id, pid: PID, tid, ts, ...end });
    }
  }

  get arrows(): number {
    return this.#arrows;
  }

  /** The whole trace. Of slices that begin together, the longest comes first: the longest holds the others. */
  file(otherData: TraceFile['otherData']): TraceFile {
    const at = ({ ts = 0 }: TraceEvent) => ts;
    const sorted = this.#events.sort(
      (a, b) => a.tid - b.tid || at(a) - at(b) || (b.dur ?? -1) - (a.dur ?? -1),
    );
    return { displayTimeUnit: 'ns', traceEvents: [...this.#names, ...sorted], otherData };
  }

  #name(name: string, tid: number, args: TraceEvent['args']): void {
    this.#names.push({ name, ph: 'M', pid: PID, tid, ...(args ? { args } : {}) });
  }
}

/** Exact to the ns, without the digits that a division leaves behind. */
function microseconds(ns: number): number {
  return Number((ns / 1000).toFixed(3));
}
