import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { irqloom } from './run.ts';

const BARE = fileURLToPath(new URL('../../guests/bare/bare.bin', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'irqloom-explore-guest-'));
afterAll(() => rmSync(folder, { recursive: true }));

const race = (append: string) => [
  ...['explore', '--guest', BARE, '--append', `semihosting race=${append}`],
  ...['--from', 'guest: ready', '--memory', '16', '--seed', '1'],
];

describe('irqloom explore --guest', () => {
  test('explore --guest shows the failing schedule in columns, exits 1, and replay of its token fails in the same way', async () => {
    const page = join(folder, 'race.html');
    const { status, stdout } = await irqloom([...race('wake bug=1'), '--report', page]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/bare\.bin: deadlock: vCPU 0, 1: asleep/);
    expect(stdout).toMatch(/^ +vCPU 0 +vCPU 1$/m);
    expect(stdout).toContain('▶ preempted');
    expect(readFileSync(page, 'utf8')).toContain('▶ preempted');
    const token = /^repeat {2}npx irqloom replay --guest \S+ (\S+)$/m.exec(stdout)?.[1] ?? '';
    const replay = await irqloom(['replay', '--guest', BARE, token]);
    expect(replay.status).toBe(1);
    expect(replay.stdout).toMatch(/bare\.bin: deadlock: vCPU 0, 1: asleep/);
  });

  test('explore --guest --json prints one object; a search without a failure is unknown, and exits 3', async () => {
    const { status, stdout } = await irqloom([...race('wake'), '--schedules', '50', '--json']);
    expect(status).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      schemaVersion: 1,
      command: 'explore',
      verdict: 'unknown',
      exhausted: false,
      schedules: 50,
      seed: 1,
    });
    const found = await irqloom([...race('publish bug=1'), '--memory', 'arm', '--json']);
    expect(found.status).toBe(1);
    const { failure, verdict } = JSON.parse(found.stdout);
    expect(verdict).toBe('fail');
    const replay = await irqloom(['replay', '--guest', BARE, failure.token, '--json']);
    expect(JSON.parse(replay.stdout)).toMatchObject({
      command: 'replay',
      verdict: 'fail',
      lanes: failure.lanes,
    });
  });

  test.each([
    ['scenario options with a guest', [...race('wake'), '--jobs', '2'], '--jobs is of scenarios'],
    ['a scenario beside a guest', [...race('wake'), 'x.mjs'], 'leave out --guest, or x.mjs'],
    ["a scenario's strategy", [...race('wake'), '--strategy', 'dfs'], '--strategy dfs is for scenarios'],
    ['options of a guest without one', ['explore', 'x.mjs', '--vcpus', '2'], '--vcpus is of a guest'],
    ['a memory model that is none', [...race('wake'), '--memory', 'weak'], 'one of strong, arm'],
    ['a moment that never comes', [...race('wake'), '--from', 'nowhere'], 'before its console had "nowhere"'],
    [
      'symbols of a file without any',
      [...race('wake'), '--symbols', BARE],
      'bare.bin: has no functions; expected an ELF',
    ],
    ['replay of a token without its guest', ['replay', 'g1:0'], 'name the scenario'],
    ['a damaged token', ['replay', '--guest', BARE, 'g1:0:0:0:0'], 'the token is damaged'],
  ])('%s is an error that says so, and exits 2', async (_, args, message) => {
    expect(await irqloom(args)).toMatchObject({ status: 2, stderr: expect.stringContaining(message) });
  });
});

describe('irqloom boot --memory arm', () => {
  test('--memory arm asks for the controlled scheduler and no debugger, and runs the bare-metal guest there', async () => {
    const threads = await irqloom(['boot', BARE, '--memory', 'arm']);
    expect(threads).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('add --scheduler controlled'),
    });
    const gdb = await irqloom(['boot', BARE, '--memory', 'arm', '--gdb', '0']);
    expect(gdb).toMatchObject({ status: 2, stderr: expect.stringContaining('do not go together') });
    const args = [
      'boot',
      BARE,
      '--memory',
      'arm',
      '--memory',
      '16',
      '--scheduler',
      'controlled',
      '--seed',
      '3',
    ];
    expect(await irqloom([...args, '--json'])).toMatchObject({ status: 0 });
  });
});
