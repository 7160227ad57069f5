import { Command } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import { inTurns } from '../base/turns.ts';
import {
  isFaithful,
  movedPieces,
  readGuestTrace,
  replayPieces,
  replayThreaded,
  type TraceReplayResult,
} from '../recorded/index.ts';
import { traceReplayHtml } from '../report/trace-replay-html.ts';
import { traceReplayText } from '../report/trace-replay-text.ts';
import { count } from '../report/units.ts';
import { withExamples } from './examples.ts';
import { EXIT, interruptible } from './exit.ts';
import { Outputs } from './outputs.ts';
import { ProgressLine } from './progress-line.ts';
import { printResult } from './stdout.ts';
import { wholeNumber } from './values.ts';

type Flags = {
  json?: boolean;
  threads?: boolean;
  seed?: number;
  runs: number;
  saveRestoreAt?: number[];
  report?: string;
};

const EXAMPLES = [
  ['replay-guest guest.jsonl.gz', 'every answer that the guest got, in its order'],
  ['replay-guest guest.jsonl.gz --threads --runs 5', 'on real threads, five times'],
] as const;

/** `irqloom replay-guest`: repeats the accesses of a recorded guest, and compares every answer with the recorded one. */
export function replayGuestCommand(): Command {
  const command = new Command('replay-guest')
    .summary('replay a recorded guest and compare every answer with the recorded one')
    .description(
      'Replays every access of a recorded guest to its GICv3 and ITS, event by event: each register read and each acknowledge must give the recorded answer.',
    )
    .argument('<trace>', 'a recorded guest, JSON lines, gzipped or not')
    .option(
      '--threads',
      "each vCPU's part in its worker, MSIs and wires from device threads, in any order that the recording's causes leave",
    )
    .option('--seed <n>', 'of the first run on threads', wholeNumber(0, 2 ** 31 - 1))
    .option('--runs <n>', 'how many runs on threads', wholeNumber(1, 10_000), 3)
    .option(
      '--save-restore-at <n...>',
      'after so many events, save the ITS and its pending LPIs, move the machine to a new buffer, restore, and go on',
      (text: string, before: number[] = []) => [...before, wholeNumber(0, 2 ** 31 - 1)(text)],
    )
    .option('--json', 'print the result as one JSON object')
    .option('--report <file>', 'write the result as one HTML file')
    .action(async (path: string, flags: Flags) => {
      process.exitCode = await replay(path, flags);
    });
  return withExamples(command, EXAMPLES);
}

async function replay(
  path: string,
  { json, threads, seed, runs, saveRestoreAt, report }: Flags,
): Promise<number> {
  if (threads && saveRestoreAt) {
    throw new IrqError('ERR_USAGE', '--save-restore-at is for a replay event by event: leave out --threads');
  }
  const outputs = new Outputs();
  const page = outputs.open(report);
  const trace = readGuestTrace(path);
  const chosen = seed ?? Math.floor(Math.random() * 2 ** 30);
  const line = new ProgressLine();
  const progress = (events: number) => line.show(() => `${count(events)} events replayed`);
  const each = (run: number) => line.show(() => `run ${run} of ${runs}`);
  const result = await interruptible((signal) =>
    threads
      ? replayThreaded(trace, { seed: chosen, runs, signal, each })
      : inTurns(saveRestoreAt ? movedPieces(trace, saveRestoreAt) : replayPieces(trace), {
          signal,
          progress,
        }),
  ).finally(() => line.clear());
  printResult(result, json ? undefined : () => traceReplayText(result));
  outputs.plan(page, () => traceReplayHtml(result, path));
  return outputs.write(exitOf(result));
}

function exitOf(result: TraceReplayResult): number {
  if (result.interrupted) return EXIT.interrupted;
  return isFaithful(result) ? EXIT.held : EXIT.failed;
}
