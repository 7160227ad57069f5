import { Command, Option } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import { didYouMean } from '../base/suggestion.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import { formatLog } from '../measure/hdr-log.ts';
import { formatHgrm } from '../measure/hgrm.ts';
import {
  BACKGROUNDS,
  type Background,
  compareRuns,
  type LatencyOptions,
  type LatencyPictures,
  type LatencyResult,
  type Path,
  pathName,
  readSavedRuns,
  readSavedRunsFile,
  runLatency,
  SIGNALS,
  type Signal,
  WAITINGS,
  type Waiting,
} from '../measuring/index.ts';
import { compareRunsText } from '../report/compare-runs-text.ts';
import { latencyHtml } from '../report/latency-html.ts';
import { latencyText } from '../report/latency-text.ts';
import { latencyTrace } from '../report/latency-trace.ts';
import { TOLERANCE_PERCENT } from './compare-runs.ts';
import { withExamples } from './examples.ts';
import { EXIT, interruptible } from './exit.ts';
import type { OutputFile } from './output-file.ts';
import { Outputs } from './outputs.ts';
import { checkOwnFiles, hasOwnCode, ownCodeOptions } from './own-code.ts';
import { ProgressLine } from './progress-line.ts';
import { printResult, printText } from './stdout.ts';
import { number, wholeNumber } from './values.ts';

type Flags = {
  source?: readonly Signal[];
  dispatch: Dispatch | 'both';
  waiting: Waiting | 'both';
  vcpus: number;
  devices: number;
  samples: number;
  boots: number;
  rate: number;
  background: Background;
  others: number;
  handler: number;
  seconds: number;
  requireSteady?: boolean;
  guest?: string;
  device?: string;
  shared: number;
  json?: boolean;
  report?: string;
  baseline?: string;
  tolerance: number;
  trace?: string;
  hgrm?: string;
  hdrLog?: string;
};

const EXAMPLES = [
  ['latency --source irqfd --dispatch inline', 'one way to signal, in detail'],
  ['latency --guest guest.mjs --json', 'your own handler; a result to save, for compare-runs and --baseline'],
] as const;

/** `irqloom latency`: how long an interrupt takes, and each stage's share, beside the limits of the host. */
export function latencyCommand(): Command {
  const command = new Command('latency')
    .summary('measure how long an interrupt takes, stage by stage, beside the limits of the machine')
    .description(
      'Measures the way of an interrupt from the signal to the handler and its end, for every way of giving the signal, dispatched in the signalling thread or by the main one, to a vCPU that polls or is parked. The machine is calibrated in the same run; figures are absolute and multiples of that.',
    )
    .option('--source <list>', `ways to signal, of ${SIGNALS.join(', ')} (default: all)`, sources)
    .addOption(
      new Option(
        '--dispatch <where>',
        'threads that route a signal: the signalling thread (inline), the main thread, or both',
      )
        .choices(['both', 'inline', 'main'])
        .default('both'),
    )
    .addOption(
      new Option('--waiting <how>', 'how an idle vCPU waits').choices(['both', ...WAITINGS]).default('both'),
    )
    .option('-v, --vcpus <n>', 'vCPUs that are measured', wholeNumber(1, 64), 1)
    .option('-d, --devices <n>', 'device threads, each with a line to each vCPU', wholeNumber(1, 64), 1)
    .option('-n, --samples <n>', 'signals of each path', wholeNumber(1, 10_000_000), 1000)
    .option('--boots <n>', 'machines to boot and measure, one after the other', wholeNumber(1, 100), 6)
    .option(
      '--rate <n>',
      'signals a second of all devices, corrected for coordinated omission; 0: a closed loop',
      number(0, 1e7, 'signals a second'),
      0,
    )
    .addOption(
      new Option('--background <what>', 'the work of other vCPUs meanwhile')
        .choices(BACKGROUNDS)
        .default('none'),
    )
    .option('--others <n>', 'how many other vCPUs there are for that', wholeNumber(1, 64), 1)
    .option('--handler <us>', 'how long a handler runs', number(0, 1e6, 'microseconds'), 0)
    .option('-s, --seconds <n>', 'begin no new measurement after so long', number(0.1, 86_400, 'seconds'), 60)
    .option('--baseline <file>', 'compare with a saved result, and exit with 1 on a regression')
    .option(
      '--tolerance <percent>',
      'how much slower than the baseline is no regression yet',
      number(0, 10_000, 'percent'),
      TOLERANCE_PERCENT,
    )
    .option('--require-steady', 'exit with 3 where the machine was not the same before and after')
    .option('--json', 'print the result as one JSON object')
    .option('--report <file>', 'write a report with pictures as one HTML file')
    .option('--trace <file>', 'write some signals as a trace, for Perfetto and chrome://tracing')
    .option('--hgrm <file>', 'write percentile curves as .hgrm; with several paths a file for each')
    .option('--hdr-log <file>', 'write the histograms as an HdrHistogram log, a tag for each path')
    .action(async (flags: Flags) => {
      process.exitCode = await latency(flags);
    });
  for (const option of ownCodeOptions()) command.addOption(option);
  return withExamples(command, EXAMPLES);
}

