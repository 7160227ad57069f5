import { IrqError } from '../base/irq-error.ts';
import { didYouMean } from '../base/suggestion.ts';
import { DISPATCHES, FAULTS } from '../board/config.ts';
import { STRATEGIES } from '../explore/index.ts';
import { PERTURBATIONS } from '../memory/perturbation/timing.ts';
import { CHURNS, LINE_MODES } from '../stress/index.ts';
import { DESIGN_NAMES } from '../vmm/design.ts';
import type { Campaign, SearchEntry } from './file.ts';

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
    typeof value === 'number' && value >= low && value <= high
      ? undefined
      : `a number from ${low} to ${high}`;
const oneOf =
  (...choices: readonly string[]): Check =>
  (value) =>
    choices.includes(value as string) ? undefined : `one of ${choices.join(', ')}`;
const listOf =
  (check: Check, least = 0): Check =>
  (value) =>
    Array.isArray(value) && value.length >= least && value.every((each) => check(each) === undefined)
      ? undefined
      : `a list${least > 0 ? `, not empty` : ''}, each ${check(undefined)}`;
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
  strategy: either(strategy, listOf(strategy, 1)),
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
  lines: oneOf(...LINE_MODES),
  abi: oneOf(...DESIGN_NAMES),
  churn: oneOf(...CHURNS),
  dispatch: oneOf(...DISPATCHES, 'both'),
  perturb: oneOf(...PERTURBATIONS),
  fault: oneOf(...FAULTS),
};

const CAMPAIGN: Readonly<Record<string, Check>> = {
  name: text,
  items: (value) => (Array.isArray(value) && value.length > 0 ? undefined : 'a list with an item or more'),
  jobSeconds: within(0.01, 600),
  files: listOf(text),
};

/**
 * Checks the shape of a campaign file's default export.
 * @throws IrqError `ERR_USAGE` with the file, the place in the file, and the right form
 */
export function checkCampaign(value: unknown, file: string): Campaign {
  const campaign = checkFields(value, CAMPAIGN, ['items'], file, 'the campaign') as Campaign;
  for (const [at, item] of campaign.items.entries()) {
    const where = `items[${at}]`;
    if (isObject(item) && 'stress' in item) {
      checkFields(item, STRESS, ['runs', 'seconds'], file, where);
      checkFields(item.stress, TOPOLOGY, ['vcpus', 'devices', 'events'], file, `${where}.stress`);
    } else checkBounds(checkFields(item, SEARCH, ['scenario'], file, where), file, where);
  }
  return campaign;
}

/** Bounds are those of a depth-first search, and one search has one. */
function checkBounds(item: Partial<SearchEntry>, file: string, where: string): void {
  const { strategy = 'auto', preemptions, delays } = item;
  const bound = preemptions === undefined ? 'delays' : 'preemptions';
  if ((preemptions ?? delays) === undefined) return;
  if (preemptions !== undefined && delays !== undefined)
    throw wrong(file, where, 'is bounded by preemptions and by delays; right would be one of them');
  if ([strategy].flat().some((each) => each !== 'dfs'))
    throw wrong(
      file,
      `${where}.${bound}`,
      `bounds dfs, and strategy is ${say(strategy)}; right would be strategy: 'dfs'`,
    );
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
    if (right !== undefined)
      throw wrong(file, `${where}.${key}`, `is ${say(given)}; right would be ${right}`);
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
