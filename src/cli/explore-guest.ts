import { IrqError } from '../base/irq-error.ts';
import { shellWord } from '../base/shell-word.ts';
import { GUEST_STRATEGIES, type GuestExploreResult, searchGuest } from '../guest-explore/index.ts';
import { guestExploreHtml } from '../report/guest-explore-html.ts';
import { guestExploreText } from '../report/guest-explore-text.ts';
import { plural } from '../report/units.ts';
import { alone } from './config-file.ts';
import { EXIT, interruptible } from './exit.ts';
import { type GuestFlags, guestOf } from './guest-options.ts';
import { OutputFile } from './output-file.ts';
import { ProgressLine } from './progress-line.ts';
import { printResult } from './stdout.ts';

/** The common parts of a search of a guest's schedules and of a scenario's. */
type SearchFlags = GuestFlags & {
  readonly strategy?: string;
  readonly depth?: number;
  readonly seed: number;
  readonly schedules?: number;
  readonly seconds: number;
  readonly report?: string;
  readonly json?: boolean;
};

/** Options of scenarios, which mean nothing for a guest. */
const OF_SCENARIOS = [
  ...['preemptions', 'delays', 'steps', 'timeouts', 'dataRaces', 'export', 'plain', 'shard', 'jobs'],
  ...['executor', 'runs', 'all', 'save'],
];

function checkOptions(args: readonly string[], isGiven: (option: string) => boolean): void {
  if (args.length > 0)
    throw new IrqError('ERR_USAGE', `a guest is explored, or scenarios: leave out --guest, or ${args[0]}`);
  const name = OF_SCENARIOS.find(isGiven);
  if (name === undefined) return;
  const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new IrqError('ERR_USAGE', `--${option} is of scenarios, and not of a guest`);
}

/**
 * `irqloom explore --guest FILE`: runs schedules of a booted guest, and shows the smallest schedule that fails.
 * @param args - arguments beside the options; @param isGiven - whether the user has written an option
 */
export async function exploreGuestCommand(
  file: string,
  flags: SearchFlags,
  args: readonly string[],
  isGiven: (option: string) => boolean,
): Promise<number> {
  checkOptions(args, isGiven);
  const { strategy = 'auto', depth = 3, seed, seconds, schedules = Number.MAX_SAFE_INTEGER } = flags;
  const known = (['auto', ...GUEST_STRATEGIES] as const).find((name) => name === strategy);
  if (known === undefined)
    throw new IrqError(
      'ERR_USAGE',
      `--strategy ${strategy} is for scenarios: a guest has auto, ${GUEST_STRATEGIES.join(', ')}`,
    );
  const guest = guestOf(file, flags);
  const report = flags.report === undefined ? undefined : new OutputFile(flags.report);
  const line = new ProgressLine();
  const result = await interruptible((signal) =>
    searchGuest(
      { ...guest, strategy: known, depth, seed, schedules, seconds },
      {
        signal,
        onProgress: (progress) =>
          line.show(() => `${plural(progress.schedules, 'schedule')}, ${progress.seconds.toFixed(0)} s`),
      },
    ),
  ).finally(() => line.clear());
  const repeat = repeatCommand(result, file, flags);
  const text = () => guestExploreText(result, repeat);
  printResult({ schemaVersion: 1, command: 'explore', ...result }, flags.json ? undefined : text);
  report?.commit(guestExploreHtml(result, repeat));
  if (result.interrupted) return EXIT.interrupted;
  return result.verdict === 'fail' ? EXIT.failed : EXIT.noAnswer;
}

function repeatCommand({ failure }: GuestExploreResult, file: string, flags: GuestFlags): string | undefined {
  if (!failure) return undefined;
  const words = ['npx irqloom replay --guest', shellWord(file)];
  for (const device of flags.device ?? []) words.push('--device', shellWord(device));
  if (flags.initrd !== undefined) words.push('--initrd', shellWord(flags.initrd));
  if (flags.symbols !== undefined) words.push('--symbols', shellWord(flags.symbols));
  return alone([...words, failure.token].join(' '));
}
