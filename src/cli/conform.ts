import { Command, Option } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import { inTurns, type Pieces } from '../base/turns.ts';
import {
  answersTo,
  type ConformResult,
  conformPieces,
  formatAnswer,
  PROFILES,
  type Profile,
  readVector,
} from '../conformance/index.ts';
import { conformHtml } from '../report/conform-html.ts';
import { conformText } from '../report/conform-text.ts';
import { junitXml } from '../report/junit.ts';
import { conformSuite } from '../report/junit-results.ts';
import { withExamples } from './examples.ts';
import { EXIT, interruptible } from './exit.ts';
import { Outputs } from './outputs.ts';
import { ProgressLine } from './progress-line.ts';
import { print, printResult } from './stdout.ts';

type Flags = { profile: Profile; answers?: boolean; json?: boolean; junit?: string; report?: string };

const EXAMPLES = [
  ['conform its.vec', 'compares with its.expected.jsonl'],
  ['conform its.vec --profile kvm:6.12', 'the answers of an older KVM'],
] as const;

/** `irqloom conform`: runs conformance vectors and compares with the answers recorded beside them. */
export function conformCommand(): Command {
  const command = new Command('conform')
    .summary('run conformance vectors of the GICv3 and ITS, and compare with recorded answers')
    .description(
      'Runs each vector on a machine of its own and compares every answer with NAME.expected.jsonl beside NAME.vec.\n' +
        'Exit status 1 if an answer differs, 3 if no answer differs but some could not be given.',
    )
    .argument('<file.vec...>', 'the vectors')
    .addOption(
      new Option(
        '--profile <whose>',
        "whose answers are required: those of a kernel's KVM (kvm is the newest measured), QEMU's as recorded, or the architecture's",
      )
        .choices(PROFILES)
        .default('kvm'),
    )
    .option('--answers', 'only print the answers, in the format of a recording; no recording is needed')
    .option('--json', 'print the result as one JSON object')
    .option('--junit <file>', 'write the result as a JUnit report, for CI')
    .option('--report <file>', 'write the result as one HTML file')
    .action(async (paths: string[], flags: Flags) => {
      process.exitCode = await (flags.answers ? giveAnswers(paths, flags) : compare(paths, flags));
    });
  return withExamples(command, EXAMPLES);
}

async function compare(paths: readonly string[], flags: Flags): Promise<number> {
  const outputs = new Outputs();
  const xml = outputs.open(flags.junit);
  const page = outputs.open(flags.report);
  const start = performance.now();
  const result = await followed(conformPieces(paths, flags.profile), paths);
  printResult(result, flags.json ? undefined : () => conformText(result));
  outputs.plan(xml, () => junitXml(conformSuite(result, (performance.now() - start) / 1000)));
  outputs.plan(page, () => conformHtml(result));
  return outputs.write(exitOf(result));
}

function exitOf({ differ, unsupported, interrupted }: ConformResult): number {
  if (differ > 0) return EXIT.failed;
  if (interrupted) return EXIT.interrupted;
  return unsupported > 0 ? EXIT.noAnswer : EXIT.held;
}

/** Works on one vector after the other, with a line of progress; Ctrl-C ends the work between two vectors. */
async function followed<T>(pieces: Pieces<T>, paths: readonly string[]): Promise<T> {
  const line = new ProgressLine();
  const progress = (done: number) => line.show(() => `vector ${done + 1} of ${paths.length}: ${paths[done]}`);
  try {
    return await interruptible((signal) => inTurns(pieces, { signal, progress }));
  } finally {
    line.clear();
  }
}

async function giveAnswers(paths: readonly string[], { profile, junit, report }: Flags): Promise<number> {
  if (junit !== undefined || report !== undefined)
    throw new IrqError(
      'ERR_USAGE',
      '--junit and --report are of a comparison, and --answers makes none: leave them out',
    );
  const vectors = paths.map(readVector);
  return followed(answerPieces(), paths);

  function* answerPieces(): Pieces<number> {
    for (const [done, vector] of vectors.entries()) {
      if (yield done) return EXIT.interrupted;
      print(`${answersTo(vector, profile).map(formatAnswer).join('\n')}\n`);
    }
    return EXIT.held;
  }
}
