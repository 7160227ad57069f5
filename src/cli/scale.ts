import { Command, InvalidArgumentError, Option } from 'commander';
import { DISPATCHES } from '../board/config.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import { runScale } from '../measuring/index.ts';
import { scaleHtml } from '../report/scale-html.ts';
import { scaleText } from '../report/scale-text.ts';
import { withExamples } from './examples.ts';
import { EXIT, interruptible } from './exit.ts';
import { Outputs } from './outputs.ts';
import { checkOwnFiles, ownCodeOptions } from './own-code.ts';
import { ProgressLine } from './progress-line.ts';
import { printResult } from './stdout.ts';
import { number, wholeNumber } from './values.ts';

type Flags = {
  vcpus: readonly number[];
  devices: readonly number[];
  lpis: readonly number[];
  baseVcpus: number;
  baseDevices: number;
  baseLpis: number;
  dispatch: Dispatch;
  seconds: number;
  guest?: string;
  device?: string;
  shared: number;
  json?: boolean;
  report?: string;
};

const EXAMPLES = [
  ['scale --vcpus 1,2,4 --devices none --lpis none', 'vCPUs alone'],
  ['scale --seconds 0.5 --report scale.html', 'all three sweeps, as a page with pictures'],
] as const;

/** `irqloom scale`: how throughput and latency change with the number of vCPUs, devices and LPIs. */
export function scaleCommand(): Command {
  const command = new Command('scale')
    .summary('measure how throughput and latency change with vCPUs, devices and LPIs')
    .description(
      'Measures three sweeps, each varying one thing: vCPUs, devices, LPIs. Each device keeps each of its LPIs on its way, one signal at a time; LPIs beyond the GSIs that KVM has are signalled by KVM_SIGNAL_MSI.',
    )
    .option('-v, --vcpus <list>', 'numbers of vCPUs, up to 64', list(1, 64), [1, 2, 4, 8])
    .option('-d, --devices <list>', 'numbers of device threads, up to 64', list(1, 64), [1, 2, 4, 8])
    .option(
      '-l, --lpis <list>',
      'numbers of LPIs, up to 65536 (of which INTIDs have room for 57344)',
      list(1, 65_536),
      [16, 256, 4_000, 16_384, 65_536],
    )
    .option('--base-vcpus <n>', 'vCPUs of the sweeps that vary another size', wholeNumber(1, 64), 2)
    .option('--base-devices <n>', 'devices of the sweeps that vary another size', wholeNumber(1, 64), 2)
    .option('--base-lpis <n>', 'LPIs of the sweeps that vary another size', wholeNumber(1, 57_344), 64)
    .addOption(
      new Option(
        '--dispatch <where>',
        'thread that routes a signal: the signalling thread (inline), or the main thread',
      )
        .choices(DISPATCHES)
        .default('inline'),
    )
    .option('-s, --seconds <n>', 'how long to measure each size', number(0.05, 3600, 'seconds'), 1)
    .option('--json', 'print the result as one JSON object')
    .option('--report <file>', 'write a report with pictures as one HTML file')
    .action(async (flags: Flags) => {
      process.exitCode = await scale(flags);
    });
  for (const option of ownCodeOptions()) command.addOption(option);
  return withExamples(command, EXAMPLES);
}

async function scale(flags: Flags): Promise<number> {
  const { vcpus, devices, lpis, baseVcpus, baseDevices, baseLpis, dispatch, seconds } = flags;
  checkOwnFiles(flags);
  const outputs = new Outputs();
  const page = outputs.open(flags.report);
  const line = new ProgressLine();
  const result = await interruptible((signal) =>
    runScale(
      {
        base: { vcpus: baseVcpus, devices: baseDevices, lpis: baseLpis },
        sweeps: { vcpus, devices, lpis },
        dispatch,
        seconds,
        own: { guest: flags.guest, device: flags.device, sharedBytes: flags.shared },
      },
      {
        signal,
        progress: (share, what) => line.share(share, what),
      },
    ),
  );
  line.clear();
  printResult(result, flags.json ? undefined : () => scaleText(result));
  outputs.plan(page, () => scaleHtml(result));
  return outputs.write(exitOf(result));
}

function exitOf({ interrupted, points }: Awaited<ReturnType<typeof runScale>>): number {
  if (interrupted) return EXIT.interrupted;
  return points.every(({ delivered }) => delivered > 0) ? EXIT.held : EXIT.noAnswer;
}

/** A parser of `1,2,4`, in order and each once; `none` for no value at all. */
function list(low: number, high: number): (text: string) => number[] {
  const one = wholeNumber(low, high);
  return (text) => {
    if (text === 'none') return [];
    const values = text.split(',').map((word) => {
      try {
        return one(word);
      } catch {
        throw new InvalidArgumentError(
          `Give a list of whole numbers from ${low} to ${high}, like ${low},${2 * low},${4 * low}; or none.`,
        );
      }
    });
    return [...new Set(values)].sort((a, b) => a - b);
  };
}
