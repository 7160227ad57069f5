import { Command } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import { didYouMean } from '../base/suggestion.ts';
import { GUESTS, type GuestTest, runGuests } from '../conformance/index.ts';
import { guestsHtml } from '../report/guests-html.ts';
import { guestsText } from '../report/guests-text.ts';
import { junitXml } from '../report/junit.ts';
import { guestsSuite } from '../report/junit-results.ts';
import { withExamples } from './examples.ts';
import { EXIT, interruptible } from './exit.ts';
import { Outputs } from './outputs.ts';
import { ProgressLine } from './progress-line.ts';
import { printResult, printText } from './stdout.ts';

type Flags = { json?: boolean; list?: boolean; junit?: string; report?: string };

const EXAMPLES = [
  ['guests', 'all of them'],
  ['guests ipi-self --json', 'one, as JSON'],
] as const;

/** `irqloom guests`: guests that make the checks of public test suites, on real threads. */
export function guestsCommand(): Command {
  const command = new Command('guests')
    .summary('run guests with the checks of kvm-unit-tests and the kernel selftests')
    .description(
      'Runs each guest with every vCPU in a worker thread, and compares the delivered interrupts with the expected ones: exit status 1 where a guest fails.',
    )
    .argument('[name...]', 'guests to run (default: all)')
    .option('--list', 'list the guests, a line each')
    .option('--json', 'print the result as one JSON object')
    .option('--junit <file>', 'write the result as a JUnit report, for CI')
    .option('--report <file>', 'write the result as one HTML file')
    .action(async (names: string[], flags: Flags) => {
      process.exitCode = await guests(chosen(names), flags);
    });
  return withExamples(command, EXAMPLES);
}

function chosen(names: readonly string[]): readonly GuestTest[] {
  if (names.length === 0) return GUESTS;
  const known = GUESTS.map(({ name }) => name);
  return names.map((name) => {
    const found = GUESTS.find((guest) => guest.name === name);
    if (found) return found;
    const near = didYouMean(name, known) || `; there are ${known.join(', ')}`;
    throw new IrqError('ERR_USAGE', `there is no guest "${name}"${near}`);
  });
}

async function guests(selected: readonly GuestTest[], { json, list, junit, report }: Flags): Promise<number> {
  if (list) {
    if ((junit ?? report) !== undefined)
      throw new IrqError('ERR_USAGE', '--list runs no guest: leave out --junit and --report');
    if (json) {
      const listed = selected.map(({ name, about }) => ({ name, about }));
      printResult({ schemaVersion: 1, command: 'guests', guests: listed }, undefined);
      return EXIT.held;
    }
    for (const { name, about } of selected) printText(`${name}: ${about}\n`);
    return EXIT.held;
  }
  const outputs = new Outputs();
  const xml = outputs.open(junit);
  const page = outputs.open(report);
  const line = new ProgressLine();
  let interrupted = false;
  const result = await interruptible(async (signal) => {
    let done = 0;
    const each = ({ name }: { name: string }) => {
      done++;
      line.share(done / selected.length, `${done} of ${selected.length}, ${name}`);
    };
    line.share(0, `0 of ${selected.length}`);
    const ran = await runGuests(selected, { signal, each });
    interrupted = signal.aborted;
    return ran;
  });
  line.clear();
  printResult(result, json ? undefined : () => guestsText(result));
  outputs.plan(xml, () => junitXml(guestsSuite(result)));
  outputs.plan(page, () => guestsHtml(result));
  return outputs.write(result.failed > 0 ? EXIT.failed : interrupted ? EXIT.interrupted : EXIT.held);
}
