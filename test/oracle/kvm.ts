import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Asked, ask, type Difference } from './difference.ts';
import { KERNEL_NAMES, type KernelName, prepare } from './kernels.ts';
import { LiveKernel } from './live-kernel.ts';
import { randomVector } from './random-vector.ts';
import { DRAWN, record, recordV2, recordVectors } from './recordings.ts';
import { shrink } from './shrink.ts';

type Flags = {
  random: number;
  seed: number;
  from: number;
  kernel: KernelName;
  most: number;
  shrink: boolean;
  vector?: string[];
  record?: boolean;
  keep?: boolean;
};

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}

const program = new Command('oracle')
  .description(
    'Compares the model with the KVM of a real kernel, booted under emulation. Sets itself up from Debian packages.',
  )
  .option('--random <n>', 'how many random vectors to ask', whole, 0)
  .option('--vector <file...>', 'ask these vectors, and compare; with --record, write their answers only')
  .option('--record', 'ask every vector of the tests, and write the answers to test/data/kvm/VERSION')
  .option('--keep', 'write random vectors to test/data/kvm/vectors, to be recorded; asks nothing')
  .option('--seed <n>', 'what the random vectors are drawn from', whole, 1)
  .option('--from <n>', 'the number of the first vector', whole, 0)
  .addOption(
    new Option('--kernel <version>', 'which kernel').choices(KERNEL_NAMES).default(KERNEL_NAMES.at(-1)),
  )
  .option('--most <n>', 'stop after that many vectors that differ', whole, 1)
  .option('--no-shrink', 'print vectors as they were drawn');
program.parse();
const flags = program.opts<Flags>();

const PROFILE = `kvm:${flags.kernel}` as const;

if (flags.keep) {
  for (const file of flags.vector ?? []) compare(file, readFileSync(file, 'utf8'));
  for (let index = flags.from; index < flags.from + flags.random; index++) {
    const name = `random-${flags.seed}-${String(index).padStart(3, '0')}.vec`;
    writeFileSync(join(DRAWN, name), randomVector(flags.seed, index, flags.kernel));
  }
  process.exit();
}

const kernel = new LiveKernel(prepare(flags.kernel));
process.stderr.write(`oracle: Linux ${kernel.release}, seed ${flags.seed}\n`);
const began = Date.now();
let answers = 0;
let differ = 0;
let asked = 0;
try {
  const { vector: files = [] } = flags;
  if (flags.record) {
    const recorded =
      files.length > 0
        ? recordVectors(kernel, flags.kernel, files)
        : record(kernel, flags.kernel) + recordOnV2();
    process.stdout.write(`${recorded} answers recorded\n`);
  }
  for (const file of files) compare(file, readFileSync(file, 'utf8'));
  for (let index = flags.from; index < flags.from + flags.random && differ < flags.most; index++) {
    const again = `npm run oracle -- --random 1 --seed ${flags.seed} --from ${index} --kernel ${flags.kernel}`;
    compare(`vector ${index}; again: ${again}`, randomVector(flags.seed, index, flags.kernel));
    if (asked % 50 === 0)
      process.stderr.write(`oracle: ${asked} vectors, ${answers} answers, ${differ} differ\n`);
  }
} finally {
  kernel.stop();
}
const seconds = ((Date.now() - began) / 1000).toFixed(0);
process.stdout.write(
  `${asked} vectors, ${answers} answers, ${differ} vectors differ from Linux ${kernel.release} (${seconds} s)\n`,
);
process.exitCode = differ > 0 ? 1 : 0;

/** Asks the kernel and the model. @param name - of the vector, for reports */
function compare(name: string, text: string): void {
  const outcome = ask(kernel, text, PROFILE);
  answers += outcome.answers;
  asked++;
  const complaints = kernel.complaints.splice(0);
  if (complaints.length > 0) process.stderr.write(`oracle: ${name}: ${complaints.join(' | ')}\n`);
  if (outcome.differences.length === 0) return;
  differ++;
  report(name, text, outcome);
}

/** What a GICv2 is asked, of a kernel whose host has one. */
function recordOnV2(): number {
  const host = new LiveKernel(prepare(flags.kernel), 1, 2);
  try {
    return recordV2(host, flags.kernel);
  } finally {
    host.stop();
  }
}

function report(name: string, text: string, { differences }: Asked): void {
  const last = Math.min(...differences.map(({ line }) => line));
  const still = (candidate: string) => ask(kernel, candidate, PROFILE).differences.length > 0;
  const smallest = flags.shrink ? shrink(text, last, still) : text;
  const shown = flags.shrink ? ask(kernel, smallest, PROFILE).differences : differences;
  process.stdout.write(`# ${name}\n${smallest}${shown.map(line).join('')}\n`);
}

function line({ line: at, step, kernel: real, model }: Difference): string {
  return `# line ${at}: ${step}\n#   kernel ${real}\n#   model  ${model}\n`;
}
