import { Command } from 'commander';
import { replayText } from '../report/replay-text.ts';
import { readGuestTrace } from '../scenarios/guest-trace.ts';
import { replayGuest } from '../scenarios/replay/replay.ts';
import { isFaithful } from '../scenarios/replay/result.ts';
import { EXIT } from './exit.ts';

type Flags = { json?: boolean };

/** `irqloom replay-guest`: does again what a recorded guest did, and compares every answer with what it got. */
export function replayGuestCommand(): Command {
  return new Command('replay-guest')
    .summary('replay a recorded guest and compare every answer with what it got')
    .description(
      'Replays everything that a recorded guest did to its GICv3 and ITS, event by event: each register read and each acknowledge must answer what the guest got.',
    )
    .argument('<trace>', 'a recorded guest, JSON lines, gzipped or not')
    .option('--json', 'print the result as one JSON object')
    .action((path: string, flags: Flags) => {
      const result = replayGuest(readGuestTrace(path));
      process.stdout.write(flags.json ? `${JSON.stringify(result)}\n` : replayText(result));
      process.exitCode = isFaithful(result) ? EXIT.held : EXIT.failed;
    });
}