async function latency(flags: Flags): Promise<number> {
  const options = optionsOf(flags);
  // Before the measurement: a file that cannot be read must not cost a minute.
  const baseline = flags.baseline === undefined ? undefined : readSavedRunsFile(flags.baseline);
  const outputs = openOutputs(flags, options.paths);
  const line = new ProgressLine();
  line.note(`${options.paths.length} paths; Ctrl-C ends the run and prints the measurements so far`);
  const { result, pictures } = await interruptible((signal) =>
    runLatency(options, {
      signal,
      progress: (share, phase) => line.share(share, phase),
    }),
  );
  line.clear();
  const comparison =
    baseline &&
    compareRuns(baseline, readSavedRuns(JSON.stringify(result), 'this run'), {
      tolerance: flags.tolerance / 100,
      relative: false,
    });
  const whole = comparison ? { ...result, baseline: comparison } : result;
  printResult(whole, flags.json ? undefined : () => latencyText(result));
  if (comparison && !flags.json) {
    printText(`\nA: ${flags.baseline}, B: this run\n${compareRunsText(comparison)}`);
  }
  planOutputs(outputs, result, pictures);
  return outputs.all.write(exitOf(result, comparison, flags.requireSteady));
}

function exitOf(
  result: LatencyResult,
  comparison: { readonly regressions: number } | undefined | '',
  requireSteady = false,
): number {
  if (result.interrupted) return EXIT.interrupted;
  if (requireSteady && !result.calibration.steady) return EXIT.noAnswer;
  if (comparison && comparison.regressions > 0) return EXIT.failed;
  return result.paths.every(({ count }) => count > 0) ? EXIT.held : EXIT.noAnswer;
}

/** The files that were asked for, open. */
type LatencyOutputs = {
  readonly all: Outputs;
  readonly report: OutputFile | undefined;
  readonly trace: OutputFile | undefined;
  readonly hdrLog: OutputFile | undefined;
  /** One for each path that is measured. */
  readonly hgrm: readonly OutputFile[];
};

function openOutputs({ report, trace, hgrm, hdrLog }: Flags, paths: readonly Path[]): LatencyOutputs {
  const all = new Outputs();
  return {
    all,
    report: all.open(report),
    trace: all.open(trace),
    hdrLog: all.open(hdrLog),
    hgrm:
      hgrm === undefined
        ? []
        : paths.map((path) => all.open(paths.length === 1 ? hgrm : nameFor(hgrm, path))),
  };
}

function planOutputs(outputs: LatencyOutputs, result: LatencyResult, pictures: LatencyPictures): void {
  const { all, report, trace, hdrLog, hgrm } = outputs;
  const { paths, seconds } = result;
  const { plan, deliveries, latency: distributions } = pictures;
  all.plan(report, () => latencyHtml(result, pictures));
  all.plan(trace, () => JSON.stringify(latencyTrace(plan, paths, deliveries)));
  for (const [index, distribution] of distributions.entries())
    all.plan(hgrm[index], () => formatHgrm(distribution, { scale: 1000 }));
  all.plan(hdrLog, () => {
    const intervals = distributions.map((distribution, index) => ({
      startSeconds: 0,
      lengthSeconds: seconds,
      tag: tagOf(paths[index]),
      distribution,
    }));
    const log = { epochSeconds: Date.now() / 1000 - seconds, intervals };
    return formatLog(log, ['irqloom latency; ns from the signal to the handler']);
  });
}

function tagOf(path: Path | undefined): string {
  return path ? pathName(path).replaceAll(', ', '-') : 'path';
}

/** `x.hgrm` becomes `x.irqfd-inline-polling.hgrm`. */
function nameFor(file: string, path: Path | undefined): string {
  return file.replace(/(\.[^./\\]*)?$/, (ending) => `.${tagOf(path)}${ending}`);
}

function sources(text: string): Signal[] {
  const named = text.split(',').map((word) => {
    const found = SIGNALS.find((name) => name === word.trim());
    if (found) return found;
    throw new IrqError(
      'ERR_USAGE',
      `--source is a list of ${SIGNALS.join(', ')}, not "${word}"${didYouMean(word, SIGNALS)}`,
    );
  });
  return [...new Set(named)];
}

function optionsOf(flags: Flags): LatencyOptions {
  const { vcpus, devices, samples, boots, rate, background, others, handler, seconds } = flags;
  checkOwn(flags);
  const dispatches: Dispatch[] = flags.dispatch === 'both' ? ['inline', 'main'] : [flags.dispatch];
  const waitings: Waiting[] = flags.waiting === 'both' ? [...WAITINGS] : [flags.waiting];
  // An SGI is a register write of a vCPU: there is nothing for the main thread to do.
  const all = hasOwnCode(flags) ? SIGNALS.filter((signal) => signal !== 'sgi') : SIGNALS;
  const paths = (flags.source ?? all).flatMap((source) =>
    dispatches
      .filter((dispatch) => source !== 'sgi' || dispatch === 'inline')
      .flatMap((dispatch) => waitings.map((waiting): Path => ({ source, dispatch, waiting }))),
  );
  if (paths.length === 0) {
    throw new IrqError(
      'ERR_USAGE',
      'an SGI is sent by a vCPU, never by the main thread: use --dispatch inline',
    );
  }
  return {
    paths,
    vcpus,
    devices,
    samples,
    boots,
    rate,
    background,
    others,
    handlerNs: Math.round(handler * 1000),
    seconds,
    own: { guest: flags.guest, device: flags.device, sharedBytes: flags.shared },
  };
}

/** The flags that exclude code of the user's own. */
function checkOwn(flags: Flags): void {
  checkOwnFiles(flags);
  const { guest, device, handler, rate, source } = flags;
  if (guest !== undefined && handler > 0)
    throw new IrqError(
      'ERR_USAGE',
      '--handler sets the length of the built-in handler: leave --handler out with --guest',
    );
  if (device !== undefined && rate > 0)
    throw new IrqError('ERR_USAGE', '--rate is of our own devices: yours give their signals when they like');
  if (hasOwnCode(flags) && source?.includes('sgi'))
    throw new IrqError(
      'ERR_USAGE',
      '--source sgi measures SGIs of a vCPU of ours, and those of your own code are its own: leave sgi out',
    );
}
