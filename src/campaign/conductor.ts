import { ERRORS, type ErrorCode } from '../base/codes.ts';
import type { PlainError } from '../base/irq-error.ts';
import { type Crew, type CrewAnswer, MOST_TRIES } from './crew.ts';
import type { Job } from './item.ts';
import type { Ledger } from './ledger.ts';
import { type CampaignResult, resultOf } from './result.ts';
import type { Tally } from './tally.ts';

/** How a conducted campaign is followed, and ended. */
export type Conducting = {
  readonly signal?: AbortSignal;
  /** Called about once a second. */
  readonly onProgress?: (result: CampaignResult) => void;
};

/** `done`: every job has ended. `stopped`: by the signal, or by `--stop` of another process. */
export type Conducted = 'done' | 'stopped';

const BEAT_MS = 250;
const REPORT_MS = 1000;
/** Ctrl-C waits no longer for jobs under way, so that the result so far comes within half a second. */
const INTERRUPT_MS = 250;

/**
 * Gives a ledger's open jobs to a crew, and writes the answers down, until no job is open. The crew never
 * gets a job again whose result is in the ledger, and gets every other job again. So a conductor may end at
 * any moment, and another may go on.
 */
export async function conduct(
  ledger: Ledger,
  crew: Crew,
  { signal, onProgress }: Conducting = {},
): Promise<Conducted> {
  const conductor = new Conductor(ledger, crew);
  const before = Number(ledger.get('seconds') ?? 0);
  const started = performance.now();
  let reported = 0;
  let stopped = false;
  const stop = (mostMs?: number) => {
    stopped = true;
    crew.stop(mostMs);
  };
  const interrupt = () => stop(INTERRUPT_MS);
  const look = () => {
    ledger.set('runner', JSON.stringify({ pid: process.pid, at: Date.now() }));
    ledger.set('seconds', String(before + (performance.now() - started) / 1000));
    if (ledger.get('stop') === '1' && !stopped) stop();
    if (performance.now() - reported < REPORT_MS) return;
    reported = performance.now();
    ledger.set('workers', JSON.stringify(crew.workers()));
    onProgress?.(conductor.result());
  };
  ledger.set('stop', '0');
  look();
  const timer = setInterval(look, BEAT_MS);
  signal?.addEventListener('abort', interrupt, { once: true });
  if (signal?.aborted) interrupt();
  try {
    await conductor.run(() => stopped);
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', interrupt);
    reported = 0;
    look();
    ledger.set('runner', '');
  }
  return stopped && ledger.countOpen() > 0 ? 'stopped' : 'done';
}

class Conductor {
  readonly #ledger: Ledger;
  readonly #crew: Crew;
  readonly #tallies: Tally[];
  #given = 0;
  /** Jobs up to this one have been given, or have ended. */
  #after = 0;

  constructor(ledger: Ledger, crew: Crew) {
    this.#ledger = ledger;
    this.#crew = crew;
    this.#tallies = ledger.tallies();
  }

  result(): CampaignResult {
    return resultOf(this.#ledger, this.#tallies);
  }

  async run(isStopped: () => boolean): Promise<void> {
    for (;;) {
      if (!isStopped()) this.#giveMore();
      if (this.#given === 0) return;
      const answer = await this.#crew.next();
      if (answer === undefined) return;
      this.#given--;
      this.#take(answer, isStopped());
    }
  }

  #giveMore(): void {
    while (this.#given < this.#crew.room) {
      const jobs = this.#ledger.openJobs(this.#after, this.#crew.room - this.#given);
      if (jobs.length === 0) return;
      for (const job of jobs) {
        this.#after = job.id;
        this.#give(job);
      }
    }
  }

  #give(job: Job): void {
    const tally = this.#tallies[job.item];
    if (tally === undefined) return;
    const { item } = tally;
    const limit = item.kind === 'search' ? item.seconds : undefined;
    // After the limit, failures are still shrunk.
    const isLate = limit !== undefined && tally.seconds >= limit && job.spec.does !== 'shrink';
    if (isLate || !tally.isCurrent(job)) {
      this.#drop(job, tally);
      return;
    }
    this.#given++;
    this.#crew.give({ job, item, ...(limit === undefined ? {} : { limit: limit - tally.seconds }) });
  }

  #drop(job: Job, tally: Tally): void {
    this.#ledger.end(job, 'dropped', undefined, { worker: '', seconds: 0 }, () => {
      tally.dropped(job);
      return { generation: job.generation, specs: [] };
    });
  }

  #take({ job, worker, answer, retried, isFinal }: CrewAnswer, isStopped: boolean): void {
    const tally = this.#tallies[job.item];
    // A late answer to a job that another worker has done.
    if (tally === undefined || !this.#ledger.isOpen(job.id)) {
      this.#crew.settled(job);
      return;
    }
    for (let i = 0; i < retried; i++) this.#ledger.addTry(job.id);
    if ('stopped' in answer) {
      this.#crew.settled(job);
      if (!isStopped) this.#give(job);
      return;
    }
    if ('error' in answer) {
      this.#takeError(tally, job, worker, answer.error, isFinal ?? false);
      return;
    }
    const { result, seconds } = answer;
    const hungry = Math.max(0, this.#crew.slots - (this.#ledger.countOpen() - 1));
    const made = this.#ledger.end(job, 'done', result, { worker, seconds }, () =>
      tally.take(job, result, hungry),
    );
    for (const each of made ?? []) tally.created(each);
    this.#crew.settled(job);
  }

  /** Wrong input fails at once: another try would say the same. Anything else may be the machine's fault, and is tried again. */
  #takeError(tally: Tally, job: Job, worker: string, error: PlainError, isFinal: boolean): void {
    const tries = this.#ledger.addTry(job.id);
    const wrongInput = isOfInput(error.code);
    if (tries < MOST_TRIES && !isFinal && !wrongInput) {
      this.#crew.settled(job);
      this.#give(job);
      return;
    }
    const { message, code } = error;
    const { does } = job.spec;
    const problem = { does, error: message, wrongInput, ...(code === undefined ? {} : { code }) };
    this.#ledger.end(job, 'failed', problem, { worker, seconds: 0 }, () => {
      tally.failed(job, problem);
      return { generation: job.generation, specs: [] };
    });
    this.#crew.settled(job);
  }
}

/** Whether an error is about the user's input. */
export function isOfInput(code: string | undefined): boolean {
  return code !== undefined && code in ERRORS && ERRORS[code as ErrorCode].exit === 2;
}
