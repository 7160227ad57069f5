import type { RunView } from '../search/strategies/strategy.ts';
import type { DataRaces } from './data-races.ts';
import type { Fault } from './end.ts';
import type { Point, Value } from './operation.ts';
import { END } from './thread-end.ts';
import type { Tracks } from './tracks.ts';

/** The current or last schedule: the view of strategies, recordings and verdicts. */
export class Schedule implements RunView {
  readonly threads: number;
  readonly late: boolean;
  readonly pending: Point[];
  readonly done: Int32Array;
  readonly paths: Point[][];
  readonly answers: Value[][];
  readonly stepThread: Uint8Array;
  readonly stepPoint: Point[] = [];
  readonly stepEffect: Uint8Array;
  readonly stepWoke: Int32Array;
  readonly stepAnswer: Value[] = [];
  /** By step: the looks of the loop in which its thread waited before the step, oldest first. */
  readonly stepAwaits: (readonly Point[] | undefined)[] = [];
  readonly choices: Uint8Array;
  choiceCount = 0;
  index = 0;
  steps = 0;
  enabled = 0;
  waiting = 0;
  /** Threads that a value enables: at a lock, or in a loop that awaits a change. */
  watching = 0;
  fault: Fault | undefined;
  /** By thread in `watching`: the length in looks of its loop; 0 at a lock. */
  readonly loops: Int32Array;
  /** Whether a schedule exceeded `maxSteps`, so that the strategy did not decide its rest. */
  cutShort = false;
  /** The data races of the schedule; undefined while there are no plain accesses. */
  races: DataRaces | undefined;
  /** Steps of all schedules. */
  totalSteps = 0;
  /** Fill in the step arrays even if the strategy does not read them. */
  recordAlways = false;
  /** The outcome of the last schedule, if the scenario has outcomes. */
  outcome: string | undefined;

  readonly #tracks: Tracks;

  /** @param most - most steps of a schedule. */
  constructor(tracks: Tracks, most: number, late: boolean) {
    this.#tracks = tracks;
    this.threads = tracks.done.length;
    this.late = late;
    this.pending = new Array<Point>(this.threads).fill(END);
    this.done = tracks.done;
    this.paths = tracks.paths;
    this.answers = tracks.answers;
    this.choices = new Uint8Array(most);
    this.stepThread = new Uint8Array(most);
    this.stepEffect = new Uint8Array(most);
    this.stepWoke = new Int32Array(most);
    this.loops = new Int32Array(this.threads);
  }

  get isClosed(): boolean {
    return this.races === undefined && !this.#tracks.direct;
  }

  /** The looks of the loop in which thread `t` waits, oldest first; undefined for none. */
  loopAt(t: number): readonly Point[] | undefined {
    const period = this.loopOf(t);
    const done = this.done[t] as number;
    return period === 0 ? undefined : (this.paths[t] as Point[]).slice(done - period, done);
  }

  /** Length in looks of the loop in which thread `t` waits; 0 for none. */
  loopOf(t: number): number {
    return ((this.watching >>> t) & 1) !== 0 ? (this.loops[t] as number) : 0;
  }
}
