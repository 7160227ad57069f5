import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadCampaign } from '../../src/cli/campaign-load.ts';
import { answerOf, Folder, oneMachine, type Process, SEARCHES } from './campaigns.ts';

const CAMPAIGN = { name: 'searches', jobSeconds: 0.05, items: SEARCHES };
/** Before each but the first the campaign is resumed; the nightly run has more. */
const KILLS = 4;
const whole = new Folder(CAMPAIGN);
let expected: readonly object[] = [];
beforeAll(async () => {
  expected = await oneMachine(whole.path, SEARCHES);
}, 180_000);
afterAll(() => whole.remove());

const folders: Folder[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) folder.remove();
});

function folderOf(campaign: object): Folder {
  const folder = new Folder(campaign);
  folders.push(folder);
  return folder;
}

describe('a campaign on one machine', () => {
  test('adds up to what one thread says of each search, one job at a time', {
    timeout: 180_000,
  }, async () => {
    const { items, jobs } = await folderOf(CAMPAIGN).result('--jobs', '1');
    expect(items.map(answerOf)).toEqual(expected);
    expect(jobs.total).toBe(jobs.done);
    expect(jobs.total).toBeGreaterThan(3 * SEARCHES.length);
    for (const { name, failed, failures } of items)
      expect(
        failures.reduce((sum, { times }) => sum + times, 0),
        name,
      ).toBe(failed);
    // What is made smaller stays in its cause.
    for (const { cause, message } of items.flatMap(({ failures }) => failures)) {
      const [, outcome] = /^the outcome ("\d")/.exec(cause) ?? [];
      if (outcome !== undefined) expect(message).toContain(outcome);
    }
    const two = items.find(({ scenario }) => scenario === 'two-causes');
    expect(two?.failures.map(({ cause, proved }) => [cause, proved])).toEqual([
      ['right threw: second of #', true],
      ['stuck: left at wait of s.words[2]', true],
    ]);
  });

  test('a campaign goes on after kills with two jobs under way, counts neither twice, and misses no rest', {
    timeout: 240_000,
  }, async () => {
    const folder = folderOf(CAMPAIGN);
    for (let kills = 0; kills < KILLS; kills++) {
      const process = folder.start('--jobs', '2', ...(kills === 0 ? [] : ['--resume']));
      const target = (await folder.jobsDone()) + 1 + (kills % 3) * 3;
      expect(await process.endsBefore(async () => (await folder.jobsDone()) >= target)).toBe(false);
      process.kill('SIGKILL');
      await process.ended;
    }
    const { items, jobs, state } = await folder.result('--resume', '--jobs', '2');
    expect(state).toBe('done');
    expect(jobs.done).toBe(jobs.total);
    expect(items.map(answerOf)).toEqual(expected);
  });

  test('stops when another process says so, and resumes', { timeout: 180_000 }, async () => {
    // 30 steps of three threads: no machine comes to the end of it.
    const folder = folderOf({
      name: 'endless',
      jobSeconds: 0.5,
      items: [{ scenario: 'add-3x10', strategy: 'dfs' }],
    });
    const stopOf = async (process: Process) => {
      const before = await folder.jobsDone();
      await process.endsBefore(async () => (await folder.jobsDone()) > before + 2);
      const { stdout, status } = await folder.run('--stop');
      expect([status, stdout]).toEqual([0, expect.stringContaining('was told to stop')]);
      expect(await process.ended).toBe(130);
      return before;
    };
    const first = folder.start('--jobs', '1');
    await first.endsBefore(async () => (await folder.jobsDone()) > 0);
    expect((await folder.run()).stderr).toContain(
      'open jobs: --resume continues the campaign, --anew begins again',
    );
    expect((await folder.run('--resume')).stderr).toMatch(/process \d+ conducts the campaign of .* now/);
    await stopOf(first);
    expect((await folder.run('--status')).stdout).toMatch(/^endless: \d+ jobs open; \d+ of \d+ jobs done/);
    expect(await stopOf(folder.start('--resume', '--jobs', '1'))).toBeGreaterThan(2);
    expect((await folder.run('--stop')).stdout).toContain('no process conducts the campaign');
    expect((await folder.result('--results')).items[0]).toMatchObject({
      verdict: 'unknown',
      exhausted: false,
    });
  });

  test('Ctrl-C leaves a job that hears nothing open, and does not wait until the job is given up', {
    timeout: 180_000,
  }, async () => {
    const folder = folderOf({ name: 'deaf', items: [{ scenario: 'deaf.mjs' }] });
    folder.write(
      'deaf.mjs',
      "import { writeFileSync } from 'node:fs';\nwriteFileSync(new URL('begun', import.meta.url), '');\nfor (;;);\n",
    );
    const process = folder.start('--jobs', '1', '--json');
    expect(await process.endsBefore(async () => folder.has('begun'))).toBe(false);
    process.kill('SIGINT');
    expect(await process.ended).toBe(130);
    const { state, jobs, items } = await folder.result('--results');
    expect([state, jobs]).toEqual(['open', { total: 1, done: 0, failed: 0, retried: 0 }]);
    expect(items[0]?.problems).toEqual([]);
    // A job that is given up counts as tried.
    expect(process.output).toContain('"retried":0');
  });

  test('tries a poisoned job three times and wrong input once, says why, and goes on', {
    timeout: 180_000,
  }, async () => {
    const folder = folderOf({
      name: 'poison',
      items: [
        { scenario: 'fills-memory.mjs' },
        { scenario: 'wrong.mjs' },
        { scenario: 'add-2x5', strategy: 'dpor' },
      ],
    });
    folder.write('wrong.mjs', 'export default { threads: 3 };');
    const { stdout, status } = await folder.run('--json', '--jobs', '1');
    const { items, jobs } = JSON.parse(stdout);
    expect(jobs).toMatchObject({ failed: 2, retried: 2 });
    expect(items[0]).toMatchObject({
      verdict: 'unknown',
      problems: [{ does: 'plan', error: expect.stringContaining('ran out of memory'), wrongInput: false }],
    });
    expect(items[1].problems).toMatchObject([{ code: 'ERR_SCENARIO', wrongInput: true }]);
    expect(items[2]).toMatchObject({ verdict: 'pass', problems: [] });
    expect(status).toBe(2);
  });

  test('a campaign does not resume with other code, and says so', { timeout: 120_000 }, async () => {
    const items = [{ scenario: 'three-updates.mjs', strategy: 'random', schedules: 3000 }];
    const folder = folderOf({ items });
    expect((await folder.run()).status).toBe(1);
    folder.write(
      'three-updates.mjs',
      'export default { words: 1, threads: { a(w) { Atomics.load(w, 0); } } };',
    );
    const { status, stderr } = await folder.run('--resume');
    expect(status).toBe(2);
    expect(stderr).toContain('the code under test has changed since the campaign');
    expect((await folder.result('--anew')).items[0]).toMatchObject({ verdict: 'pass', schedules: 3000 });
  });

  test('adds stress runs up, and repeats what fails by its seed', { timeout: 120_000 }, async () => {
    const topology = { vcpus: 2, devices: 2, events: 2 };
    const folder = folderOf({
      items: [
        { stress: topology, runs: 2, seconds: 0.4, seed: 7 },
        { name: 'broken', stress: { ...topology, fault: 'drop-kick' }, runs: 1, seconds: 2, seed: 5 },
      ],
    });
    const { items } = await folder.result('--jobs', '1');
    expect(items[0]).toMatchObject({ kind: 'stress', verdict: 'pass', schedules: 2, failures: [] });
    const { delivered = 0, latencyNs } = items[0]?.stress ?? {};
    expect(delivered).toBeGreaterThan(0);
    expect(latencyNs?.count).toBeGreaterThan(0);
    expect(items[1]?.verdict).toBe('fail');
    expect(items[1]?.failures[0]?.token).toContain('--fault drop-kick --seconds 2 --seed 5');
  });

  test('ships a wasm module that the campaign names, and reports for a CI', {
    timeout: 120_000,
  }, async () => {
    const folder = folderOf({ items: [{ scenario: 'reads-wasm.mjs' }], files: ['*.wasm'] });
    const { status, stdout } = await folder.run('--junit', 'r.xml', '--markdown', 'r.md');
    expect(status, stdout).toBe(0);
    expect(folder.read('r.xml')).toContain('<testcase name="reads-wasm.mjs, auto"');
    expect(folder.read('r.md')).toMatch(/\| reads-wasm.mjs, auto \| pass \| 100 % \|/);
  });
});

