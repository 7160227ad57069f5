import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readXml } from '../report/xml.ts';
import { irqloom } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-junit-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a command with --junit, and reads the report. */
async function reported(...args: string[]) {
  const path = join(folder, 'report.xml');
  rmSync(path, { force: true });
  const { status } = await irqloom([...args, '--junit', path]);
  const [suite] = readXml(readFileSync(path, 'utf8')).children;
  const cases = (suite?.children ?? []).filter(({ name }) => name === 'testcase');
  return { status, suite, cases };
}

describe('--junit', () => {
  test('--junit of explore has a failing scenario with its schedule', async () => {
    const failing = await reported('explore', 'examples/lost-update.mjs', '--seed', '1');
    expect(failing.status).toBe(1);
    expect(failing.suite?.attributes).toMatchObject({ tests: '1', failures: '1', errors: '0' });
    expect(failing.cases[0]?.attributes).toMatchObject({
      name: 'lost-update',
      classname: 'examples/lost-update.mjs',
    });
    expect(failing.cases[0]?.children[0]?.text).toContain('npx irqloom replay x1:lost-update');
  });

  test('--junit of explore has a passing scenario', async () => {
    const passing = await reported('explore', 'templates/scenario/counter.scenario.mjs');
    expect(passing.status).toBe(0);
    expect(passing.suite?.attributes).toMatchObject({ tests: '1', failures: '0', errors: '0' });
  });

  test('--junit of races has a race that is as the catalogue says', async () => {
    const { status, cases } = await reported('races', 'check-then-halt', '--runs', '0');
    expect([status, cases.length]).toEqual([0, 1]);
    expect(cases[0]?.attributes.name).toBe('check-then-halt');
  });

  test('--junit of stress has a check for each kind of violation; a fault fails the checks of its rules', async () => {
    const args = ['stress', '-v', '2', '-d', '1', '-e', '2', '--spis', '0', '-s', '2'];
    const { status, suite, cases } = await reported(...args, '--fault', 'double');
    expect(status).toBe(1);
    expect(cases.map(({ attributes }) => attributes.name)).toEqual([
      'no interrupt is lost',
      'no interrupt is misrouted',
      'no interrupt is spurious',
      'no interrupt is stranded',
      'no rule is broken at rest',
      'interrupts are delivered',
    ]);
    expect(cases[2]?.children[0]?.name).toBe('failure');
    expect(Number(suite?.attributes.failures)).toBeGreaterThan(0);
  });

  test('--junit of guests and conform has a check for each guest and each vector', async () => {
    const guests = await reported('guests', 'ipi-self');
    expect([guests.status, guests.cases.length]).toEqual([0, 1]);
    const vector = 'test/fixtures/vectors/01-gicd-identity-raz.vec';
    const conform = await reported('conform', vector);
    expect([conform.status, conform.cases[0]?.attributes.classname]).toEqual([0, 'irqloom.conform.kvm']);
  });

  test('--junit is refused for a command without checks, and for a file that cannot be written', async () => {
    const path = join(folder, 'none', 'report.xml');
    writeFileSync(join(folder, 'a.vec'), '');
    for (const args of [
      ['stress', '--rotate', '--junit', join(folder, 'x.xml')],
      ['conform', '--answers', join(folder, 'a.vec'), '--junit', join(folder, 'x.xml')],
      ['races', '--junit', path],
    ])
      expect((await irqloom(args)).status, args.join(' ')).toBe(2);
  });
});
