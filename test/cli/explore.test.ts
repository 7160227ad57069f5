import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { irqloom } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-explore-'));
const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/explore/${name}`, import.meta.url));

afterAll(() => rmSync(folder, { recursive: true }));

async function json(
  args: readonly string[],
): Promise<{ status: number | null; result: Record<string, unknown> }> {
  const { status, stdout, stderr } = await irqloom([...args, '--json']);
  expect(stdout, stderr).not.toBe('');
  return { status, result: JSON.parse(stdout) };
}

describe('irqloom explore', () => {
  test('explore prints a failure as columns, with its token and the command that repeats the failure', async () => {
    const { status, stdout } = await irqloom(['explore', 'futex-lost-wakeup']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^futex-lost-wakeup: fail/);
    expect(stdout).toMatch(/; strategy auto \(found by random\), seed 0$/m);
    expect(stdout).toMatch(/missed-notify: waiter sleeps on s\[0\] = 0, and the word is 1 now/);
    expect(stdout).toMatch(/lines responsible: src\/races\/litmus\/programs\.ts:\d+/);
    expect(stdout).toMatch(/4 steps, 1 preemption, proved minimal:/);
    expect(stdout).toMatch(/▶ +waiter +load +s\[0\] += 0 +src\/races\/litmus\/programs\.ts:\d+/);
    const command = /repeat {2}npx irqloom (.*)/.exec(stdout)?.[1]?.split(' ') ?? [];
    const again = await irqloom(command);
    expect(again.status).toBe(1);
    expect(again.stdout).toMatch(/missed-notify, replayed \(simulated\)/);
  });

  test('explore lists the data races of accesses without Atomics beside the failure, each with both lines', async () => {
    const { status, stdout } = await irqloom(['explore', 'examples/plain-counter.mjs']);
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /^\d data races?:\n {2}s\.counter\[0\]: left read examples\/plain-counter\.mjs:10, right write examples\/plain-counter\.mjs:13$/m,
    );
    expect(stdout).toMatch(/4 steps, 1 preemption, proved minimal:/);
  });

  test('explore --json prints the same failure as JSON', async () => {
    const { status, result } = await json(['explore', 'lost-update-2x1', '--seed', '5', '--strategy', 'pct']);
    expect(status).toBe(1);
    expect(result).toMatchObject({
      schemaVersion: 1,
      command: 'explore',
      scenario: 'lost-update-2x1',
      strategy: 'pct',
      foundBy: 'pct(3)',
      seed: 5,
      verdict: 'fail',
      exhausted: false,
      schedules: expect.any(Number),
      steps: expect.any(Number),
      seconds: expect.any(Number),
      schedulesPerSecond: expect.any(Number),
      stepsPerSecond: expect.any(Number),
      failure: {
        kind: 'assertion',
        message: expect.any(String),
        token: expect.stringMatching(/^x1:lost-update-2x1:/),
        preemptions: 1,
        minimal: 'proved',
        steps: 4,
        threads: [
          { name: 't0', state: 'ended' },
          { name: 't1', state: 'ended' },
        ],
        trace: expect.arrayContaining([
          {
            thread: 't1',
            op: 'load',
            target: 's[0]',
            value: null,
            result: 0,
            site: expect.any(String),
            callers: expect.any(Array),
            preempted: true,
          },
        ]),
      },
    });
  });

  test('explore exits with 0 for a scenario that holds, and with 3 for an unfinished search', async () => {
    expect(await json(['explore', 'futex-mutex-2', '--strategy', 'dpor'])).toMatchObject({
      status: 0,
      result: { verdict: 'pass', exhausted: true, schedules: 24 },
    });
    expect(await json(['explore', 'futex-mutex-3', '--strategy', 'dpor', '--seconds', '0.05'])).toMatchObject(
      { status: 3, result: { verdict: 'unknown', exhausted: false } },
    );
  });

  test('explore takes bounds, counts all failures, and gives the same answer with several jobs', async () => {
    const { result } = await json([
      'explore',
      'lost-update-2x2',
      '--strategy',
      'dfs',
      '--preemptions',
      '2',
      '--all',
    ]);
    expect(result).toMatchObject({ schedules: 26, exhausted: true, verdict: 'fail' });
    expect(await json(['explore', 'lost-update-2x2', '--strategy', 'dfs', '--delays', '1'])).toMatchObject({
      status: 1,
    });
    const { result: two } = await json([
      'explore',
      'lost-update-2x2',
      '--strategy',
      'dfs',
      '--preemptions',
      '2',
      '--all',
      '--jobs',
      '2',
    ]);
    expect(two.failures).toBe(result.failures);
    expect(two.failure).toEqual(result.failure);
  });

  test('explore confirms a failure in real threads, and runs free threads', async () => {
    const { status, result } = await json(['explore', 'clear-after-drain.buggy', '--executor', 'lockstep']);
    expect(status).toBe(1);
    expect(result).toMatchObject({
      executor: 'lockstep',
      confirmed: { schedules: 1, agreed: 1, sameTrace: true },
    });
    expect(
      await json(['explore', fixture('always-fails.mjs'), '--executor', 'free', '--runs', '50']),
    ).toMatchObject({ status: 1, result: { executor: 'free', runs: 50, failures: 50, verdict: 'fail' } });
    const text = await irqloom(['explore', 'futex-correct', '--executor', 'free', '--runs', '50']);
    expect(text).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/50 runs of free threads, 0 failed \(never\)/),
    });
  });

  test('explore writes a page, and a test that repeats the failure', async () => {
    const [report, saved] = [join(folder, 'report.html'), join(folder, 'saved.test.ts')];
    await irqloom(['explore', fixture('lost-update.ts'), '--report', report, '--save', saved]);
    expect(readFileSync(report, 'utf8')).toMatch(/<table class="lanes"/);
    expect(readFileSync(saved, 'utf8')).toMatch(/replay\("x1:lost-update:[^"]+", scenario\)/);
    const holds = join(folder, 'holds.test.ts');
    await irqloom(['explore', fixture('lost-update-mended.ts'), '--save', holds]);
    expect(existsSync(holds)).toBe(false);
  });

  test('explore --list names the scenarios of irqloom', async () => {
    const { status, stdout } = await irqloom(['explore', '--list']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^lost-update-#x# +n threads/m);
  });
});

describe('irqloom replay', () => {
  test('replay gives the same trace under both executors', async () => {
    for (const name of ['bluetooth', fixture('sleepers.mjs'), fixture('lost-update.ts')]) {
      const { result } = await json(['explore', name]);
      const { token } = result.failure as { token: string };
      const simulated = await json(['replay', token, name]);
      const lockstep = await json(['replay', token, name, '--executor', 'lockstep']);
      expect(simulated).toMatchObject({
        status: 1,
        result: { command: 'replay', executor: 'simulated', verdict: 'fail' },
      });
      expect(lockstep).toMatchObject({
        status: 1,
        result: { executor: 'lockstep', verdict: 'fail', sameTrace: true },
      });
      expect(lockstep.result.trace).toEqual(simulated.result.trace);
      expect((simulated.result.trace as object[]).length).toBeGreaterThan(2);
    }
  });

  test('replay says at which step changed code went another way', async () => {
    const { result } = await json(['explore', fixture('lost-update.ts')]);
    const { token } = result.failure as { token: string };
    const { status, stdout } = await irqloom(['replay', token, fixture('lost-update-mended.ts')]);
    expect(status).toBe(3);
    expect(stdout).toMatch(/diverged at step 1: expected load, saw add/);
  });
});

describe('explore names bad input plainly, with status 2', () => {
  test.each([
    [['explore'], /name a scenario file/],
    [['explore', 'lost-update-2x'], /there is no scenario "lost-update-2x".*did you mean lost-update-2x1\?/],
    [['explore', 'nowhere.mjs'], /there is no file nowhere\.mjs \(ERR_FILE\)/],
    [['explore', 'lost-update-99x1'], /the numbers of lost-update-#x# go up to 16 and 100/],
    [['explore', fixture('no-default.mjs')], /has no default export \(it exports scenario\)/],
    [
      ['explore', fixture('async-thread.mjs')],
      /`threads\.a` is async, .* wait with Atomics\.wait in the place of await/,
    ],
    [['explore', fixture('generator-thread.mjs')], /`threads\.a` is a generator, .* Take the \* away/],
    [
      ['explore', fixture('with-function.mjs'), '--executor', 'lockstep'],
      /state\.bump is a function, which cannot be sent to a real thread/,
    ],
    [
      ['explore', fixture('with-class.mjs'), '--executor', 'free'],
      /state\.counters\[0\] is an object of class Counter/,
    ],
    [['explore', 'bluetooth', '--strategy', 'luck'], /'luck' is invalid.*auto, random, pct/],
    [['explore', '--list', '--json'], /--list only prints names: leave out --json/],
    [['explore', '--list', 'bluetooth'], /--list only prints names: leave out bluetooth/],
    [
      ['explore', 'bluetooth', '--strategy', 'dfs', '--depth', '2'],
      /--depth is for --strategy pct, .*; dfs has none/,
    ],
    [
      ['explore', 'bluetooth', '--executor', 'free', '--schedules', '5'],
      /--schedules is for a search, and --executor free does none/,
    ],
    [
      ['explore', fixture('lost-update.ts'), '--save', 'again.ts'],
      /--save again\.ts: vitest takes no file of that name for a test; right would be again\.test\.ts/,
    ],
    [['explore', fixture('lost-update.ts'), '--save', ''], /right would be schedule\.test\.ts/],
    [
      ['explore', fixture('lost-update.ts'), '--report', fixture('lost-update.ts')],
      /is the scenario itself, and would be overwritten/,
    ],
    [['explore', 'bluetooth', '--preemptions', '1'], /bound a search of --strategy dfs/],
    [
      ['explore', 'bluetooth', '--strategy', 'dfs', '--preemptions', '1', '--delays', '1'],
      /by preemptions or by delays, not by both/,
    ],
    [['explore', 'bluetooth', '--shard', '3/2'], /give the form i\/n/],
    [
      ['explore', 'bluetooth', '--strategy', 'states', '--shard', '1/2'],
      /states cannot be divided among shards/,
    ],
    [['explore', 'bluetooth', '--runs', '3'], /--runs is for --executor free or lockstep/],
    [
      ['explore', 'bluetooth', '--executor', 'free', '--report', 'x.html'],
      /free threads have no schedule to show/,
    ],
    [['explore', 'bluetooth', '--save', 'x.test.ts'], /--save is for scenarios in files of your own/],
    [['explore', 'bluetooth', '--report', join(folder, 'no', 'such', 'folder.html')], /cannot be written/],
    [['replay', 'hello', 'bluetooth'], /not a token/],
    [['replay', 'x1:bluetooth:0.l:1.1:AEJHDGJC:r4n0ef', 'bluetooth'], /the token is damaged/],
    [
      ['replay', 'x9:bluetooth:0.l:1.1:AEJHDGJC:r4n0ee', 'bluetooth'],
      /of version x9, and this irqloom reads x1/,
    ],
    [
      ['replay', 'x1:bluetooth:0.l:1.1:AEJHDGJC:r4n0ee', 'deadlock01'],
      /is of scenario bluetooth, and this one is deadlock01/,
    ],
  ] as const)('%j', async (args, message) => {
    const { status, stderr } = await irqloom(args);
    expect(stderr.replaceAll('\n', ' ')).toMatch(message);
    expect(status).toBe(2);
  });

  test('a thread that never ends is a verdict, and no hang', async () => {
    const { status, stdout } = await irqloom(['explore', fixture('never-ends.mjs'), '--seconds', '5']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/livelock: a has come to no operation for \d+ s, and was stopped/);
  });
});
