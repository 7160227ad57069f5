import { describe, expect, test } from 'vitest';
import { irqloom } from './run.ts';

describe('irqloom races', () => {
  test('--json prints one object, with every figure of each race', async () => {
    const { status, stdout, stderr } = await irqloom([
      'races',
      'line-or-race',
      '29',
      '--json',
      '--seed',
      '3',
      '--runs',
      '200',
    ]);
    // Nothing but how far the command is, each ten seconds.
    expect(stderr.replace(/^\d of 2, .* s( left)?\n/gm, '')).toBe('');
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(stdout)).toEqual({
      schemaVersion: 1,
      command: 'races',
      seed: 3,
      races: [
        {
          slug: 'line-or-race',
          number: 21,
          found: true,
          schedules: expect.any(Number),
          strategy: expect.any(String),
          preemptions: 1,
          minimal: 'proved',
          kind: 'assertion',
          expectedKind: 'assertion',
          token: expect.stringMatching(/^x1:line-or-race\.buggy:/),
          free: { runs: 200, hits: expect.any(Number) },
          fixed: {
            verdict: 'pass',
            exhausted: true,
            schedules: expect.any(Number),
            explored: expect.any(String),
          },
        },
        expect.objectContaining({ slug: 'flush-under-lock', kind: 'deadlock', preemptions: 0, found: true }),
      ],
      seconds: expect.any(Number),
    });
    expect(status).toBe(0);
  });

  test('races tells one race, with the columns of its schedule and a command that repeats the failure', async () => {
    const told = await irqloom(['races', 'torn-route-entry', '--runs', '0']);
    expect(told.status).toBe(0);
    expect(told.stdout).toContain('half of the old route and half of the new one');
    expect(told.stdout).toMatch(/▶ +injector +load +deviceId +.*src\/races\/torn-route-entry\.ts:\d+/);
    expect(told.stdout).not.toContain('free threads');
    const [, repeat = ''] = /^repeat +npx irqloom (.*)$/m.exec(told.stdout) ?? [];
    const repeated = await irqloom(repeat.split(' '));
    expect(repeated.stdout).toContain('torn-route-entry.buggy: assertion, replayed (simulated)');
    expect(repeated.status).toBe(1);
  });

  test('races refuses an unknown name, and suggests the nearest race', async () => {
    const { status, stdout, stderr } = await irqloom(['races', 'torn-route']);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('there is no race "torn-route"');
    expect((await irqloom(['races', 'torn-route-entri'])).stderr).toContain('did you mean torn-route-entry?');
  });

  test('the variants of a race are scenarios by name', async () => {
    const { status, stdout } = await irqloom(['explore', 'kick-without-request.fixed', '--strategy', 'dpor']);
    expect(status).toBe(0);
    expect(stdout).toContain('kick-without-request.fixed: pass');
  });
});
