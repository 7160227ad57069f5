import { mkdirSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { Command, InvalidArgumentError } from 'commander';
import { batchBytes, MOST_CASES, programOf, RUNNER, writeBatch } from './cases.ts';
import { CLASSES } from './classes.ts';
import { describe, differencesOf, hashesOf, viewOf } from './difference.ts';
import { OwnCore } from './own-core.ts';
import { assembleRunner, runOnQemu } from './qemu.ts';
import { fileOf, RECORDED, RECORDED_CASES, RECORDED_SEED } from './recorded.ts';

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}

type Flags = { words: number; seed: number; class?: string; most: number; skip: number; record?: boolean };

const program = new Command('oracle --cpu')
  .description(
    'Compares the AArch64 core with QEMU: random instructions and short random programs from the same state.',
  )
  .option('--cpu', 'ask about the core')
  .option('--words <n>', 'words of each class, at least', whole, 100_000)
  .option('--seed <n>', 'what the programs are drawn from', whole, 1)
  .option('--class <name>', `only one class: ${CLASSES.map(({ name }) => name).join(', ')}`)
  .option('--most <n>', 'print at most that many cases that differ', whole, 10)
  .option('--skip <n>', 'begin with that batch', whole, 0)
  .option('--record', "write QEMU's answers to test/data/cpu instead of comparing them");
program.parse();
const flags = program.opts<Flags>();
const kinds = CLASSES.filter(({ name }) => flags.class === undefined || name === flags.class);
if (kinds.length === 0) program.error(`unknown class "${flags.class}"`);

const runner = assembleRunner();
const core = new OwnCore();
const image = new Uint8Array(batchBytes(MOST_CASES));
const view = viewOf(image);
if (flags.record) {
  record();
  process.exit(0);
}
let failed = 0;
for (const kind of kinds) {
  let words = 0;
  let differing = 0;
  let cases = 0;
  for (let index = flags.skip; words < flags.words; index++) {
    image.fill(0);
    image.set(runner, RUNNER);
    writeBatch(view, { kind, seed: flags.seed, index, cases: MOST_CASES });
    for (let number = 0; number < MOST_CASES; number++) words += programOf(view, number).length;
    const qemu = runOnQemu(image, kind.cpu);
    core.clear();
    const found = differencesOf(core.run(image), qemu, MOST_CASES);
    cases += MOST_CASES;
    differing += found.length;
    for (const one of found.slice(0, flags.most)) process.stdout.write(`${describe(one)}\n`);
    if (found.length > 0) process.stdout.write(`  (batch ${index})\n`);
  }
  failed += differing;
  process.stdout.write(
    `${kind.name}: ${words} words in ${cases} programs on ${kind.cpu}, ${differing} differ\n`,
  );
}
process.exitCode = failed === 0 ? 0 : 1;

/** Answers for `test/cpu/vectors.test.ts`. */
function record(): void {
  const bytes = batchBytes(RECORDED_CASES);
  const small = new Uint8Array(bytes);
  mkdirSync(RECORDED, { recursive: true });
  writeFileSync(new URL('runner.bin.gz', RECORDED), gzipSync(runner));
  for (const kind of kinds) {
    small.fill(0);
    small.set(runner, RUNNER);
    writeBatch(viewOf(small), { kind, seed: RECORDED_SEED, index: 0, cases: RECORDED_CASES });
    const hashes = hashesOf(runOnQemu(small, kind.cpu), RECORDED_CASES);
    writeFileSync(new URL(fileOf(kind.name), RECORDED), new Uint8Array(hashes.buffer));
  }
}
