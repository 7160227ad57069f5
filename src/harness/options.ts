import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { IrqError } from '../base/irq-error.ts';
import { didYouMean } from '../base/suggestion.ts';
import { DEFAULT_CONFIG, DISPATCHES, FAULTS, type Fault } from '../board/config.ts';
import type { Dispatch } from '../kvm/irqfds.ts';

/** The options of {@link boot}. All but `guest` have a default. */
export type BootOptions = {
  /**
   * The module with `interrupt(cpu, intid)` and, optionally, `start(cpu)`: a file URL, or a path from the working directory.
   */
  readonly guest: URL | string;
  /** The module with `run(device)`. Required where there are devices. */
  readonly device?: URL | string | undefined;
  /** vCPUs, 1 to 512, each in a worker thread of its own: 1. */
  readonly vcpus?: number | undefined;
  /** Devices, 0 to 512, each in a worker thread of its own: 1, or 0 where `device` is left out. */
  readonly devices?: number | undefined;
  /** Events of each device, 1 to 2,048; each has an LPI, an MSI route and an irqfd: 4. KVM has 4,096 routes in all. */
  readonly events?: number | undefined;
  /** Memory that guest and devices see as `cpu.shared` and `device.shared`. */
  readonly shared?: SharedArrayBuffer | undefined;
  /** Which thread routes and injects: the signalling thread (`inline`, the default), or the main thread (`main`). */
  readonly dispatch?: Dispatch | undefined;
  /** Longest time that an idle vCPU polls before the vCPU sleeps, 0 to 10^9 ns: 200,000. */
  readonly haltPollNs?: number | undefined;
  /** How long threads may take to start, to load their modules and to run `start`, 1 to 2^31 - 1 ms: 20,000. */
  readonly bootMs?: number | undefined;
  /** How long a handler may take to return, and a delivery to come, 1 to 2^31 - 1 ms: 20,000. */
  readonly boundMs?: number | undefined;
  /** A rule of the machine to break, to see a check fail: `none`. */
  readonly fault?: Fault | undefined;
};

/** Options that were checked: every default filled in, modules as URLs. */
export type Settings = {
  readonly guest: string;
  readonly device: string;
  readonly vcpus: number;
  readonly devices: number;
  readonly events: number;
  readonly shared: SharedArrayBuffer | undefined;
  readonly dispatch: Dispatch;
  readonly haltPollNs: number;
  readonly bootMs: number;
  readonly boundMs: number;
  readonly fault: Fault;
};

const NAMES = [
  'guest',
  'device',
  'vcpus',
  'devices',
  'events',
  'shared',
  'dispatch',
  'haltPollNs',
  'bootMs',
  'boundMs',
  'fault',
] as const satisfies readonly (keyof BootOptions)[];

/** The whole numbers among the options, with the least and the most of each. */
const RANGES = {
  vcpus: [1, 512],
  devices: [0, 512],
  events: [1, 2_048],
  haltPollNs: [0, 1e9],
  bootMs: [1, 2 ** 31 - 1],
  boundMs: [1, 2 ** 31 - 1],
} as const satisfies Partial<Record<keyof BootOptions, readonly [number, number]>>;

type Given = Readonly<Record<string, unknown>>;

/**
 * Checks the options of a call of {@link boot}.
 * @throws IrqError `ERR_USAGE` for a wrong option; `ERR_FILE` for a missing module
 */
export function checkOptions(options: unknown): Settings {
  if (typeof options !== 'object' || options === null)
    throw wrong(`takes an object of options, not ${shown(options)}`);
  const given = options as Given;
  for (const name of Object.keys(given)) {
    if ((NAMES as readonly string[]).includes(name)) continue;
    const near = didYouMean(name, NAMES) || `; the options are ${NAMES.join(', ')}`;
    throw wrong(`has no option "${name}"${near}`);
  }
  const devices = wholeOf(given, 'devices', given.device === undefined ? 0 : 1);
  const vcpus = wholeOf(given, 'vcpus', 1);
  const fault = oneOf(given, 'fault', FAULTS, 'none');
  if (fault === 'wrong-vcpu' && vcpus < 2)
    throw wrong(`fault: "wrong-vcpu" needs 2 vCPUs or more, not ${vcpus}`);
  const guest = moduleOf(given, 'guest', 'interrupt(cpu, intid)');
  return {
    guest,
    device: devices === 0 && given.device === undefined ? '' : moduleOf(given, 'device', 'run(device)'),
    vcpus,
    devices,
    events: wholeOf(given, 'events', 4),
    shared: sharedOf(given.shared),
    dispatch: oneOf(given, 'dispatch', DISPATCHES, 'inline'),
    haltPollNs: wholeOf(given, 'haltPollNs', DEFAULT_CONFIG.haltPollNs),
    bootMs: wholeOf(given, 'bootMs', 20_000),
    boundMs: wholeOf(given, 'boundMs', 20_000),
    fault,
  };
}

function wholeOf(given: Given, name: keyof typeof RANGES, otherwise: number): number {
  const value = given[name] ?? otherwise;
  const [least, most] = RANGES[name];
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw wrong(`${name} is a whole number from ${least} to ${most}, not ${shown(value)}`);
}

function oneOf<T extends string>(given: Given, name: string, words: readonly T[], otherwise: T): T {
  const value = given[name] ?? otherwise;
  const found = words.find((word) => word === value);
  if (found !== undefined) return found;
  const near = typeof value === 'string' ? didYouMean(value, words) : '';
  throw wrong(`${name} is one of ${words.join(', ')}, not ${shown(value)}${near}`);
}

function sharedOf(value: unknown): SharedArrayBuffer | undefined {
  if (value === undefined || value instanceof SharedArrayBuffer) return value;
  throw wrong(`shared is a SharedArrayBuffer, not ${shown(value)}`);
}

function moduleOf(given: Given, name: 'guest' | 'device', must: string): string {
  const value = given[name];
  const isPath = typeof value === 'string' && value !== '' && !value.startsWith('file:');
  const isUrl = value instanceof URL || (typeof value === 'string' && URL.canParse(value));
  if (!isPath && !isUrl)
    throw wrong(
      `${name} is the URL or the path of a module that exports ${must}, such as new URL('./${name}.mjs', import.meta.url), not ${shown(value)}`,
    );
  const url = isPath ? pathToFileURL(resolve(value)) : new URL(value as string | URL);
  if (url.protocol !== 'file:')
    throw wrong(`${name} is a module in a file, with a URL that begins with file:, not ${url.href}`);
  const path = fileURLToPath(url);
  if (!existsSync(path)) throw new IrqError('ERR_FILE', `boot: ${name}: there is no file ${path}`);
  return url.href;
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? 'an array' : `an object of class ${value.constructor?.name ?? 'none'}`;
}

function wrong(why: string): IrqError {
  return new IrqError('ERR_USAGE', `boot: ${why}`);
}
