import { IrqError } from '../base/irq-error.ts';
import { didYouMean } from '../base/suggestion.ts';
import { STRATEGIES, type StrategyName, type Timeouts } from '../explore/index.ts';
import type { StressTopology } from './item.ts';

/** A program to search: a file of your own, a pattern of files, or the name of a program that comes with irqloom. */
export type SearchEntry = {
  /** Said in results; the scenario's own name where not given. */
  readonly name?: string;
  /** Relative to the campaign file; a name as `irqloom explore --list` prints it has no slash and no ending. */
  readonly scenario: string;
  readonly export?: string;
  readonly plain?: 'points' | 'off';
  /** One search, or several of the same program; `auto` where not given. */
  readonly strategy?: StrategyName | readonly StrategyName[];
  readonly depth?: number;
  readonly preemptions?: number;
  readonly delays?: number;
  readonly seed?: number;
  /** The most schedules; 100,000 for the random strategies, no bound for the others where not given. */
  readonly schedules?: number;
  /** The most time, in seconds of one thread, all jobs together; no bound where not given. */
  readonly seconds?: number;
  readonly steps?: number;
  readonly timeouts?: Timeouts;
  readonly dataRaces?: 'list' | 'fail';
};

/** Stress runs of one topology, each with a seed of its own. */
export type StressEntry = {
  readonly name?: string;
  readonly stress: StressTopology;
  /** How many runs, and how long each injects, s. */
  readonly runs: number;
  readonly seconds: number;
  /** Seed of the first run; the others count on from there. */
  readonly seed?: number;
};

export type CampaignItem = SearchEntry | StressEntry;

/** What `irqloom.campaign.ts` exports. */
export type Campaign = {
  readonly name?: string;
  readonly items: readonly CampaignItem[];
  /** How long a job takes, about, in seconds; 20 where not given. */
  readonly jobSeconds?: number;
  /** Patterns of files that scenarios read and do not import, relative to the campaign file: wasm modules, data. */
  readonly files?: readonly string[];
};

/** Gives a campaign its type: `export default defineCampaign({ items: [{ scenario: 'queue.mjs', strategy: 'dfs' }] })`. */
export function defineCampaign(campaign: Campaign): Campaign {
  return campaign;
}

type Check = (value: unknown) => string | undefined;

const text: Check = (value) => (typeof value === 'string' && value !== '' ? undefined : 'a text');
const whole =
  (low: number, high: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= low && (value as number) <= high
      ? undefined
      : `a whole number from ${low} to ${high}`;
const within =
  (low: number, high: number): Check =>
  (value) =>
    typeof value === 'number' && value >= low && value <= high ? undefined : `a number from ${low} to ${high}`;
const oneOf =
  (...choices: readonly string[]): Check =>
  (value) =>
    choices.includes(value as string) ? undefined : `one of ${choices.join(', ')}`;
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every((each) => check(each) === undefined)
      ? undefined
      : `a list, each ${check(undefined)}`;
const either =
  (a: Check, b: Check): Check =>
  (value) =>
    a(value) === undefined || b(value) === undefined ? undefined : `${a(value)}, or ${b(value)}`;

const SEED = whole(0, 2 ** 31 - 1);
const strategy = oneOf(...STRATEGIES);

const SEARCH: Readonly<Record<string, Check>> = {
  name: text,
  scenario: text,
  export: text,
  plain: oneOf('points', 'off'),
  strategy: either(strategy, listOf(strategy)),
  depth: whole(1, 64),
  preemptions: whole(0, 1_000_000),
  delays: whole(0, 1_000_000),
  seed: SEED,
  schedules: whole(1, Number.MAX_SAFE_INTEGER),
  seconds: within(0.01, 1e9),
  steps: whole(1, 10_000_000),
  timeouts: oneOf('late', 'any', 'never'),
  dataRaces: oneOf('list', 'fail'),
};

const STRESS: Readonly<Record<string, Check>> = {
  name: text,
  stress: (value) => (isObject(value) ? undefined : 'an object such as { vcpus: 2, devices: 2, events: 8 }'),
  runs: whole(1, 1_000_000),
  seconds: within(0.05, 3600),
  seed: SEED,
};

const TOPOLOGY: Readonly<Record<string, Check>> = {
  vcpus: whole(1, 512),
  devices: whole(1, 512),
  events: whole(1, 4096),
  spis: whole(0, 512),
  iterations: whole(0, 2 ** 31 - 1),
  lines: oneOf('irq-line', 'resample', 'both'),
  abi: text,
  churn: oneOf('none', 'light', 'heavy'),
  dispatch: oneOf('main', 'inline', 'both'),
  perturb: text,
  fault: text,
};

const CAMPAIGN: Readonly<Record<string, Check>> = {
  name: text,
  items: (value) => (Array.isArray(value) && value.length > 0 ? undefined : 'a list with an item or more'),
  jobSeconds: within(0.01, 600),
  files: listOf(text),
};

/**
 * Checks the shape of a campaign file's default export.
 * @throws IrqError `ERR_USAGE` with the file, the place in it, and what would be right
 */
export function checkCampaign(value: unknown, file: string): Campaign {
  const campaign = checkFields(value, CAMPAIGN, ['items'], file, 'the campaign') as Campaign;
  for (const [at, item] of campaign.items.entries()) {
    const where = `items[${at}]`;
    if (isObject(item) && 'stress' in item) {
      checkFields(item, STRESS, ['runs', 'seconds'], file, where);
      checkFields(item.stress, TOPOLOGY, ['vcpus', 'devices', 'events'], file, `${where}.stress`);
    } else checkFields(item, SEARCH, ['scenario'], file, where);
  }
  return campaign;
}

function checkFields(
  value: unknown,
  checks: Readonly<Record<string, Check>>,
  required: readonly string[],
  file: string,
  where: string,
): object {
  if (!isObject(value))
    throw wrong(file, where, `is ${say(value)}; right would be an object with ${required.join(', ')}`);
  const fields = value as Readonly<Record<string, unknown>>;
  for (const [key, given] of Object.entries(fields)) {
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (check === undefined)
      throw wrong(file, where, `has no field "${key}"${didYouMean(key, Object.keys(checks))}`);
    const right = given === undefined ? undefined : check(given);
    if (right !== undefined) throw wrong(file, `${where}.${key}`, `is ${say(given)}; right would be ${right}`);
  }
  const missing = required.find((key) => fields[key] === undefined);
  if (missing !== undefined) throw wrong(file, where, `has no ${missing}, which every one needs`);
  return value;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function say(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 80);
}

function wrong(file: string, where: string, text: string): IrqError {
  return new IrqError('ERR_USAGE', `${file}, ${where}: ${text}`);
}
