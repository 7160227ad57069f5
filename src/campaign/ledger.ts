import type Libsql from 'libsql';
import { IrqError } from '../base/irq-error.ts';
import { readThrown } from '../base/thrown.ts';
import type { Item, Job, JobSpec } from './item.ts';
import type { JobResult } from './job.ts';
import { type Problem, Tally } from './tally.ts';

/** The subject of a campaign: fixed when the campaign begins. */
export type Header = {
  /** Tells this campaign from all others. */
  readonly id: string;
  readonly name: string;
  /** The user's name of the campaign file. */
  readonly file: string;
  readonly items: readonly Item[];
  readonly jobSeconds: number;
  /** Hash of the code under test; see bundle.ts. */
  readonly code: string;
  /** Folder that the files of items are relative to. */
  readonly root: string;
};

/** A job that ended without a result: `failed` after its tries, `dropped` as its item's time was over. */
type Ending = 'done' | 'failed' | 'dropped';

type Row = {
  readonly id: number;
  readonly item: number;
  readonly generation: number;
  readonly parent: number;
  readonly spec: string;
  readonly state: 'open' | Ending;
  readonly result: string | null;
};

const FORMAT = 2;
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY, item INTEGER NOT NULL, generation INTEGER NOT NULL, parent INTEGER NOT NULL,
    spec TEXT NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL, result TEXT, worker TEXT, seconds REAL, ended INTEGER
  );
  CREATE INDEX IF NOT EXISTS by_state ON jobs (state, id);
  CREATE INDEX IF NOT EXISTS by_ended ON jobs (ended);
