/**
 * `npm run fuzz -- --seconds N | --inputs N --seed N --target NAME --keep`: mutates inputs of every parser, guided by the blocks that
 * V8 has run. An input must be read, or refused by an error with a code, within a bound.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { corpusFile, corpusOf } from './corpus.ts';
import { type FuzzAnswer, type FuzzTask, STATE_HEAD, tryInput } from './fuzz.ts';
import { MOST_BYTES } from './mutations.ts';
import { TARGETS } from './targets.ts';

/** The most of the processor that one input may take; and the longest time, for an input that sleeps. */
const HANG_CPU_MS = 10_000;
const HANG_MS = 120_000;
const LOOK_MS = 500;
const STATE_BYTES = STATE_HEAD + MOST_BYTES;
/** Inputs that are kept for a target, the shortest, and the longest of these. */
const MOST_KEPT = 40;
const MOST_KEPT_BYTES = 2048;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    inputs: { type: 'string' },
    seed: { type: 'string' },
    target: { type: 'string', multiple: true },
    input: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});

const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
/** Inputs of each target; where given, the time is no bound. */
const inputs = values.inputs === undefined ? undefined : Number(values.inputs);
const names = values.target ?? TARGETS.map(({ name }) => name);
const unknown = names.find((name) => !TARGETS.some((target) => target.name === name));

/** Fuzzes one target; a worker that does not get on is ended, and its input is the crash. */
function fuzzed(target: string): Promise<FuzzAnswer> {
  const state = new SharedArrayBuffer(STATE_BYTES);
  const counters = new Int32Array(state, 0, STATE_HEAD / 4);
  const task: FuzzTask = {
    target,
    seed,
    seconds: seconds / names.length,
    state,
    ...(inputs === undefined ? {} : { inputs }),
  };
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: task });
    let before = 0;
    let since = performance.now();
    let cpu = process.cpuUsage();
    const look = setInterval(() => {
      const inputs = Atomics.load(counters, 0);
      if (inputs !== before) {
        before = inputs;
        since = performance.now();
        cpu = process.cpuUsage();
      } else if (inputs > 0 && (cpuMs(cpu) > HANG_CPU_MS || performance.now() - since > HANG_MS)) {
        const input = new Uint8Array(state, STATE_HEAD).slice(0, Atomics.load(counters, 1));
        const crash = {
          input,
          error: `the input was not read within ${HANG_CPU_MS} ms of the processor, or ${HANG_MS} ms`,
        };
        resolve({ inputs, taken: 0, blocks: 0, kept: [], crash });
        void worker.terminate();
      }
    }, LOOK_MS);
    worker.on('message', resolve);
    worker.on('error', reject);
    worker.on('exit', () => clearInterval(look));
  });
}

/** Time of the processor that this process has taken since, ms. */
function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

function keep(target: string, kept: readonly Uint8Array[]): void {
  const short = [...corpusOf(target), ...kept]
    .filter(({ length }) => length <= MOST_KEPT_BYTES)
    .sort((a, b) => a.length - b.length)
    .map((input) => Buffer.from(input).toString('base64'));
  if (short.length > 0)
    writeFileSync(corpusFile(target), `${[...new Set(short)].slice(0, MOST_KEPT).join('\n')}\n`);
}

async function main(): Promise<number> {
  if (
    unknown !== undefined ||
    !(seconds > 0) ||
    !Number.isInteger(seed) ||
    !(inputs === undefined || inputs > 0)
  ) {
    console.error(
      `usage: --seconds N | --inputs N; --seed N --target NAME --keep; targets: ${TARGETS.map(({ name }) => name).join(', ')}`,
    );
    return 2;
  }
  if (values.input !== undefined) {
    const target = TARGETS.find(({ name }) => name === names[0]);
    const outcome = target && tryInput(target, readFileSync(values.input));
    console.log(outcome instanceof Error ? outcome.stack : outcome);
    return outcome instanceof Error ? 1 : 0;
  }
  console.log(
    `seed ${seed}, ${inputs === undefined ? `${seconds} s for ${names.length} targets` : `${inputs} inputs for each of ${names.length} targets`}`,
  );
  let status = 0;
  for (const name of names) {
    const { inputs, taken, blocks, kept, crash } = await fuzzed(name);
    console.log(
      `${name.padEnd(10)} ${String(inputs).padStart(8)} inputs, ${String(taken).padStart(7)} taken, ${String(blocks).padStart(5)} blocks, ${kept.length} kept${crash ? '  FAILED' : ''}`,
    );
    if (values.keep) keep(name, kept);
    if (crash === null) continue;
    status = 1;
    console.log(`  ${crash.error.split('\n').slice(0, 6).join('\n  ')}`);
    const file = join(tmpdir(), `irqloom-fuzz-${name}-${seed}.bin`);
    writeFileSync(file, crash.input);
    console.log(`  to repeat this: npm run fuzz -- --target ${name} --input ${file}`);
  }
  return status;
}

process.exitCode = await main();
