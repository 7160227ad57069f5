import { resumeText } from '../report/resume-text.ts';
import { stressTrace, traceNote } from '../report/stress-trace.ts';
import { readMoment, resumeMoment, tracksOf } from '../stress/index.ts';
import { EXIT } from './exit.ts';
import { Outputs } from './outputs.ts';
import { printResult, say } from './stdout.ts';

/**
 * `irqloom stress --resume FILE`: shows a kept moment, and lets its vCPUs run once more. The moment shows a violation, so the
 * exit status is 1: a failed property.
 */
export async function stressResume(path: string, flags: { json?: boolean; trace?: string }): Promise<number> {
  const moment = readMoment(path);
  const files = new Outputs();
  const traceFile = files.open(flags.trace);
  const tracks = tracksOf(moment);
  const result = await resumeMoment(moment);
  printResult(result, flags.json ? undefined : () => resumeText(result));
  files.plan(traceFile, () =>
    JSON.stringify(stressTrace(tracks, moment.plan, { config: { ...result.config, source: path } })),
  );
  const status = files.write(EXIT.failed);
  if (traceFile?.written) say(`${traceNote(tracks, moment.plan)}\n`);
  return status;
}
