import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, dirname, extname, relative, resolve, sep } from 'node:path';
import { globSync } from 'tinyglobby';
import { IrqError } from '../base/irq-error.ts';
import {
  type Campaign,
  type CampaignItem,
  type Code,
  checkCampaign,
  type Header,
  type Item,
  type ItemSource,
  packCode,
} from '../campaign/index.ts';
import type { ScenarioSource, StrategyName } from '../explore/index.ts';
import { loadConfig } from './config-load.ts';
import { findScenarios } from './scenario.ts';

/** A campaign file, read, with the code that the file names. */
export type Loaded = { readonly header: Header; readonly code: Code };

const NAMES = ['.ts', '.mjs', '.js', '.json'].map((extension) => `irqloom.campaign${extension}`);
const JOB_SECONDS = 20;

/** The campaign file of the working directory. @throws IrqError `ERR_USAGE` where there is none */
export function findCampaign(): string {
  const found = NAMES.find((name) => existsSync(name));
  if (found !== undefined) return found;
  throw new IrqError(
    'ERR_USAGE',
    `name a campaign file: there is no ${NAMES[0]} in this folder (docs/campaigns.md has an example)`,
  );
}

/** Where the state of a campaign lies: in the working directory, unless `--state` says otherwise. */
export function statePath(file: string, given: string | undefined): string {
  if (given !== undefined) return given;
  return `${basename(file, extname(file))}.sqlite`;
}

/**
 * Reads a campaign file, finds the scenarios that the file names, and reads their code. Runs none of their modules.
 * @throws IrqError `ERR_FILE`, `ERR_USAGE`, `ERR_SCENARIO`
 */
export async function loadCampaign(file: string): Promise<Loaded> {
  const value = await loadConfig(file, {
    holds: 'a campaign',
    lacks: 'is no campaign',
    right: "export default { items: [{ scenario: 'queue.mjs', strategy: 'dfs' }] }",
  });
  const campaign = checkCampaign(value, file);
  const folder = dirname(resolve(file));
  const found = (
    await Promise.all(campaign.items.map((item, at) => findItems(item, folder, `${file}, items[${at}]`)))
  ).flat();
  const entries = found.flatMap(({ source }) =>
    source !== undefined && 'file' in source ? [source.file] : [],
  );
  const code = await packCode([...new Set(entries)], extraFiles(campaign, folder, file));
  const header = {
    id: randomBytes(6).toString('hex'),
    name: campaign.name ?? basename(file).replace(/(?:\.campaign)?\.\w+$/, ''),
    file,
    items: named(
      found.map(({ item, source }) => (source === undefined ? item : placed(item, source, code.root))),
    ),
    jobSeconds: campaign.jobSeconds ?? JOB_SECONDS,
    code: code.hash,
    root: code.root,
  };
  return { header, code };
}

function extraFiles({ files = [] }: Campaign, folder: string, file: string): string[] {
  return files.flatMap((pattern) => {
    const found = globSync(pattern, { cwd: folder, absolute: true, ignore: ['**/node_modules/**'] }).sort();
    if (found.length > 0) return found;
    throw new IrqError('ERR_FILE', `${file}, files: no file matches ${pattern} in ${folder}`);
  });
}

type FoundItem = { readonly item: Item; readonly source?: ScenarioSource };

/** The items of an entry: one for each of the entry's scenarios and each strategy. */
async function findItems(entry: CampaignItem, folder: string, where: string): Promise<FoundItem[]> {
  if ('stress' in entry) {
    const { name, stress, runs, seconds, seed = 0 } = entry;
    const { vcpus, devices, events } = stress;
    const label = name ?? `stress of ${vcpus} vCPUs, ${devices} devices, ${events} events`;
    return [{ item: { kind: 'stress', name: label, topology: stress, seed, runs, seconds } }];
  }
  const { name, scenario, export: exported, plain, strategy = 'auto', seconds, ...options } = entry;
  const isFile = /[/\\*?[\]{}]|\.[cm]?[jt]s$/.test(scenario);
  const argument = isFile ? relative(process.cwd(), resolve(folder, scenario)) || scenario : scenario;
  const flags = {
    ...(exported === undefined ? {} : { export: exported }),
    ...(plain === undefined ? {} : { plain }),
  };
  const sources = await findScenarios(isFile ? `.${sep}${argument}` : argument, flags).catch(
    (error: unknown) => {
      if (!(error instanceof IrqError)) throw error;
      throw new IrqError(error.code, `${where}.scenario: ${error.message}`, { cause: error });
    },
  );
  const strategies: readonly StrategyName[] = typeof strategy === 'string' ? [strategy] : strategy;
  return sources.flatMap(({ argument: found, source }) =>
    strategies.map((each) => ({
      source,
      item: {
        kind: 'search',
        name: name ?? `${basename(found)}${exported === undefined ? '' : ` ${exported}`}, ${each}`,
        source: { file: '' },
        options: { ...options, strategy: each },
        ...(seconds === undefined ? {} : { seconds }),
      },
    })),
  );
}

/** The item with its source in a form that any machine finds. */
function placed(item: Item, source: ScenarioSource, root: string): Item {
  if (item.kind === 'stress') return item;
  return { ...item, source: portable(source, root) };
}

function portable(source: ScenarioSource, root: string): ItemSource {
  if ('file' in source) return { ...source, file: relative(root, source.file).split(sep).join('/') };
  const [, own = ''] = /\/src\/(.*)$/.exec(source.module) ?? [];
  return { own, name: source.name, arguments: source.arguments ?? [] };
}

/** Items of the same name get numbers. */
function named(items: readonly Item[]): Item[] {
  const seen = new Map<string, number>();
  return items.map((item) => {
    const times = (seen.get(item.name) ?? 0) + 1;
    seen.set(item.name, times);
    return times === 1 ? item : { ...item, name: `${item.name} (${times})` };
  });
}
