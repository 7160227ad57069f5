import { Command } from 'commander';
import { checkConfig, DEFAULT_CONFIG } from '../board/config.ts';
import { layOut } from '../board/layout.ts';
import { type LayoutReport, layoutText } from '../report/layout-text.ts';
import { withExamples } from './examples.ts';
import { EXIT } from './exit.ts';
import { printResult } from './stdout.ts';
import { wholeNumber } from './values.ts';

type Flags = LayoutReport['config'] & { readonly json?: boolean };

const BYTES_OF_WORD = 4;

const EXAMPLES = [
  ['layout', 'the map of the smallest machine'],
  ['layout --vcpus 8 --json', 'that of a larger one, for programs'],
] as const;

/** `irqloom layout`: the map of a machine's shared memory. */
export function layoutCommand(): Command {
  const { vcpus, spis, devices, events, eventfds } = DEFAULT_CONFIG;
  const command = new Command('layout')
    .summary('print the map of shared memory of a machine')
    .description(
      'Prints every region of the SharedArrayBuffer that holds a machine: offset, size, kind, name. The map is computed by the code that lays a machine out. Regions that differ by a number only share a line; --json has them one by one.',
    )
    .option('-v, --vcpus <n>', 'vCPUs', wholeNumber(1, 512), vcpus)
    .option('--spis <n>', 'SPIs, a multiple of 32, or 988', wholeNumber(32, 988), spis)
    .option('-d, --devices <n>', 'DeviceIDs that the ITS can map', wholeNumber(1, 65_535), devices)
    .option('-e, --events <n>', 'DevID:EvID pairs that the ITS can map', wholeNumber(1, 65_535), events)
    .option('--eventfds <n>', 'eventfds', wholeNumber(1, 65_534), eventfds)
    .option('--json', 'print the map as one JSON object')
    .action((flags: Flags) => {
      const report = layoutReport(flags);
      printResult(report, flags.json ? undefined : () => layoutText(report));
      process.exitCode = EXIT.held;
    });
  return withExamples(command, EXAMPLES);
}

/** The map of a machine of these sizes. @throws IrqError `ERR_CONFIG` */
export function layoutReport({
  vcpus,
  spis,
  devices,
  events,
  eventfds,
}: LayoutReport['config']): LayoutReport {
  const sizes = { vcpus, spis, devices, events, eventfds };
  const config = { ...DEFAULT_CONFIG, ...sizes };
  checkConfig(config);
  const { layout } = layOut(config);
  return {
    schemaVersion: 1,
    command: 'layout',
    config: sizes,
    bytes: layout.words * BYTES_OF_WORD,
    regions: Array.from(layout.regions(), ([name, { at, words }, { name: kind }]) => ({
      name,
      offsetBytes: at * BYTES_OF_WORD,
      bytes: words * BYTES_OF_WORD,
      kind,
    })),
  };
}
