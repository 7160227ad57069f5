import { IrqError } from '../base/irq-error.ts';
import { shellWord } from '../base/shell-word.ts';
import type { Fault } from '../board/config.ts';
import { readGuestTrace, recordedWorkload } from '../recorded/index.ts';
import { rotationText, turnEndText, turnText } from '../report/rotation-text.ts';
import { count, rate } from '../report/units.ts';
import { keepMoment, type RotationResult, runRotation } from '../stress/index.ts';
import { alone } from './config-file.ts';
import { EXIT, interruptible } from './exit.ts';
import { Outputs } from './outputs.ts';
import { ProgressLine } from './progress-line.ts';
import { printResult, say } from './stdout.ts';
import { keptNote } from './stress-watch.ts';

type Flags = {
  seconds: number;
  fault: Fault;
  seed?: number;
  json?: boolean;
  keep?: string;
  recording?: string;
};

/** Options of stress for a single run; a rotation draws these from its seed, or has no place for them. */
const OF_ONE_RUN = [
  ...['vcpus', 'devices', 'events', 'iterations', 'spis', 'lines', 'abi', 'churn', 'dispatch', 'guest'],
  ...[
    'report',
    'metrics',
    'trace',
    'watch',
    'kernel',
    'modules',
    'resume',
    'perturb',
    'thorough',
    'untilCovered',
    'lrs',
    'itses',
    'irqchip',
    'programs',
  ],
];

/**
 * `irqloom stress --rotate`.
 * @param given - whether the user gave an option of that name
 * @param recording - the recorded guest that some turns run
 */
export async function stressRotate(
  flags: Flags,
  given: (name: string) => boolean,
  recording: string,
): Promise<number> {
  const wrong = OF_ONE_RUN.find(given);
  if (wrong !== undefined) {
    throw new IrqError(
      'ERR_USAGE',
      `--rotate draws the settings of each turn from --seed: leave out --${wrong}`,
    );
  }
  const seed = flags.seed ?? Math.floor(Math.random() * 2 ** 31);
  const trace = readGuestTrace(recording);
  const files = new Outputs();
  const kept = files.open(flags.keep);
  const line = new ProgressLine();
  line.note(`seed ${seed}; Ctrl-C ends the rotation and prints the turns until then`);
  let moment: Uint8Array | undefined;
  const result = await interruptible((signal) =>
    runRotation(
      {
        seed,
        seconds: flags.seconds,
        fault: flags.fault,
        trace: kept !== undefined,
        recorded: () => recordedWorkload(trace),
        ...(flags.recording === undefined ? {} : { recording: flags.recording }),
      },
      {
        signal,
        begun: (index, settings) => line.print(turnText(index, settings)),
        ended: (turn) => line.print(turnEndText(turn)),
        glance: ({ seconds, injected, delivered, violations }) =>
          line.show(
            () =>
              `${seconds.toFixed(1)} s  injected ${count(injected)}  delivered ${count(delivered)} (${rate(delivered / seconds)})  violations ${count(violations)}`,
          ),
        violated: (machine, plan, command) => {
          if (kept !== undefined) moment = keepMoment({ machine, plan, command });
        },
      },
    ),
  );
  line.clear();
  printResult(result, flags.json ? undefined : () => rotationText(result));
  if (moment === undefined) kept?.discard();
  else files.plan(kept, () => moment as Uint8Array);
  const status = files.write(exitOf(result));
  if (kept?.written) say(`${keptNote(kept.path)}\n`);
  if (result.failed) say(`to repeat turn ${result.failed.index}: ${alone(result.failed.command)}\n`);
  if (result.failed || result.growth.length > 0) say(`to repeat the rotation: ${commandOf(flags, seed)}\n`);
  return status;
}

function exitOf({ failed, growth, interrupted, delivered }: RotationResult): number {
  if (failed !== null) return failed.error?.exit ?? EXIT.failed;
  if (growth.length > 0) return EXIT.failed;
  if (interrupted) return EXIT.interrupted;
  return delivered === 0 ? EXIT.noAnswer : EXIT.held;
}

function commandOf({ seconds, fault, json, keep, recording }: Flags, seed: number): string {
  const words = [
    `npx irqloom stress --rotate --seconds ${seconds}`,
    ...(fault === 'none' ? [] : [`--fault ${fault}`]),
    ...(recording === undefined ? [] : [`--recording ${shellWord(recording)}`]),
    ...(keep === undefined ? [] : [`--keep ${shellWord(keep)}`]),
    ...(json ? ['--json'] : []),
    `--seed ${seed}`,
  ];
  return alone(words.join(' '));
}
