/** The explorer in a real run of vitest, as users have it: a project of its own, with irqloom and vitest installed. */
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explore } from '../../src/explore/index.ts';
import { irqloom } from '../cli/run.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'irqloom-vitest-'));

beforeAll(() => {
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(ROOT, join(project, 'node_modules', 'irqloom'));
  symlinkSync(join(ROOT, 'node_modules', 'vitest'), join(project, 'node_modules', 'vitest'));
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  for (const name of ['failing', 'passing']) {
    copyFileSync(join(ROOT, `test/fixtures/vitest/${name}.fixture.ts`), join(project, `${name}.test.ts`));
  }
});

afterAll(() => rmSync(project, { recursive: true }));

const TEST = 'a counter > loses an update';

/** The token of a failing schedule of the counter other than the one given. */
function anotherToken(token: string): string {
  const increment = (s: Int32Array): void => void Atomics.store(s, 0, Atomics.load(s, 0) + 1);
  const counter = {
    name: 'a-counter-loses-an-update',
    words: 1,
    threads: { left: increment, right: increment },
    finally: (s: Int32Array) => expect(s[0]).toBe(2),
  };
  for (let seed = 1; seed < 100; seed++) {
    const { failure } = explore(counter, { strategy: 'random', seed, shrink: false });
    if (failure !== undefined && failure.token.split(':')[3] !== token.split(':')[3]) return failure.token;
  }
  throw new Error('every failing schedule has the same token');
}

async function vitest(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ status: number; output: string }> {
  const main = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const options = {
    cwd: project,
    env: { ...process.env, NO_COLOR: '1', VITEST: '', ...env },
    timeout: 50_000,
  };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [main, 'run', ...args], options);
    return { status: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { status: code, output: stdout + stderr };
  }
}

describe('everyInterleaving in a run of vitest', () => {
  test('a test that fails shows the schedule as columns, and the token', async () => {
    const { status, output } = await vitest(['failing.test.ts', '-t', 'loses an update']);
    expect(status, output).toBe(1);
    expect(output).toMatch(/InterleavingError: a-counter-loses-an-update assertion: after the last thread/);
    expect(output).toMatch(/1 preemption, proved minimal/);
    expect(output).toMatch(/1 {3}left +load +s\.count\[0\] += 0 +failing\.test\.ts:16/);
    expect(output).toMatch(/2 ▶ +right +load +s\.count\[0\] += 0 +failing\.test\.ts:16/);
    expect(output).toMatch(/token {3}x1:a-counter-loses-an-update:/);
    expect(output).toMatch(/❯ failing\.test\.ts:21:5/);
  });

  test('a matcher shows the same', async () => {
    const { status, output } = await vitest(['failing.test.ts', '-t', 'said by a matcher']);
    expect(status).toBe(1);
    expect(output).toMatch(/2 ▶ +right +load +s\.count\[0\]/);
  });

  test('a matcher that expects a failure fails where there is none', async () => {
    const { status, output } = await vitest(['failing.test.ts', '-t', 'is not found']);
    expect(status).toBe(1);
    expect(output).toMatch(/expected some interleaving to fail; saw:\s+exhausted: every schedule/);
  });

  test('a search that did not come to its end does not pass for every interleaving', async () => {
    const { status, output } = await vitest(['failing.test.ts', '-t', 'is too large']);
    expect(status).toBe(1);
    expect(output).toMatch(/not every interleaving of .* was run within 4 s: /);
  });

  test('tests that hold pass', async () => {
    const { status, output } = await vitest(['passing.test.ts']);
    expect(status, output).toBe(0);
    expect(output).toMatch(/3 passed/);
  });

  test('a failure is saved on request, and from then on run first', async () => {
    const saved = join(project, '__interleavings__', 'failing.test.ts.json');
    await vitest(['failing.test.ts', '-t', 'loses an update$']);
    expect(existsSync(saved)).toBe(false);
    await vitest(['failing.test.ts', '-t', 'loses an update$'], { IRQLOOM_SAVE: '1' });
    const tokens = JSON.parse(readFileSync(saved, 'utf8'));
    expect(tokens).toEqual({
      [TEST]: [expect.stringMatching(/^x1:a-counter-loses-an-update:/)],
    });
    // Another schedule that fails, which a search would not show: it finds, and shrinks to, the one above.
    const other = anotherToken(tokens[TEST][0]);
    writeFileSync(saved, JSON.stringify({ [TEST]: [other] }));
    const { output } = await vitest(['failing.test.ts', '-t', 'loses an update$']);
    expect(output).toContain(`token   ${other}`);
    writeFileSync(saved, '[1]');
    const damaged = await vitest(['failing.test.ts', '-t', 'loses an update$']);
    expect(damaged.output).toMatch(/failing\.test\.ts\.json is not a file of saved schedules/);
    rmSync(saved);
  });

  test('the test that explore --save writes fails until the code is mended', async () => {
    const scenario = join(project, 'lost-update.ts');
    const fixture = (name: string): string => join(ROOT, 'test/fixtures/explore', name);
    copyFileSync(fixture('lost-update.ts'), scenario);
    const { status } = await irqloom(['explore', scenario, '--save', join(project, 'saved.test.ts')]);
    expect(status).toBe(1);
    const before = await vitest(['saved.test.ts']);
    expect(before.status, before.output).toBe(1);
    expect(before.output).toMatch(/lost-update: the schedule that ended in exception does so no more/);
    copyFileSync(fixture('lost-update-mended.ts'), scenario);
    const after = await vitest(['saved.test.ts']);
    expect(after.status, after.output).toBe(0);
  });
});
