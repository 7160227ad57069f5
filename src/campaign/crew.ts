import type { Item, Job } from './item.ts';
import type { JobAnswer } from './job.ts';

/** A worker, for a status page: the threads of this machine, or one process of a fleet. */
export type WorkerSeen = {
  readonly name: string;
  /** Threads that do jobs. */
  readonly slots: number;
  /** Jobs under way, and jobs done since the worker began. */
  readonly busy: number;
  readonly done: number;
  /** Why the worker takes no jobs of this campaign; absent if the worker takes jobs. */
  readonly refuses?: string;
};

/** The outcome of a job. */
export type CrewAnswer = {
  readonly job: Job;
  readonly worker: string;
  readonly answer: JobAnswer;
  /** Tries of the job that ended with their worker, of which the conductor has not heard. */
  readonly retried: number;
  /** The crew has tried as often as jobs are tried. */
  readonly isFinal?: boolean;
};

/** A job to be done, with its item, and its limit in s: see `JobTask`. */
export type CrewJob = { readonly job: Job; readonly item: Item; readonly limit?: number };

/** Does jobs, in any order. */
export type Crew = {
  /** Jobs that may be given at once, those under way among them. */
  readonly room: number;
  /** Jobs that can be worked on at once. */
  readonly slots: number;
  give(job: CrewJob): void;
  /** Waits for the next job to end, in any order. Undefined after {@link stop}, once no job is waited for. */
  next(): Promise<CrewAnswer | undefined>;
  /**
   * Called once the job's answer is written down, or given up for another try: the crew does not answer this
   * job again.
   */
  settled(job: Job): void;
  workers(): readonly WorkerSeen[];
  /**
   * Tells jobs under way to stop: jobs that can be cut answer with their findings so far.
   * @param mostMs - a job that has not answered after so long is left, and stays open; no bound if not given.
   */
  stop(mostMs?: number): void;
  close(): Promise<void>;
};

/** A job is tried so many times, then given up. */
export const MOST_TRIES = 3;
