import { Command } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import { didYouMean } from '../base/suggestion.ts';
import { type CompareResult, runCompare } from '../debate/index.ts';
import { compareFindings } from '../report/compare-findings.ts';
import { compareHtml } from '../report/compare-html.ts';
import { compareText } from '../report/compare-text.ts';
import { DESIGN_NAMES, type DesignName } from '../vmm/design.ts';
import { withExamples } from './examples.ts';
import { EXIT, interruptible } from './exit.ts';
import { Outputs } from './outputs.ts';
import { ProgressLine } from './progress-line.ts';
import { printResult } from './stdout.ts';
import { number, wholeNumber } from './values.ts';

type Flags = {
  abi?: readonly DesignName[];
  vcpus: number;
  devices: number;
  events: number;
  seconds: number;
  json?: boolean;
  report?: string;
};

const EXAMPLES = [
  ['compare --abi merged,rfc', 'two designs'],
  ['compare --seconds 60 --report compare.html', 'all designs, longer, as a page with pictures'],
] as const;

/** `irqloom compare`: the designs of the 2015 debate on one machine, with figures. */
export function compareCommand(): Command {
  const command = new Command('compare')
    .summary('compare the designs of the 2015 debate: latency, rate, memory, cost and fate of changes')
    .description(
      'Runs the same devices and the same guest under each design of the debate about KVM’s interrupt ABI on arm64, dispatched inline and by the main thread: latency and rate on real threads, what an injection touches, what a source costs, what a change of one vector costs with 16 to 4,096 of them, what becomes of signals meanwhile, and which names each party must know. Each design is measured twice, to say what differences mean nothing.',
    )
    .option('--abi <list>', `designs, of ${DESIGN_NAMES.join(', ')} (default: all)`, designs)
    .option('-v, --vcpus <n>', 'vCPUs, each a worker thread', wholeNumber(1, 64), 1)
    .option('-d, --devices <n>', 'device threads', wholeNumber(1, 64), 1)
    .option('-e, --events <n>', 'events (MSI vectors) of each device', wholeNumber(1, 900), 16)
    .option('-s, --seconds <n>', 'how long to signal, in all', number(0.1, 86_400, 'seconds'), 16)
    .option('--json', 'print the result as one JSON object')
    .option('--report <file>', 'write a report with pictures as one HTML file')
    .action(async (flags: Flags) => {
      process.exitCode = await compare(flags);
    });
  return withExamples(command, EXAMPLES);
}

async function compare({ json, report, abi = DESIGN_NAMES, ...topology }: Flags): Promise<number> {
  const outputs = new Outputs();
  const page = outputs.open(report);
  const line = new ProgressLine();
  line.note('Ctrl-C ends the run and prints the designs that are done');
  const result = await interruptible((signal) =>
    runCompare(
      { ...topology, abi },
      {
        signal,
        progress: (share, what) => line.share(share, what),
      },
    ),
  );
  line.clear();
  const printed = { ...result, findings: compareFindings(result) };
  printResult(printed, json ? undefined : () => compareText(result));
  outputs.plan(page, () => compareHtml(result));
  return outputs.write(exitOf(result));
}

function exitOf({ designs, interrupted }: CompareResult): number {
  const broken = designs.some(({ dispatch: { main, inline } }) => main.violations + inline.violations > 0);
  if (broken) return EXIT.failed;
  if (interrupted) return EXIT.interrupted;
  return designs.every(({ dispatch }) => dispatch.inline.signals > 0) ? EXIT.held : EXIT.noAnswer;
}

function designs(text: string): DesignName[] {
  const names = text.split(',').map((word) => {
    const found = DESIGN_NAMES.find((name) => name === word.trim());
    if (found) return found;
    throw new IrqError(
      'ERR_USAGE',
      `--abi is a list of ${DESIGN_NAMES.join(', ')}, not "${word}"${didYouMean(word, DESIGN_NAMES)}`,
    );
  });
  return [...new Set(names)];
}
