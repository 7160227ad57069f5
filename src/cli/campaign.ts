import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Argument, Command } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import { shellWord } from '../base/shell-word.ts';
import {
  type CampaignResult,
  type Conducted,
  type Crew,
  conduct,
  FleetCrew,
  Ledger,
  LocalCrew,
  reach,
  resultOfLedger,
} from '../campaign/index.ts';
import { campaignMarkdown, campaignSuite, campaignText, stateText } from '../report/campaign-text.ts';
import { junitXml } from '../report/junit.ts';
import { findCampaign, type Loaded, loadCampaign, statePath } from './campaign-load.ts';
import { CampaignPage, serveOption } from './campaign-page.ts';
import { alone } from './config-file.ts';
import { withExamples } from './examples.ts';
import { EXIT, interruptible } from './exit.ts';
import { Outputs } from './outputs.ts';
import { ProgressLine } from './progress-line.ts';
import { redisUrl } from './redis-url.ts';
import { print, say } from './stdout.ts';
import { wholeNumber } from './values.ts';

type Flags = {
  jobs?: number;
  redis?: string;
  state?: string;
  resume?: boolean;
  anew?: boolean;
  status?: boolean;
  stop?: boolean;
  results?: boolean;
  serve?: { host: string; port: number };
  json?: boolean;
  junit?: string;
  markdown?: string;
};

const EXAMPLES = [
  ['campaign examples/campaign.ts', 'every item, on all cores; --resume goes on after a stop'],
  ['campaign campaign.json --redis redis://localhost --serve', 'on a fleet, with a live page'],
] as const;

/** `irqloom campaign`: searches and stress runs that outgrow one process, cut into jobs, and added up. */
export function campaignCommand(): Command {
  const command = new Command('campaign')
    .summary(
      'searches and stress runs cut into jobs: on all cores, or on a fleet over Redis; stopped and resumed',
    )
    .description(
      'Runs the items of a campaign file (searches of scenarios, stress runs) as jobs of about 20 s, and adds the results up as if one machine had run all jobs. Every failing schedule is counted; failures are listed by cause, each with its smallest schedule. The state lies in a SQLite file: kill the process at any time, and --resume goes on.\n' +
        'Exit status 1 if an item fails, 3 if one has no answer, 130 if the campaign was stopped.',
    )
    .addArgument(
      new Argument('[file]', 'campaign file (default: irqloom.campaign.ts, .mjs, .js, .json in this folder)'),
    )
    .option('--jobs <n>', 'threads of this machine (default: its cores)', wholeNumber(1, 256))
    .option(
      '--redis <url>',
      'give the jobs to the workers of a Redis server (irqloom worker), and do none here; env: the URL is in the environment variable IRQLOOM_REDIS_URL',
    )
    .option('--state <file>', 'SQLite file of the state (default: the name of the campaign file, .sqlite)')
    .option('--resume', 'go on with the campaign of the state file')
    .option('--anew', 'begin anew, and remove the campaign of the state file')
    .option('--status', 'print only how far the campaign is')
    .option('--results', 'print only the findings so far')
    .option('--stop', 'tell the process that conducts the campaign to stop')
    .addOption(serveOption())
    .option('--json', 'print the result as one JSON object')
    .option('--junit <file>', 'write the result as a JUnit report, for CI')
    .option('--markdown <file>', 'write the result as markdown, for the summary of a CI job')
    .action(async (file: string | undefined, flags: Flags) => {
      process.exitCode = await campaign(file ?? findCampaign(), flags);
    });
  return withExamples(command, EXAMPLES);
}

const MODES = ['resume', 'anew', 'status', 'results', 'stop'] as const;

async function campaign(file: string, flags: Flags): Promise<number> {
  const given = MODES.filter((mode) => flags[mode]);
  if (given.length > 1)
    throw new IrqError('ERR_USAGE', `--${given.join(' and --')} exclude each other: leave one`);
  const path = statePath(file, flags.state);
  if (flags.stop) return stop(path);
  if (flags.status || flags.results) {
    const ledger = await Ledger.open(path);
    const result = resultOfLedger(ledger);
    ledger.close();
    if (flags.json) print(`${JSON.stringify(result)}\n`);
    else print(flags.status ? `${result.name}: ${stateText(result)}\n` : campaignText(result));
    return write(flags, result, flags.status ? EXIT.held : exitOf(result, 'done'));
  }
  const outputs = new Outputs();
  const files = { junit: outputs.open(flags.junit), markdown: outputs.open(flags.markdown) };
  const loaded = await loadCampaign(file);
  // Nothing is begun where the server is not there.
  const url = flags.redis === undefined ? undefined : redisUrl(flags.redis);
  if (url !== undefined) await reach(url);
  const ledger = await openLedger(path, loaded, flags);
  try {
    refuseSecond(ledger, path);
    return await interruptible(async (signal) => {
      const ended = await run(ledger, loaded, { ...flags, url }, signal);
      const result = resultOfLedger(ledger);
      print(flags.json ? `${JSON.stringify(result)}\n` : campaignText(result));
      if (ended === 'stopped') say(`stopped; to go on: ${resumeCommand(file, flags.state)}\n`);
      outputs.plan(files.junit, () => junitXml(campaignSuite(result)));
      outputs.plan(files.markdown, () => campaignMarkdown(result));
      return outputs.write(exitOf(result, ended));
    });
  } finally {
    ledger.close();
  }
}

