import type { Crew, CrewAnswer, CrewJob, WorkerSeen } from './crew.ts';
import type { Job } from './item.ts';
import { JobThreads } from './job-thread.ts';
import { Mailbox } from './mailbox.ts';

const NAME = 'this machine';

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
  /** Jobs under way are no longer waited for. */
  #left = false;

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
    return this.#answers.take(() => this.#left || (this.#stopped && this.#busy === 0));
  }

  settled(_job: Job): void {}

  workers(): readonly WorkerSeen[] {
    return [{ name: NAME, slots: this.slots, busy: this.#busy, done: this.#done }];
  }

  stop(mostMs?: number): void {
    this.#stopped = true;
    this.#threads.stop();
    this.#answers.wake();
    if (mostMs === undefined) return;
    const leave = () => {
      this.#left = true;
      this.#answers.wake();
    };
    setTimeout(leave, mostMs).unref();
  }

  async close(): Promise<void> {
    const closed = this.#threads.close();
    // A thread that is left may take long to end, too.
    if (!this.#left) await closed;
  }
}
