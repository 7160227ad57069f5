/**
 * `npm run oracle:riscv -- [SEQUENCES [SEED]] [--record]`: asks KVM of a live riscv64 kernel the recorded calls and fresh random sequences,
 * and compares with this code. `--record` writes the recordings anew. Exits 1 where an answer differs.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LiveKernel } from '../live-kernel.ts';
import { prepareRiscv } from './kernel.ts';
import { randomCommands } from './random.ts';
import { KernelReplay } from './replay.ts';

/** `npm` runs a script in the repository's folder. */
const FOLDER = join('test', 'data', 'kvm', 'riscv64-7.2');
const STEPS = 60;

const given = process.argv.slice(2).filter((each) => !each.startsWith('--'));
const [sequences = 20, seed = 1] = given.map(Number);
const recorded = readFileSync(join(FOLDER, 'calls.txt'), 'utf8').split('\n');
const commands = {
  calls: recorded.map((line) => line.split(' -> ')[0] ?? '').filter((command) => command !== ''),
  random: Array.from({ length: sequences }, (_, n) => randomCommands(seed + n, STEPS)).flat(),
};

const kernel = new LiveKernel(prepareRiscv());
let answers = 0;
let differ = 0;
for (const [name, list] of Object.entries(commands)) {
  const replay = new KernelReplay();
  const lines = list.map((command) => {
    const here = replay.answer(command);
    if (command.startsWith('N')) {
      kernel.send(command);
      return command;
    }
    const there = kernel.ask(command);
    answers++;
    if (here !== undefined && here !== there) {
      differ++;
      process.stdout.write(`${name}: ${command}: the kernel says ${there}, this code ${here}\n`);
    }
    return `${command} -> ${there}`;
  });
  if (process.argv.includes('--record')) writeFileSync(join(FOLDER, `${name}.txt`), `${lines.join('\n')}\n`);
}
process.stdout.write(
  `${kernel.release}: ${answers} answers, ${differ} differ; ${sequences} random sequences from seed ${seed}\n`,
);
kernel.stop();
process.exitCode = differ > 0 ? 1 : 0;
