import { IrqError } from '../base/irq-error.ts';

/** Ways to run stress that have a use for few of its options, and what each takes beside the option that asks for the way. */
const TAKES = {
  '--resume': ['resume', 'json', 'trace'],
  '--guest linux': [
    ...['guest', 'kernel', 'modules', 'vcpus', 'seconds', 'dispatch', 'fault', 'seed', 'json'],
  ],
} as const satisfies Record<string, readonly string[]>;

/**
 * An option that would be left out without a word is an error.
 * @param given - the options of the command line, by their names in camel case
 * @throws IrqError `ERR_USAGE`
 */
export function refuseOthers(mode: keyof typeof TAKES, given: readonly string[]): void {
  const takes: readonly string[] = TAKES[mode];
  const useless = given.find((name) => !takes.includes(name));
  if (useless === undefined) return;
  const flag = useless.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new IrqError('ERR_USAGE', `${mode} has no use for --${flag}: leave that out`);
}
