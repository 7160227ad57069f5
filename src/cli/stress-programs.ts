import { IrqError } from '../base/irq-error.ts';
import { count } from '../report/units.ts';
import { held, type StressResult } from '../stress/index.ts';
import { alone } from './config-file.ts';
import { interruptible } from './exit.ts';
import type { ProgressLine } from './progress-line.ts';

/** How long programs are drawn where nothing is said, s. */
const DEFAULT_S = 2;
const THOROUGH_S = 30;

/** Options of runs beyond the machine and its proof, or of runs that end for a reason of their own. */
const OTHER_RUNS = [
  'guest',
  'device',
  'irqchip',
  'gicv4',
  'fault',
  'keep',
  'lrs',
  'iterations',
  'perturb',
] as const;
/** Those of them that refuse programs: programs run irqloom's own guest on a GICv3. */
const WITHOUT_PROGRAMS: readonly string[] = ['guest', 'device', 'irqchip', 'gicv4'];

type Flags = { readonly programs?: number; readonly thorough?: boolean; readonly irqchip?: string };

/**
 * How long a run draws programs, s.
 * @param given - the options of the command line, by their names in camel case
 * @throws IrqError `ERR_USAGE` where the run can have none
 */
export function programSeconds({ programs, thorough, irqchip }: Flags, given: readonly string[]): number {
  const isOther = (name: string) => given.includes(name) && (name !== 'irqchip' || irqchip === 'ioapic');
  const other = OTHER_RUNS.find(isOther);
  if (programs !== undefined) {
    if (programs > 0 && other !== undefined && WITHOUT_PROGRAMS.includes(other))
      throw new IrqError(
        'ERR_USAGE',
        `--programs is of irqloom's own guest on a GICv3: leave out --${other}`,
      );
    return programs;
  }
  if (given.includes('seconds') || other !== undefined) return 0;
  return thorough ? THOROUGH_S : DEFAULT_S;
}

/**
 * The result of a run that held, with the result of the programs that are drawn now. Ctrl-C ends the programs, with their
 * findings.
 */
export async function withPrograms(
  result: StressResult,
  seed: number,
  seconds: number,
  line: ProgressLine,
): Promise<StressResult> {
  if (seconds === 0 || result.interrupted || !held(result)) return result;
  const { searchDrawn } = await import('../races/drawn/search.ts');
  return interruptible(async (signal) => {
    const glance = (programs: number) =>
      line.show(() => `${count(programs)} programs drawn for a small machine, each under random schedules`);
    const programs = await searchDrawn({ seed, seconds }, { signal, glance });
    return { ...result, programs, interrupted: signal.aborted };
  });
}

/** The whole command that repeats a program that failed; undefined where none did. */
export function replayCommand({ programs }: StressResult): string | undefined {
  const failure = programs?.failure;
  return failure ? alone(`npx irqloom replay ${failure.token} ${failure.program}`) : undefined;
}
