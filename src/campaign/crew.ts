import type { Item, Job } from './item.ts';
import type { JobAnswer } from './job.ts';

/** A worker as a status page shows it: the threads of this machine, or one process of a fleet. */
export type WorkerSeen = {
  readonly name: string;
  /** Threads that do jobs. */
  readonly slots: number;
  /** Jobs under way, and jobs done since the worker began. */
  readonly busy: number;
  readonly done: number;
  /** Why the worker takes no jobs of this campaign; absent where it does. */
  readonly refuses?: string;
};

/** What became of a job. */
export type CrewAnswer = {
  readonly job: Job;
  readonly worker: string;
  readonly answer: JobAnswer;
  /** Tries of the job that ended with their worker, of which the conductor has not heard. */
  readonly retried: number;
  /** The crew has tried as often as jobs are tried. */
  readonly isFinal?: boolean;
};

/** A job to be done, with its item, and how long it may take: see `JobTask`. */
export type CrewJob = { readonly job: Job; readonly item: Item; readonly limit?: number };

/** Does jobs, in any order. */
export type Crew = {
  /** Jobs that may be given at once, those under way among them. */
  readonly room: number;
  /** Jobs that can be worked on at once. */
  readonly slots: number;
  give(job: CrewJob): void;
  /** The next job that has ended, whichever; waits for it. Undefined after {@link stop}, when nothing is under way. */
  next(): Promise<CrewAnswer | undefined>;
  /** The job's answer is written down, or is to be given up for another try: it is not to be answered again. */
  settled(job: Job): void;
  workers(): readonly WorkerSeen[];
  /** Tells jobs under way to stop: those that can be cut answer with what they have. */
  stop(): void;
  close(): Promise<void>;
};

/** A job is tried so many times, then given up. */
export const MOST_TRIES = 3;