`;

/**
 * The state of a campaign, in one SQLite file. A result and the jobs that follow from it are written in one
 * transaction, so after a kill at any moment, each job in the file is either done, with all that follows, or
 * still to be done. One process at a time conducts; others may read.
 */
export class Ledger {
  readonly #db: Libsql.Database;
  readonly header: Header;

  /**
   * Opens the ledger of a campaign that has begun.
   * @throws IrqError `ERR_FILE` where there is none; `ERR_RESULT_FORMAT` where the file is no ledger of this version
   */
  static async open(path: string): Promise<Ledger> {
    const { existsSync } = await import('node:fs');
    if (!existsSync(path))
      throw new IrqError(
        'ERR_FILE',
        `there is no ${path}: the campaign has not begun, or another --state was given`,
      );
    const db = await openDatabase(path);
    try {
      const header = readMeta(db, 'header');
      if (header === undefined || readMeta(db, 'format') !== String(FORMAT))
        throw new Error('no campaign in it');
      return new Ledger(db, JSON.parse(header) as Header);
    } catch (error) {
      db.close();
      throw new IrqError(
        'ERR_RESULT_FORMAT',
        `${path} is not the state of a campaign of this version of irqloom (${readThrown(error).message}): remove the file, or name another with --state`,
      );
    }
  }

  /** Begins a campaign in a file that is not there, or is empty. @throws IrqError `ERR_FILE` */
  static async create(path: string, header: Header): Promise<Ledger> {
    const db = await openDatabase(path);
    db.exec('BEGIN IMMEDIATE');
    db.exec(SCHEMA);
    const ledger = new Ledger(db, header);
    ledger.#setMeta('format', String(FORMAT));
    ledger.#setMeta('header', JSON.stringify(header));
    for (const [item, each] of header.items.entries())
      for (const spec of new Tally(each).begin()) ledger.#insert({ item, generation: 0, parent: 0, spec });
    db.exec('COMMIT');
    return ledger;
  }

  private constructor(db: Libsql.Database, header: Header) {
    this.#db = db;
    this.header = header;
  }

  close(): void {
    this.#db.close();
  }

  /** The tallies of all items, from all that was ever written. */
  tallies(): Tally[] {
    const tallies = this.header.items.map((item) => new Tally(item));
    const children = new Map<number, Job[]>();
    const columns = 'id, item, generation, parent, spec';
    for (const row of this.#db.prepare(`SELECT ${columns} FROM jobs ORDER BY id`).all() as Row[]) {
      const job = jobOf(row);
      const siblings = children.get(row.parent);
      if (siblings === undefined) children.set(row.parent, [job]);
      else siblings.push(job);
    }
    const create = (parent: number) => {
      for (const job of children.get(parent) ?? []) tallies[job.item]?.created(job);
    };
    create(0);
    const ended = `SELECT ${columns}, state, result FROM jobs WHERE ended IS NOT NULL ORDER BY ended`;
    for (const row of this.#db.prepare(ended).all() as Row[]) {
      const job = jobOf(row);
      const tally = tallies[row.item];
      const content = row.result === null ? undefined : (JSON.parse(row.result) as unknown);
      if (row.state === 'done') tally?.take(job, content as JobResult, 0);
      else if (row.state === 'failed') tally?.failed(job, content as Problem);
      else tally?.dropped(job);
      create(row.id);
    }
    return tallies;
  }

  /** Jobs that are to be done, oldest first, of those above `after`. */
  openJobs(after: number, most: number): Job[] {
    const query = `SELECT * FROM jobs WHERE state = 'open' AND id > ? ORDER BY id LIMIT ?`;
    return (this.#db.prepare(query).all(after, most) as Row[]).map(jobOf);
  }

  countOpen(): number {
    return this.#count(`state = 'open'`);
  }

  isOpen(id: number): boolean {
    return this.#count(`state = 'open' AND id = ${Number(id)}`) === 1;
  }

  /** A try of a job has failed. @returns how many have, this one among them */
  addTry(id: number): number {
    this.#db.prepare('UPDATE jobs SET tries = tries + 1 WHERE id = ?').run(id);
    return (this.#db.prepare('SELECT tries FROM jobs WHERE id = ?').get(id) as { tries: number }).tries;
  }

  /**
   * Ends a job, and makes the jobs that follow, in one step.
   * @returns the new jobs; undefined if the job had ended before: then nothing is written
   */
  end(
    job: Job,
    ending: Ending,
    content: JobResult | Problem | undefined,
    by: { readonly worker: string; readonly seconds: number },
    next: () => { readonly generation: number; readonly specs: readonly JobSpec[] },
  ): Job[] | undefined {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const update =
        "UPDATE jobs SET state = ?, result = ?, worker = ?, seconds = ?, ended = (SELECT COALESCE(MAX(ended), 0) + 1 FROM jobs) WHERE id = ? AND state = 'open'";
      const text = content === undefined ? null : JSON.stringify(content);
      const { changes } = this.#db.prepare(update).run(ending, text, by.worker, by.seconds, job.id);
      if (changes === 0) {
        this.#db.exec('ROLLBACK');
        return undefined;
      }
      const { generation, specs } = next();
      const jobs = specs.map((spec) => this.#insert({ item: job.item, generation, parent: job.id, spec }));
      this.#db.exec('COMMIT');
      return jobs;
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** How many jobs there are, have ended, were given up; and tries beyond the first of each. */
  counts(): { total: number; done: number; failed: number; retried: number } {
    const query = `SELECT COUNT(*) AS total, COALESCE(SUM(state IN ('done', 'dropped')), 0) AS done,
      COALESCE(SUM(state = 'failed'), 0) AS failed,
      COALESCE(SUM(tries - (state = 'failed')), 0) AS retried FROM jobs`;
    type Counts = { total: number; done: number; failed: number; retried: number };
    const { total, done, failed, retried } = this.#db.prepare(query).get() as Counts;
    return { total, done, failed, retried };
  }

  /** Jobs by the worker that did them, and how long they took, s. */
  byWorker(): { worker: string; jobs: number; seconds: number }[] {
    const query = `SELECT worker, COUNT(*) AS jobs, SUM(seconds) AS seconds FROM jobs
      WHERE state = 'done' GROUP BY worker ORDER BY worker`;
    return this.#db.prepare(query).all() as { worker: string; jobs: number; seconds: number }[];
  }

  /** A value beside the jobs: the conducting process, the wish to stop, the time spent, the workers. */
  get(key: 'runner' | 'stop' | 'seconds' | 'workers'): string | undefined {
    return readMeta(this.#db, key);
  }

  set(key: 'runner' | 'stop' | 'seconds' | 'workers', value: string): void {
    this.#setMeta(key, value);
  }

  #setMeta(key: string, value: string): void {
    this.#db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)').run(key, value);
  }

  #insert(made: { item: number; generation: number; parent: number; spec: JobSpec }): Job {
    const { item, generation, parent, spec } = made;
    const query =
      "INSERT INTO jobs (item, generation, parent, spec, state, tries) VALUES (?, ?, ?, ?, 'open', 0)";
    const { lastInsertRowid } = this.#db.prepare(query).run(item, generation, parent, JSON.stringify(spec));
    return { id: Number(lastInsertRowid), item, generation, spec };
  }

  #count(where: string): number {
    return (this.#db.prepare(`SELECT COUNT(*) AS n FROM jobs WHERE ${where}`).get() as { n: number }).n;
  }
}

function jobOf({ id, item, generation, spec }: Row): Job {
  return { id, item, generation, spec: JSON.parse(spec) as JobSpec };
}

function readMeta(db: Libsql.Database, key: string): string | undefined {
  const row = db.prepare('SELECT value FROM meta WHERE key = ?').get(key) as { value: string } | undefined;
  return row?.value;
}

/** How long a reader and the writer wait for each other, ms. */
const BUSY_MS = 10_000;

async function openDatabase(path: string): Promise<Libsql.Database> {
  const { default: Database } = await import('libsql').catch((error: unknown) => {
    throw new IrqError(
      'ERR_UNSUPPORTED',
      `a campaign keeps its state with the package libsql, which is not installed, or has no build for ${process.platform} on ${process.arch}: npm install libsql (${readThrown(error).message})`,
    );
  });
  try {
    const db = new Database(path, { timeout: BUSY_MS });
    // A commit survives the death of the process; the last ones may be lost with the machine's power, whole.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    return db;
  } catch (error) {
    throw new IrqError('ERR_FILE', `${path} cannot be opened: ${readThrown(error).message}`);
  }
}
