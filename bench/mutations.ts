/**
 * How soon `auto` finds the fault of a mutated source: schedules and milliseconds of the search alone, for every mutation of
 * the tests. The mutations stand beside their checks, so the benchmark runs the tests, one file after the other, and the
 * tests report each search.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The search for one mutation. */
export type Search = {
  /** The test, and the scenario that is searched. */
  readonly name: string;
  readonly scenario: string;
  readonly found: boolean;
  /** The kind of failure that was found. */
  readonly kind: string | null;
  /** Schedules until the failing one, which is included. */
  readonly schedules: number;
  readonly ms: number;
};

/** The limits of a mutation. */
const BOUND_MS = 2000;
/** How many of the slowest are listed; `MUTATIONS_SHOWN` in the environment says otherwise. */
const SHOWN = 12;

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export type Mutations = {
  readonly searches: readonly Search[];
  /** Whether all tests that have mutations passed: if not, one is not found, or some may be missing. */
  readonly passed: boolean;
};

/** Runs the tests that have mutations. @throws Error where they say nothing at all */
export async function run(): Promise<Mutations> {
  const folder = await mkdtemp(join(tmpdir(), 'irqloom-mutations-'));
  const file = join(folder, 'searches.jsonl');
  try {
    const { code, output } = await vitest(await filesWithMutations(), file);
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text === '') throw new Error(`the tests that have mutations have searched for none:\n${output}`);
    const searches = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Search);
    return { searches, passed: code === 0 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function filesWithMutations(): Promise<string[]> {
  const names = await readdir(join(ROOT, 'test'), { recursive: true });
  const tests = names.filter((name) => name.endsWith('.test.ts')).map((name) => join('test', name));
  const texts = await Promise.all(tests.map((name) => readFile(join(ROOT, name), 'utf8')));
  return tests.filter((_, index) => texts[index]?.includes('isCaught('));
}

function vitest(files: readonly string[], record: string): Promise<{ code: number | null; output: string }> {
  const program = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [program, 'run', '--maxWorkers=1', ...files], {
    cwd: ROOT,
    env: { ...process.env, MUTATIONS: record },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

export function format({ searches, passed }: Mutations): string {
  const shown = Number(process.env.MUTATIONS_SHOWN ?? SHOWN);
  const slowest = searches.toSorted((a, b) => Number(a.found) - Number(b.found) || b.ms - a.ms);
  const column = (of: (search: Search) => number) => {
    const values = searches.map(of).sort((a, b) => a - b);
    const at = (share: number) => values[Math.ceil(share * values.length) - 1] ?? 0;
    return { p50: at(0.5), p90: at(0.9), max: at(1) };
  };
  const [schedules, ms] = [column((search) => search.schedules), column((search) => search.ms)];
  const within = searches.filter((search) => search.found && search.ms <= BOUND_MS).length;
  const row = (label: string, one: string, two: string) =>
    `${label.slice(0, 86).padEnd(88)}${one.padStart(10)}${two.padStart(10)}`;
  const sum = (label: 'p50' | 'p90' | 'max') =>
    row(`${label} of ${searches.length} mutations`, String(schedules[label]), ms[label].toFixed(1));
  return [
    row('until a mutation is found by auto', 'schedules', 'ms'),
    sum('p50'),
    sum('p90'),
    sum('max'),
    `found within ${BOUND_MS} ms: ${within} of ${searches.length}${passed ? '' : '; SOME OF THESE TESTS FAILED: npm test says which'}`,
    '',
    row(`the slowest ${Math.min(shown, slowest.length)}`, 'schedules', 'ms'),
    ...slowest
      .slice(0, shown)
      .map(({ name, scenario, found, schedules, ms }) =>
        row(`${found ? '' : 'NOT FOUND '}${scenario}: ${name}`, String(schedules), ms.toFixed(1)),
      ),
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(format(await run()));
