import type { Crew, CrewAnswer, CrewJob, WorkerSeen } from './crew.ts';
import type { Job } from './item.ts';
import { JobThreads } from './job-thread.ts';
import { Mailbox } from './mailbox.ts';

const NAME = 'this machine';
/** After a request to stop, jobs under way have so long for their results so far, ms; the others are left to be resumed. */
const STOP_MS = 250;

/** The threads of this machine. */
export class LocalCrew implements Crew {
  readonly slots: number;
  readonly #threads: JobThreads;
  readonly #answers = new Mailbox<CrewAnswer>();
  readonly #root: string;
  readonly #slice: number;
  #busy = 0;
  #done = 0;
  #stopped = false;
  /** Whether the time for answers after a stop is over. */
  #isLate = false;

  /** @param slice - about how long a job takes, s */
  constructor(options: { threads: number; root: string; slice: number; silentMs?: number | undefined }) {
    this.slots = options.threads;
    this.#root = options.root;
    this.#slice = options.slice;
    this.#threads = new JobThreads({ threads: options.threads, silentMs: options.silentMs });
  }

  get room(): number {
    return this.slots;
  }

  give({ job, item, limit }: CrewJob): void {
    this.#busy++;
    void this.#threads.run({ job, item, limit, root: this.#root, slice: this.#slice }).then((answer) => {
      this.#busy--;
      this.#done++;
      this.#answers.put({ job, worker: NAME, answer, retried: 0 });
    });
  }

  next(): Promise<CrewAnswer | undefined> {
    return this.#answers.take(() => this.#stopped && (this.#isLate || this.#busy === 0));
  }

  settled(_job: Job): void {}

  workers(): readonly WorkerSeen[] {
    return [{ name: NAME, slots: this.slots, busy: this.#busy, done: this.#done }];
  }

  stop(): void {
    this.#stopped = true;
    this.#threads.stop();
    this.#answers.wake();
    setTimeout(() => {
      this.#isLate = true;
      this.#answers.wake();
    }, STOP_MS).unref();
  }

  /** Ends the threads; after {@link stop}, without a wait for their ends. */
  async close(): Promise<void> {
    const closed = this.#threads.close();
    if (!this.#stopped) await closed;
  }
}
