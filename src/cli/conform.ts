import { Command, Option } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import {
  answersTo,
  conform,
  formatAnswer,
  PROFILES,
  type Profile,
  readVector,
} from '../conformance/index.ts';
import { conformHtml } from '../report/conform-html.ts';
import { conformText } from '../report/conform-text.ts';
import { junitXml } from '../report/junit.ts';
import { conformSuite } from '../report/junit-results.ts';
import { EXIT } from './exit.ts';
import { Outputs } from './outputs.ts';
import { print } from './stdout.ts';

type Flags = { profile: Profile; answers?: boolean; json?: boolean; junit?: string; report?: string };

/** `irqloom conform`: runs conformance vectors and compares with the answers recorded beside them. */
export function conformCommand(): Command {
  return new Command('conform')
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
    .option(
      '--answers',
      'compare nothing: print the answers, as a recording has them; no recording is needed',
    )
    .option('--json', 'print the result as one JSON object')
    .option('--junit <file>', 'write the result as a JUnit report, for CI')
    .option('--report <file>', 'write the result as one HTML file')
    .action((paths: string[], flags: Flags) => {
      if (flags.answers) {
        if (flags.junit !== undefined || flags.report !== undefined)
          throw new IrqError(
            'ERR_USAGE',
            '--junit and --report are of a comparison, and --answers makes none: leave them out',
          );
        printAnswers(paths, flags.profile);
        return;
      }
      const outputs = new Outputs();
      const xml = outputs.open(flags.junit);
      const page = outputs.open(flags.report);
      const start = performance.now();
      const result = conform(paths, flags.profile);
      print(flags.json ? `${JSON.stringify(result)}\n` : conformText(result));
      outputs.plan(xml, () => junitXml(conformSuite(result, (performance.now() - start) / 1000)));
      outputs.plan(page, () => conformHtml(result));
      const status = result.differ > 0 ? EXIT.failed : result.unsupported > 0 ? EXIT.noAnswer : EXIT.held;
      process.exitCode = outputs.write(status);
    });
}

function printAnswers(paths: readonly string[], profile: Profile): void {
  for (const vector of paths.map(readVector))
    print(`${answersTo(vector, profile).map(formatAnswer).join('\n')}\n`);
}
