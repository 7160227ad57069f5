import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { irqloom } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-rotate-'));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

describe('irqloom stress --rotate', () => {
  test('stress --rotate prints one object with its turns, and the resources of the process after each', async () => {
    const { status, stdout, stderr } = await irqloom([
      ...['stress', '--rotate', '--seconds', '3', '--seed', '7', '--json', '--keep', file('none')],
    ]);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      schemaVersion: 1,
      command: 'stress',
      rotation: true,
      seed: 7,
      ...{ lost: 0, misrouted: 0, spurious: 0, stranded: 0, growth: [], failed: null },
    });
    expect(result.turns[0].use).toEqual({
      rssBytes: expect.any(Number),
      descriptors: expect.any(Number),
      threads: expect.any(Number),
    });
    expect(stderr).toMatch(/turn 0: .*seed \d+/);
    expect(stderr).toMatch(/the process holds [\d.]+ MiB resident, \d+ descriptors, \d+ threads/);
    expect(status).toBe(0);
    // Nothing failed, so no moment is there.
    expect(readdirSync(folder)).toEqual([]);
  });

  test('stress --rotate with a fault keeps the moment, prints both commands that repeat the failure, and --resume loads the moment', async () => {
    const moment = file('moment');
    const run = await irqloom([
      ...['stress', '--rotate', '--seconds', '30', '--seed', '7'],
      ...['--fault', 'drop-pending', '--keep', moment],
    ]);
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(/to repeat turn \d+: npx irqloom stress .*--fault drop-pending .*--seed \d+/);
    expect(run.stderr).toContain(
      `to repeat the rotation: npx irqloom stress --rotate --seconds 30 --fault drop-pending --keep ${moment} --seed 7`,
    );
    expect(run.stderr).toContain(`the moment is kept: npx irqloom stress --resume ${moment}`);

    const trace = file('trace.json');
    const resumed = await irqloom(['stress', '--resume', moment, '--trace', trace]);
    expect(resumed.stdout).toMatch(/pending nowhere: the signal was lost on its way/);
    expect(resumed.status).toBe(1);
    expect(JSON.parse(readFileSync(trace, 'utf8')).traceEvents.length).toBeGreaterThan(0);
  });

  test('stress --rotate ends at Ctrl-C with the turns until then', async () => {
    const { status, stdout } = await irqloom(['stress', '--rotate', '--seconds', '600'], {
      text: 'turn 0',
      act: (kill) => setTimeout(() => kill('SIGINT'), 1000),
    });
    expect(stdout).toMatch(/^1 turn in /);
    expect(status).toBe(130);
  });

  test.each(['-v', '-e', '--abi', '--churn', '--trace', '--report'])(
    'refuses %s, which is drawn or is about a single run',
    async (flag) => {
      const value = { '--abi': 'direct', '--churn': 'none' }[flag] ?? '1';
      const { status, stdout, stderr } = await irqloom(['stress', '--rotate', flag, value]);
      expect(stderr).toMatch(/--rotate draws the settings of each turn from --seed: leave out --\w+/);
      expect([status, stdout]).toEqual([2, '']);
    },
  );
});

describe('irqloom stress --keep and --resume', () => {
  test('a file that cannot be written costs the moment, and not the result', async () => {
    const { status, stdout, stderr } = await irqloom([
      ...['stress', '-v', '2', '-d', '1', '-e', '2', '-s', '3'],
      ...['--fault', 'drop-pending', '--keep', '/dev/full'],
    ]);
    expect(stdout).toMatch(/^lost [1-9]\d*, /m);
    expect(stderr).toMatch(/\/dev\/full cannot be written: ENOSPC/);
    expect(stderr).not.toContain('the moment is kept');
    expect(status).toBe(1);
  });

  test('--resume refuses a file that is no moment', async () => {
    writeFileSync(file('other'), 'a text');
    for (const path of [file('other'), file('missing'), folder]) {
      const { status, stdout, stderr } = await irqloom(['stress', '--resume', path]);
      expect(stderr).toMatch(/is no kept moment|no such file|is a directory/);
      expect([status, stdout]).toEqual([2, '']);
    }
  });
});
