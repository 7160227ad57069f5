import { IrqError } from '../base/irq-error.ts';

/** Modes of stress that use few of its options, and the options of each mode beside the mode's own. */
const TAKES = {
  '--resume': ['resume', 'json', 'trace'],
  '--guest linux': [
    ...['guest', 'kernel', 'modules', 'vcpus', 'seconds', 'dispatch', 'fault', 'seed', 'json'],
  ],
  '--irqchip ioapic': [
    ...[
      'irqchip',
      'vcpus',
      'devices',
      'events',
      'iterations',
      'seconds',
      'thorough',
      'programs',
      'spis',
      'lines',
      'abi',
      'churn',
    ],
    ...['dispatch', 'perturb', 'fault', 'stampAll', 'seed', 'json', 'junit', 'report', 'watch', 'metrics'],
  ],
  '--gicv4': [
    ...[
      'gicv4',
      'vcpus',
      'devices',
      'events',
      'iterations',
      'seconds',
      'thorough',
      'abi',
      'churn',
      'dispatch',
    ],
    ...['perturb', 'fault', 'stampAll', 'seed', 'json', 'junit', 'report', 'watch', 'metrics'],
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
  throw new IrqError('ERR_USAGE', `${mode} has no use for ${flagOf(useless)}: leave that out`);
}

const flagOf = (name: string) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/**
 * Checks the flags of a run on x86.
 * @param given - the options of the command line, by their names in camel case
 * @throws IrqError `ERR_USAGE` for an option that says nothing about an IOAPIC
 */
export function checkIoApic(abi: string, given: readonly string[]): void {
  refuseOthers('--irqchip ioapic', given);
  if (abi !== 'merged')
    throw new IrqError(
      'ERR_USAGE',
      `the designs of the debate are arm64's: x86 has GSIs, and MSI routes without a DeviceID (--abi merged), not "${abi}"`,
    );
}

/**
 * Checks the flags of a run with vPEs.
 * @param given - the options of the command line, by their names in camel case
 * @throws IrqError `ERR_USAGE` for an option that says nothing about vPEs, and for a fault that cannot show there
 */
export function checkVpes({ abi, fault }: { abi: string; fault: string }, given: readonly string[]): void {
  refuseOthers('--gicv4', given);
  if (abi !== 'merged')
    throw new IrqError(
      'ERR_USAGE',
      `--gicv4 has irqfds with MSI routes to the ITS (--abi merged), not "${abi}"`,
    );
  const why: Readonly<Record<string, string>> = {
    'stale-route': 'a vLPI is never taken from a cached route, so no stale one shows',
    'lost-ack': 'vPEs have no level-triggered lines',
  };
  if (why[fault] !== undefined)
    throw new IrqError('ERR_USAGE', `--fault ${fault} does not show with --gicv4: ${why[fault]}`);
}

/** The options of sources that the bare guest sets up for itself. */
const OF_BARE = ['recording', 'lines', 'abi', 'trace', 'keep', 'lrs'] as const;
/** The values of these options that describe the bare guest anyway. */
const BARE_ANYWAY = { lines: 'irq-line', abi: 'merged' } as const;

/**
 * Checks the flags of a run of the bare guest.
 * @param given - the options of the command line, by their names in camel case
 * @throws IrqError `ERR_USAGE` that names the flags that do not go with that guest
 */
export function checkBare(flags: Readonly<Record<string, unknown>>, given: readonly string[]): void {
  const anyway: Readonly<Record<string, string>> = BARE_ANYWAY;
  const wrong = OF_BARE.filter((name) => given.includes(name) && flags[name] !== anyway[name]);
  if (wrong.length > 0)
    throw new IrqError(
      'ERR_USAGE',
      `--guest bare sets its own sources up: leave out ${wrong.map(flagOf).join(', ')}`,
    );
  if (given.includes('perturb') && flags.perturb !== 'off')
    throw new IrqError('ERR_USAGE', '--guest bare runs without delays: leave out --perturb');
}
