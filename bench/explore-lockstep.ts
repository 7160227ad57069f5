/**
 * The explorer's executors with real threads: the cost of an operation in lockstep, with the threads on all cores and on
 * one, and how many runs a second free threads do.
 */
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { checkScenario, type ScenarioSource, type Step } from '../src/explore/index.ts';
import { runFree } from '../src/explore/real/free.ts';
import { Lockstep } from '../src/explore/real/lockstep.ts';
import { litmus } from '../src/races/litmus/names.ts';
import { table } from '../src/report/table.ts';

/** One program under one chance of switching threads at each step: µs for an operation, all included. */
type Row = { readonly program: string; readonly switching: number; readonly usPerOperation: number };
type Measured = {
  readonly cores: number;
  readonly lockstep: readonly Row[];
  readonly freeRunsPerSecond: number;
};

/** On all cores; and on one, where the system has taskset, else why not. */
export type WorkerPoolResult = { readonly all: Measured; readonly pinned: Measured | string };

const PROGRAMS = ['add-2x10', 'add-3x10', 'add-2x500', 'add-3x500'] as const;
const MS = 300;
const BOUND_MS = 60_000;

export async function run(): Promise<WorkerPoolResult> {
  const all = await measure();
  try {
    const self = fileURLToPath(import.meta.url);
    const { stdout } = await promisify(execFile)('taskset', ['-c', '0', process.execPath, self], {
      timeout: BOUND_MS,
    });
    return { all, pinned: JSON.parse(stdout) as Measured };
  } catch (error) {
    return { all, pinned: error instanceof Error ? error.message : String(error) };
  }
}

export function format({ all, pinned }: WorkerPoolResult): string {
  const one = typeof pinned === 'string' ? undefined : pinned;
  const rows = all.lockstep.map(({ program, switching, usPerOperation }, i) => [
    program,
    String(switching),
    usPerOperation.toFixed(2),
    one?.lockstep[i]?.usPerOperation.toFixed(2) ?? '–',
  ]);
  return [
    'lockstep: µs for one operation, a schedule after the other, without a trace',
    table(['program', 'chance to switch', `${all.cores} cores`, 'one core'], rows),
    '',
    `free: ${all.freeRunsPerSecond.toLocaleString('en-US')} runs/s of lost-update-2x1 (one core: ${one?.freeRunsPerSecond.toLocaleString('en-US') ?? '–'})`,
    ...(typeof pinned === 'string' ? [`not measured on one core: ${pinned}`] : []),
  ].join('\n');
}

async function measure(): Promise<Measured> {
  const lockstep: Row[] = [];
  for (const program of PROGRAMS) {
    for (const switching of [0.5, 0.1]) {
      lockstep.push({ program, switching, usPerOperation: await measureLockstep(program, switching) });
    }
  }
  const free = await runFree(checkScenario(litmus('lost-update-2x1')), sourceOf('lost-update-2x1'), {
    runs: 20_000,
    seconds: 5,
  });
  return { cores: availableParallelism(), lockstep, freeRunsPerSecond: free.runsPerSecond };
}

function sourceOf(name: string): ScenarioSource {
  const module = new URL('../src/races/litmus/names.js', import.meta.url).href;
  return { module, name: 'litmus', arguments: [name] };
}

async function measureLockstep(name: string, switching: number): Promise<number> {
  const scenario = checkScenario(litmus(name));
  const lockstep = await Lockstep.start(scenario, sourceOf(name));
  try {
    const schedule = randomSchedule(scenario.bodies.length, Number(name.split('x')[1]), switching);
    for (let i = 0; i < 3; i++) lockstep.run(schedule, false);
    const from = performance.now();
    let runs = 0;
    while (performance.now() - from < MS) {
      const { diverged, failure } = lockstep.run(schedule, false);
      if (diverged !== undefined || failure !== undefined) throw new Error(`${name} went another way`);
      runs++;
    }
    return ((performance.now() - from) * 1000) / (runs * schedule.length);
  } finally {
    await lockstep.close();
  }
}

/** A schedule of adds that goes to another thread at each step with that chance; always the same. */
function randomSchedule(threads: number, each: number, switching: number): Step[] {
  const left = new Array<number>(threads).fill(each);
  const steps: Step[] = [];
  let seed = 1;
  const chance = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 4294967296;
  };
  for (let current = 0; steps.length < threads * each; ) {
    const able = left.flatMap((n, t) => (n > 0 ? [t] : []));
    if (left[current] === 0 || chance() < switching) current = able[Math.floor(chance() * able.length)] ?? 0;
    left[current] = (left[current] ?? 1) - 1;
    steps.push({ thread: current, op: 'add', buffer: 0, byteOffset: 0, size: 4 });
  }
  return steps;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(await measure()));
