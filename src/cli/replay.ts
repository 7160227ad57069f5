import { Command, Option } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import { runSearch } from '../explore/real/search-thread.ts';
import { replayText } from '../report/explore-text.ts';
import { withExamples } from './examples.ts';
import { EXIT } from './exit.ts';
import { SCHEMA_VERSION } from './explore.ts';
import { addGuestFiles, checkNoGuest, type GuestFlags } from './guest-options.ts';
import { replayGuestSchedule } from './replay-guest-schedule.ts';
import { findScenario, type LoadFlags, loadOptions } from './scenario.ts';
import { printResult } from './stdout.ts';
import { wholeNumber } from './values.ts';

/** A schedule that takes longer has a thread that comes to no operation. */
const REPLAY_SECONDS = 60;

type Flags = LoadFlags & GuestFlags & { executor: 'simulated' | 'lockstep'; steps: number; json?: boolean };

const EXAMPLES = [
  [
    'replay x1:lost-update:1.l:1.1:BBFF:ijz713 examples/lost-update.mjs',
    'the schedule of a token, step by step',
  ],
  [
    'replay x1:lost-update:1.l:1.1:BBFF:ijz713 examples/lost-update.mjs --executor lockstep',
    'the same on real threads',
  ],
] as const;

/** `irqloom replay`: runs the schedule of a token again. */
export function replayCommand(): Command {
  const [exportOption, plainOption] = loadOptions();
  const command = new Command('replay')
    .summary('run the schedule of a token again')
    .description(
      'Runs the schedule of a token, and shows the steps. Where the code has changed since, the result says at which step the schedule took another way.\n' +
        'Exit status 1 if the schedule fails (again), 3 if the schedule took another way and did not fail.',
    )
    .argument('<token>', 'as explore printed it')
    .argument('[file|name]', 'the scenario of the token; for a token of a guest, --guest names the file')
    .addOption(
      new Option(
        '--executor <name>',
        'simulated: all threads in one; lockstep: real threads, one operation at a time',
      )
        .choices(['simulated', 'lockstep'])
        .default('simulated'),
    )
    .option('--steps <n>', 'give the schedule up after so many steps', wholeNumber(1, 10_000_000), 10_000)
    .addOption(exportOption)
    .addOption(plainOption)
    .option('--json', 'print the result as one JSON object')
    .action(async (token: string, argument: string | undefined, flags: Flags) => {
      if (flags.guest !== undefined)
        process.exitCode = replayGuestSchedule(token, flags.guest, flags, flags.json === true);
      else if (argument === undefined)
        throw new IrqError('ERR_USAGE', 'name the scenario that the token is of, or its guest: --guest FILE');
      else process.exitCode = await replay(token, argument, flags);
    });
  return withExamples(addGuestFiles(command), EXAMPLES);
}

async function replay(token: string, argument: string, flags: Flags): Promise<number> {
  checkNoGuest(flags);
  const { executor, steps, json } = flags;
  const { source } = await findScenario(argument, flags);
  const task = { does: 'replay', source, token, steps, executor } as const;
  const result = await runSearch(task, REPLAY_SECONDS);
  if ('unanswered' in result)
    throw new IrqError(
      'ERR_THREAD_SILENT',
      `the schedule did not come to its end within ${REPLAY_SECONDS} s`,
    );
  const verdict = result.failure !== undefined ? 'fail' : result.diverged !== undefined ? 'unknown' : 'pass';
  const printed = { schemaVersion: SCHEMA_VERSION, command: 'replay', executor, verdict, ...result };
  printResult(printed, json ? undefined : () => replayText(result, executor));
  return verdict === 'fail' ? EXIT.failed : verdict === 'pass' ? EXIT.held : EXIT.noAnswer;
}
