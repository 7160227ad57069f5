/** What tests of campaigns say again and again. */
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { type CampaignResult, type ItemResult, Ledger } from '../../src/campaign/index.ts';
import { findScenario } from '../../src/cli/scenario.ts';
import type { ExploreResult } from '../../src/explore/index.ts';
import { runSearch } from '../../src/explore/real/search-thread.ts';
import { type Finished, irqloom } from '../cli/run.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/campaign/', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const BOUND_MS = 170_000;
const LOOK_MS = 50;

/** A folder with the scenarios, and a campaign file. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'irqloom-campaign-'));

  constructor(campaign: object) {
    for (const name of readdirSync(FIXTURES)) copyFileSync(join(FIXTURES, name), join(this.path, name));
    this.write('irqloom.campaign.json', JSON.stringify(campaign));
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  run(...words: readonly string[]): Promise<Finished> {
    return irqloom(['campaign', ...words], undefined, {}, this.path, BOUND_MS);
  }

  /** Runs to the end, and gives what `--json` prints. */
  async result(...words: readonly string[]): Promise<CampaignResult> {
    const { stdout, stderr, status } = await this.run('--json', ...words);
    expect([0, 1, 3], stderr).toContain(status);
    return JSON.parse(stdout) as CampaignResult;
  }

  /** Starts a campaign, to be ended from outside. */
  start(...words: readonly string[]): Process {
    return new Process(['campaign', ...words], this.path);
  }

  startWith(env: Readonly<Record<string, string>>, ...words: readonly string[]): Process {
    return new Process(['campaign', ...words], this.path, env);
  }

  read(name: string): string {
    return readFileSync(join(this.path, name), 'utf8');
  }

  has(name: string): boolean {
    return existsSync(join(this.path, name));
  }

  /** Jobs that the state file has as done; 0 where there is none yet. */
  async jobsDone(): Promise<number> {
    const path = join(this.path, 'irqloom.campaign.sqlite');
    const ledger = await Ledger.open(path).catch(() => undefined);
    const done = ledger?.counts().done ?? 0;
    ledger?.close();
    return done;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A command that runs beside the test. */
export class Process {
  readonly #child: ReturnType<typeof spawn>;
  readonly ended: Promise<number | null>;
  output = '';

  constructor(words: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [MAIN, ...words], {
      cwd,
      env: { ...process.env, NO_COLOR: '1', ...env },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (data) => {
        this.output += data;
      });
    this.ended = new Promise((resolve) => this.#child.once('close', (status) => resolve(status)));
  }

  /** Whether the command ends before something has happened, for which `look` is asked again and again. */
  async endsBefore(look: () => Promise<boolean>): Promise<boolean> {
    let hasEnded = false;
    void this.ended.then(() => {
      hasEnded = true;
    });
    while (!hasEnded) {
      if (await look()) return hasEnded;
      await setTimeout(LOOK_MS);
    }
    return true;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

/** What an item's answer is about, without times and tokens. */
export function answerOf(item: ItemResult): object {
  const { verdict, schedules, steps, classes, failed, exhausted, bounded, outcomes, coverage } = item;
  const said = withoutTime(coverage?.statement ?? '');
  return { verdict, schedules, steps, classes, failed, exhausted, bounded, outcomes, said };
}

/** The statement without how long the rest would take, which is the machine's. */
const withoutTime = (said: string) => said.replace(/, the rest would take about [^;]*/, '');

type Options = Readonly<Record<string, unknown>> & { readonly scenario: string };

/** The answers of one thread that searches each item whole: `irqloom explore --all`. */
export async function oneMachine(folder: string, items: readonly Options[]): Promise<object[]> {
  const answers: object[] = [];
  for (const { scenario, ...options } of items) {
    const isFile = scenario.endsWith('.mjs');
    const found = await findScenario(isFile ? join(folder, scenario) : scenario);
    // Threads start from dist, and load programs of irqloom from there.
    const source =
      'module' in found.source
        ? { ...found.source, module: found.source.module.replace('/src/', '/dist/src/') }
        : found.source;
    const task = {
      does: 'search',
      source,
      jobs: 1,
      options: { ...options, all: true, shrink: false },
    } as const;
    const result = (await runSearch(task, 100)) as ExploreResult;
    const { verdict, schedules, steps, classes, failures, exhausted, bounded, outcomes, coverage } = result;
    answers.push({
      verdict,
      schedules,
      steps,
      classes,
      failed: failures,
      exhausted,
      bounded,
      outcomes,
      said: withoutTime(coverage.statement),
    });
  }
  return answers;
}

/** Searches of every kind that is cut, and of those that are not. */
export const SEARCHES: readonly Options[] = [
  { scenario: 'three-updates.mjs', strategy: 'dfs' },
  { scenario: 'three-updates.mjs', strategy: 'dfs', preemptions: 1 },
  { scenario: 'three-updates.mjs', strategy: 'random', schedules: 4_321, seed: 3 },
  { scenario: 'three-updates.mjs', strategy: 'pct', depth: 2, schedules: 3_000 },
  { scenario: 'three-updates.mjs', strategy: 'dpor' },
  { scenario: 'throws-late.mjs', strategy: 'dpor' },
  { scenario: 'met-late.mjs', strategy: 'random', schedules: 3_000 },
  { scenario: 'two-causes.mjs', strategy: 'auto' },
  { scenario: 'add-2x5', strategy: 'auto' },
  { scenario: 'three-updates.mjs', strategy: 'states' },
  { scenario: 'add-2x5', strategy: 'dfs', schedules: 200 },
];