describe('a campaign file that is wrong', () => {
  test.each([
    [{}, 'the campaign: has no items'],
    [{ items: [] }, 'items: is []; right would be a list with an item or more'],
    [{ items: [{ scenari: 'a.mjs' }] }, 'items[0]: has no field "scenari"; did you mean scenario?'],
    [
      { items: [{ scenario: 'a.mjs', depth: 99 }] },
      'items[0].depth: is 99; right would be a whole number from 1 to 64',
    ],
    [
      { items: [{ stress: { vcpus: 2, devices: 1 }, runs: 1, seconds: 1 }] },
      'items[0].stress: has no events',
    ],
    [
      { items: [{ scenario: 'a.mjs', strategy: [] }] },
      'items[0].strategy: is []; right would be one of auto, ',
    ],
    [
      { items: [{ scenario: 'a.mjs', strategy: ['dfs', 'pct'], delays: 1 }] },
      `items[0].delays: bounds dfs, and strategy is ["dfs","pct"]; right would be strategy: 'dfs'`,
    ],
    [
      { items: [{ scenario: 'a.mjs', strategy: 'dfs', delays: 1, preemptions: 2 }] },
      'items[0]: is bounded by preemptions and by delays; right would be one of them',
    ],
    [
      { items: [{ scenario: 'add-2x5' }, { scenario: 'add-0' }] },
      'items[1].scenario: there is no scenario "add-0"',
    ],
    [{ items: [{ scenario: 'nowhere.mjs' }] }, 'items[0].scenario: there is no file'],
    [{ items: [{ scenario: 'three-updates.mjs' }], files: ['*.none'] }, 'no file matches *.none'],
  ])('%j is refused', async (campaign, said) => {
    const file = join(folderOf(campaign).path, 'irqloom.campaign.json');
    await expect(loadCampaign(file)).rejects.toThrow(said);
  });

  test('a wrong campaign file ends the command with its message and status 2', async () => {
    const { status, stderr } = await folderOf({ items: [] }).run();
    expect(stderr).toContain('items: is []; right would be a list with an item or more');
    expect(status).toBe(2);
  });
});
