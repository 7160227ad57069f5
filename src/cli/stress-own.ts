import { existsSync } from 'node:fs';
import { IrqError } from '../base/irq-error.ts';
import { didYouMean } from '../base/suggestion.ts';
import { runOwnStress } from '../harness/index.ts';
import type { StressOptions, StressResult, StressWatch } from '../stress/index.ts';
import { checkOwnFiles, type OwnCodeFlags } from './own-code.ts';

/** Guests that come with irqloom, or run on its AArch64 cores. */
const KNOWN_GUESTS = ['bare', 'linux'] as const;

const isKnown = (guest: string) => (KNOWN_GUESTS as readonly string[]).includes(guest);

/** Whether a run has a guest, or devices, of the user's own. */
export function isOwn({ guest, device }: Omit<OwnCodeFlags, 'shared'>): boolean {
  return device !== undefined || (guest !== undefined && !isKnown(guest));
}

/** Flags that say nothing about a machine with code of the user's own. */
const FOREIGN = [
  'recording',
  'kernel',
  'modules',
  'spis',
  'lines',
  'abi',
  'trace',
  'keep',
  'resume',
  'rotate',
] as const;

/**
 * Checks the flags of a run with code of the user's own.
 * @param given - whether the command line has a flag
 * @throws IrqError `ERR_USAGE` for a flag that does not go with such code; `ERR_FILE` for a module that is not there
 */
export function checkOwn({ guest, device }: OwnCodeFlags, given: (name: string) => boolean): void {
  const foreign = FOREIGN.filter(given).map((name) => `--${name}`);
  if (foreign.length > 0)
    throw new IrqError(
      'ERR_USAGE',
      `a guest or a device of your own has events only, in the design "merged": leave out ${foreign.join(', ')}`,
    );
  if (guest !== undefined && isKnown(guest))
    throw new IrqError('ERR_USAGE', `--guest ${guest} has devices of its own: leave out --device`);
  if (guest !== undefined && !existsSync(guest))
    throw new IrqError(
      'ERR_FILE',
      `there is no guest "${guest}": --guest is ${KNOWN_GUESTS.join(', ')}, or the file of a module that exports interrupt(cpu, intid)${didYouMean(guest, KNOWN_GUESTS)}`,
    );
  checkOwnFiles({ ...(guest === undefined ? {} : { guest }), ...(device === undefined ? {} : { device }) });
}

/** Runs the user's code. */
export function stressOwn(
  { guest, device, shared }: OwnCodeFlags,
  options: StressOptions,
  watch: StressWatch,
): Promise<StressResult> {
  const { input, spis, lines, abi, trace, ...rest } = options;
  if ('boot' in input) throw new IrqError('ERR_USAGE', 'a recorded guest takes no --guest and no --device');
  return runOwnStress({ ...rest, input, guest, device, sharedBytes: shared }, watch);
}
