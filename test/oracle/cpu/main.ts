import { Command, InvalidArgumentError } from 'commander';
import { batchBytes, MOST_CASES, programOf, RUNNER, writeBatch } from './cases.ts';
import { CLASSES } from './classes.ts';
import { describe, differencesOf, viewOf } from './difference.ts';
import { OwnCore } from './own-core.ts';
import { assembleRunner, runOnQemu } from './qemu.ts';

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}

type Flags = { words: number; seed: number; class?: string; most: number; skip: number };

const program = new Command('oracle --cpu')
  .description(
    'Compares the AArch64 core with QEMU: random instructions and short random programs from the same state.',
  )
  .option('--cpu', 'ask about the core')
  .option('--words <n>', 'words of each class, at least', whole, 100_000)
  .option('--seed <n>', 'what the programs are drawn from', whole, 1)
  .option('--class <name>', `only one class: ${CLASSES.map(({ name }) => name).join(', ')}`)
  .option('--most <n>', 'print at most that many cases that differ', whole, 10)
  .option('--skip <n>', 'begin with that batch', whole, 0);
program.parse();
const flags = program.opts<Flags>();
const kinds = CLASSES.filter(({ name }) => flags.class === undefined || name === flags.class);
if (kinds.length === 0) program.error(`unknown class "${flags.class}"`);

const runner = assembleRunner();
const core = new OwnCore();
const image = new Uint8Array(batchBytes(MOST_CASES));
const view = viewOf(image);
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