/** The command that goes on with a campaign, where the state lies. */
function resumeCommand(file: string, state: string | undefined): string {
  const where = state === undefined ? '' : ` --state ${shellWord(state)}`;
  return alone(`npx irqloom campaign ${shellWord(file)} --resume${where}`);
}

function write({ junit, markdown }: Flags, result: CampaignResult, status: number): number {
  const outputs = new Outputs();
  outputs.plan(outputs.open(junit), () => junitXml(campaignSuite(result)));
  outputs.plan(outputs.open(markdown), () => campaignMarkdown(result));
  return outputs.write(status);
}

async function run(
  ledger: Ledger,
  loaded: Loaded,
  { jobs = availableParallelism(), url, serve }: Flags & { url: string | undefined },
  signal: AbortSignal,
): Promise<Conducted> {
  const line = new ProgressLine();
  const page = serve === undefined ? undefined : await CampaignPage.open(serve, resultOfLedger(ledger));
  if (page !== undefined) say(`the campaign as a page: ${page.address}\n`);
  const crew = await crewOf(ledger, loaded, jobs, url);
  try {
    return await conduct(ledger, crew, {
      signal,
      onProgress: (result) => {
        page?.show(result);
        line.show(() => stateText(result));
      },
    });
  } finally {
    line.clear();
    await crew.close();
    await page?.close();
  }
}

async function crewOf(
  ledger: Ledger,
  { code }: Loaded,
  threads: number,
  url: string | undefined,
): Promise<Crew> {
  const { root, jobSeconds: slice, id: campaign } = ledger.header;
  if (url === undefined) return new LocalCrew({ threads, root, slice });
  return FleetCrew.open(url, { code, slice, campaign });
}

async function openLedger(path: string, { header }: Loaded, flags: Flags): Promise<Ledger> {
  const { existsSync } = await import('node:fs');
  if (!existsSync(path)) {
    if (flags.resume)
      throw new IrqError('ERR_FILE', `there is no ${path} to go on with: leave out --resume to begin`);
    return Ledger.create(path, header);
  }
  const ledger = await Ledger.open(path);
  if (flags.resume) {
    const { items, code, root } = ledger.header;
    const now = { items: header.items, code: header.code, root: header.root };
    if (JSON.stringify({ items, code, root }) === JSON.stringify(now)) return ledger;
    ledger.close();
    throw new IrqError(
      'ERR_USAGE',
      `${code === now.code ? header.file : 'the code under test'} has changed since the campaign of ${path} began, and results of both do not add up: --anew begins again`,
    );
  }
  const open = ledger.countOpen();
  if (open > 0 && !flags.anew) {
    ledger.close();
    throw new IrqError(
      'ERR_USAGE',
      `${path} has a campaign with ${open} open jobs: --resume continues the campaign, --anew begins again`,
    );
  }
  refuseSecond(ledger, path);
  ledger.close();
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
  return Ledger.create(path, header);
}

/** A process that has been silent for so long does not conduct any more, even where another process has its number, ms. */
const SILENT_MS = 60_000;

/** The process that conducts a campaign now, other than this one. */
function runnerOf(ledger: Ledger): number | undefined {
  const text = ledger.get('runner');
  if (text === undefined || text === '') return undefined;
  const { pid, at } = JSON.parse(text) as { pid: number; at: number };
  if (pid === process.pid || Date.now() - at > SILENT_MS) return undefined;
  try {
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined;
  }
}

function refuseSecond(ledger: Ledger, path: string): void {
  const pid = runnerOf(ledger);
  if (pid !== undefined)
    throw new IrqError(
      'ERR_USAGE',
      `process ${pid} conducts the campaign of ${path} now: --status shows how far, --stop ends it`,
    );
}

async function stop(path: string): Promise<number> {
  const ledger = await Ledger.open(path);
  try {
    const pid = runnerOf(ledger);
    if (pid === undefined) {
      print(`no process conducts the campaign of ${path} now\n`);
      return EXIT.held;
    }
    ledger.set('stop', '1');
    print(`process ${pid} was told to stop; its jobs under way end, or are left to --resume\n`);
    return EXIT.held;
  } finally {
    ledger.close();
  }
}

function exitOf({ items }: CampaignResult, ended: Conducted): number {
  if (ended === 'stopped') return EXIT.interrupted;
  if (items.some(({ verdict }) => verdict === 'fail')) return EXIT.failed;
  if (items.every(({ verdict }) => verdict === 'pass')) return EXIT.held;
  const isOfInput = items.some(({ problems }) => problems.some(({ wrongInput }) => wrongInput));
  return isOfInput ? EXIT.usage : EXIT.noAnswer;
}
