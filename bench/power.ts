/**
 * The faults that a stress run finds: for every mistake of a list, whether a run of the machine with that mistake fails. The
 * benchmark makes each mistake in a built copy of the package, and `irqloom stress` runs there, in as many configurations as
 * the find needs.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { StressResult } from '../src/stress/index.ts';
import { ARCHITECTURE_MISTAKES } from './power/architecture.ts';
import { type Mistake, named } from './power/mistake.ts';
import { Mutant } from './power/mutant.ts';
import { operatorMistakes } from './power/operators.ts';
import { PROTOCOL_MISTAKES } from './power/protocols.ts';
import { testsFind } from './power/tests.ts';

/** A run that takes longer has found something: a thread that never ends. */
const OVERTIME_MS = 120_000;
/** The exit status of a run without an answer. */
const NO_ANSWER = 3;

/** A configuration of `irqloom stress`; `tests` stands for the test files that fit a mistake. */
export type Configuration = { readonly name: string; readonly flags: readonly string[] };

const CONFIGURATIONS = [
  { name: 'default', flags: [] },
  { name: 'inline', flags: ['--dispatch', 'inline'] },
  { name: 'thorough', flags: ['--thorough'] },
  { name: 'tests', flags: [] },
] as const satisfies readonly Configuration[];

/** Lists of mistakes: in protocols between threads, in rules of the architecture, and made by rule at places of a seed. */
const LISTS = {
  protocols: () => named(PROTOCOL_MISTAKES),
  architecture: () => named(ARCHITECTURE_MISTAKES),
  operators: () => operatorMistakes(OPERATOR_SEED, OPERATORS),
} as const satisfies Record<string, () => readonly Mistake[] | Promise<readonly Mistake[]>>;
type ListName = keyof typeof LISTS;

/** The seed of the mistakes that are made by rule, and how many there are. */
export const OPERATOR_SEED = 14;
export const OPERATORS = 48;

/** The result of one run: `null` where the mistake survived, or the run's message. */
export type Finding = {
  readonly configuration: string;
  readonly found: string | null;
  readonly seconds: number;
};

export type Power = {
  readonly seed: number;
  readonly lists: readonly string[];
  readonly configurations: readonly string[];
  readonly rows: readonly { readonly mistake: Mistake; readonly findings: readonly Finding[] }[];
};

export type PowerOptions = {
  readonly seed: number;
  /** Names of the configurations to run; `default` where none is said. */
  readonly configurations: readonly string[];
  /** Names of the lists; all where none is said. */
  readonly lists: readonly string[];
  /** Text that the guard or the file of a mistake has to contain; or several, of which one has to be there: `one|other`. */
  readonly only: string;
  readonly flags: readonly string[];
};

/** Options of a command line: `--seed N`, `--only TEXT`, `--in NAME,NAME`, `--list NAME,NAME`, and after `--` more flags for every run. */
export function optionsFrom(args: readonly string[]): PowerOptions {
  const after = args.indexOf('--');
  const own = after < 0 ? args : args.slice(0, after);
  const value = (name: string) => own[own.indexOf(name) + 1];
  return {
    seed: own.includes('--seed') ? Number(value('--seed')) : 1,
    configurations: own.includes('--in') ? (value('--in') ?? '').split(',') : ['default'],
    lists: own.includes('--list') ? (value('--list') ?? '').split(',') : Object.keys(LISTS),
    only: own.includes('--only') ? (value('--only') ?? '') : '',
    flags: after < 0 ? [] : args.slice(after + 1),
  };
}

