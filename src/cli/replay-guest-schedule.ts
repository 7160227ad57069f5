import { readSymbols, replayGuestToken } from '../guest-explore/index.ts';
import { guestReplayText } from '../report/guest-explore-text.ts';
import { EXIT } from './exit.ts';
import { type GuestFlags, guestFiles } from './guest-options.ts';
import { printResult } from './stdout.ts';

/** `irqloom replay --guest FILE TOKEN`: runs the schedule of a guest's token again. */
export function replayGuestSchedule(token: string, file: string, flags: GuestFlags, json: boolean): number {
  const { symbolFile, ...files } = guestFiles(file, flags);
  const result = replayGuestToken(token, { ...files, symbols: readSymbols(symbolFile) });
  const printed = { schemaVersion: 1, command: 'replay', ...result };
  printResult(printed, json ? undefined : () => guestReplayText(result));
  if (result.verdict === 'fail') return EXIT.failed;
  return result.verdict === 'pass' ? EXIT.held : EXIT.noAnswer;
}