export async function run({ seed, only, flags, configurations, lists }: PowerOptions): Promise<Power> {
  const unknown = configurations.find((name) => !CONFIGURATIONS.some((each) => each.name === name));
  if (unknown !== undefined)
    throw new Error(`there is no configuration "${unknown}": default, inline, thorough, tests`);
  const unknownList = lists.find((name) => !Object.hasOwn(LISTS, name));
  if (unknownList !== undefined)
    throw new Error(`there is no list "${unknownList}": ${Object.keys(LISTS).join(', ')}`);
  const mistakes: Mistake[] = [];
  for (const name of lists) mistakes.push(...(await LISTS[name as ListName]()));
  const wanted = CONFIGURATIONS.filter(({ name }) => configurations.includes(name));
  const mutant = await Mutant.create(wanted.some(({ name }) => name === 'tests'));
  const tests = new Tests(mutant.folder);
  const rows: Power['rows'][number][] = [];
  try {
    // A test that fails without a mistake would find every mistake.
    for (const configuration of wanted) {
      if (configuration.name === 'tests') continue;
      const { found } = await stress(mutant.program, configuration, seed, flags);
      if (found !== null) throw new Error(`${configuration.name} fails without a mistake: ${found}`);
    }
    for (const mistake of mistakes) {
      if (!only.split('|').some((text) => `${mistake.guard} ${mistake.file}`.includes(text))) continue;
      if (wanted.some(({ name }) => name === 'tests')) await tests.check(mistake);
      const findings = await mutant.with(mistake, async () => {
        const found: Finding[] = [];
        for (const configuration of wanted)
          found.push(
            configuration.name === 'tests'
              ? await tests.find(mistake)
              : await stress(mutant.program, configuration, seed, flags),
          );
        return found;
      });
      rows.push({ mistake, findings });
      process.stderr.write(`${rowText({ mistake, findings })}\n`);
    }
  } finally {
    await mutant.remove();
  }
  return { seed, lists, configurations: wanted.map(({ name }) => name), rows };
}

/** By file: the results of the fitting tests without a mistake. A test that fails then would find every mistake. */
class Tests {
  readonly #folder: string;
  readonly #without = new Map<string, string | null>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** To be called without a mistake in the copy. @throws Error where the tests that fit a file fail then */
  async check({ file }: Mistake): Promise<void> {
    const found = this.#without.has(file) ? this.#without.get(file) : await testsFind(this.#folder, file);
    this.#without.set(file, found ?? null);
    if (found) throw new Error(`the tests of src/${file} fail without a mistake: ${found}`);
  }

  async find({ file }: Mistake): Promise<Finding> {
    const start = performance.now();
    const found = await testsFind(this.#folder, file);
    return { configuration: 'tests', found, seconds: (performance.now() - start) / 1000 };
  }
}

/** Runs stress in a copy. A run without an answer may be the machine's doing: only a second one like that counts as found. */
async function stress(
  program: string,
  { name, flags }: Configuration,
  seed: number,
  more: readonly string[],
): Promise<Finding> {
  const start = performance.now();
  const args = [program, 'stress', '--json', '--seed', String(seed), ...flags, ...more];
  let run = await once(args);
  if (run.code === null || run.code === NO_ANSWER) run = await once(args);
  const { code, output, errors } = run;
  const seconds = (performance.now() - start) / 1000;
  return { configuration: name, found: code === 0 ? null : whatWasFound(code, output, errors), seconds };
}

type Run = { readonly code: number | null; readonly output: string; readonly errors: string };

async function once(args: readonly string[]): Promise<Run> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.on('data', (data) => (output += String(data)));
  child.stderr.on('data', (data) => (errors += String(data)));
  const code = await new Promise<number | null>((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), OVERTIME_MS);
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve(status);
    });
  });
  return { code, output, errors };
}

function whatWasFound(code: number | null, output: string, errors: string): string {
  if (code === null) return 'never ended';
  try {
    const { lost, misrouted, spurious, stranded, rules } = JSON.parse(output) as StressResult;
    const counts = Object.entries({
      lost,
      misrouted,
      spurious,
      stranded,
      'rules broken': rules?.broken ?? 0,
    });
    return counts.flatMap(([name, count]) => ((count ?? 0) > 0 ? [`${name} ${count}`] : [])).join(', ');
  } catch {
    return /ERR_[A-Z_]+/.exec(errors)?.[0] ?? `exit ${code}`;
  }
}

function rowText({ mistake, findings }: Power['rows'][number]): string {
  const cells = findings.map(({ found }) => (found ?? '–').slice(0, 28).padEnd(30));
  return `${mistake.guard.slice(0, 78).padEnd(80)}${cells.join('')}`;
}

export function format({ seed, lists, configurations, rows }: Power): string {
  const found = rows.filter(({ findings }) => findings.some((each) => each.found !== null)).length;
  const by = configurations.map((name, index) => {
    const count = rows.filter(({ findings }) => (findings[index]?.found ?? null) !== null).length;
    return `${name} ${count}`;
  });
  return [
    `${'guard: mistake'.padEnd(80)}${configurations.map((name) => name.padEnd(30)).join('')}`,
    ...rows.map(rowText),
    `found ${found} of ${rows.length} mistakes (${lists.join(', ')}): ${by.join(', ')}; seed ${seed}`,
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  console.log(format(await run(optionsFrom(process.argv.slice(2)))));
