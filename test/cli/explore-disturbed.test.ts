/** Code under test that disturbs the process: the command ends all the same, and tells the event. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { irqloom } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-disturbed-'));
afterAll(() => rmSync(folder, { recursive: true }));

const LOST = `const inc = (w) => { Atomics.store(w, 0, Atomics.load(w, 0) + 1) };
export default { name: 'lost', words: 1, threads: { a: inc, b: inc }, finally(w) { if (w[0] !== 2) throw new Error('lost') } };`;
const HOLDS = `const add = (w) => { Atomics.add(w, 0, 1) };
export default { name: 'holds', words: 1, threads: { a: add, b: add } };`;

function scenario(name: string, text: string): string {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, text);
  return file;
}

describe('code under test that ends the process is an error that names the line', () => {
  const exits = [
    ['at load', `process.exit(0);\n${HOLDS}`, []],
    ['in a thread', HOLDS.replace('Atomics.add', 'process.exit(0); Atomics.add'), []],
    [
      'in a thread that catches all',
      HOLDS.replace('Atomics.add(w, 0, 1)', 'try { process.exit(0) } catch {} Atomics.add(w, 0, 1)'),
      [],
    ],
    [
      'in a thread, with two jobs',
      HOLDS.replace('Atomics.add', 'process.exit(0); Atomics.add'),
      ['--jobs', '2'],
    ],
    [
      'in a thread, in lockstep',
      HOLDS.replace('Atomics.add', 'process.exit(0); Atomics.add'),
      ['--executor', 'lockstep'],
    ],
  ] as const;
  test.each(exits)('%s', async (name, text, flags) => {
    const { status, stderr } = await irqloom([
      'explore',
      scenario(name.replaceAll(/\W/g, '-'), text),
      ...flags,
    ]);
    expect(stderr).toMatch(/the code under test calls process\.exit\(0\) at .*\.mjs:\d+/);
    expect(status).toBe(2);
  });

  test('an error in a microtask of the module is named', async () => {
    const file = scenario(
      'microtask',
      `queueMicrotask(() => { throw new Error('from a microtask') });\n${HOLDS}`,
    );
    const { status, stderr } = await irqloom(['explore', file]);
    expect(stderr).toMatch(/from a microtask/);
    expect(status).toBe(3);
  });
});

test("a module's timer and worker do not keep the command alive", async () => {
  const file = scenario(
    'alive',
    `import { Worker } from 'node:worker_threads';
setInterval(() => {}, 1000);
new Worker('setInterval(() => {}, 1000)', { eval: true });
${HOLDS}`,
  );
  const { status, stdout } = await irqloom(['explore', file]);
  expect(stdout).toMatch(/^holds: pass/);
  expect(status).toBe(0);
});

describe('an output that cannot be written is refused before the search', () => {
  const outputs = [
    ['--report', join(folder, 'nowhere', 'a.html')],
    ['--report', folder],
    ['--save', join(folder, 'nowhere', 'a.test.ts')],
  ] as const;
  test.each(outputs)('%s %s', async (flag, path) => {
    const { status, stdout, stderr } = await irqloom(['explore', scenario('lost', LOST), flag, path]);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/cannot be written/);
    expect(status).toBe(2);
  });

  test('a device that is full leaves the result, and its exit status', async () => {
    const { status, stdout, stderr } = await irqloom([
      'explore',
      scenario('lost', LOST),
      '--report',
      '/dev/full',
    ]);
    expect(stdout).toMatch(/^lost: fail/);
    expect(stderr).toMatch(/\/dev\/full cannot be written: ENOSPC/);
    expect(status).toBe(1);
  });

  test('no half-written file is left behind, and a report is whole', async () => {
    const report = join(folder, 'whole.html');
    await irqloom(['explore', scenario('lost', LOST), '--report', report]);
    expect(readFileSync(report, 'utf8')).toMatch(/<\/html>\s*$/);
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
  });
});

describe('several scenarios', () => {
  test('several scenarios run one after the other; a failing one decides the exit status', async () => {
    const files = [scenario('holds', HOLDS), scenario('lost', LOST)];
    const { status, stdout } = await irqloom(['explore', ...files]);
    expect(stdout).toMatch(/^holds: pass[\s\S]*^lost: fail/m);
    expect(status).toBe(1);
  });

  test('several scenarios are a list in JSON, and a pattern names them', async () => {
    scenario('many-a', HOLDS);
    scenario('many-b', HOLDS);
    const { status, stdout } = await irqloom(['explore', join(folder, 'many-*.mjs'), '--json']);
    const { results } = JSON.parse(stdout);
    expect(results.map(({ verdict }: { verdict: string }) => verdict)).toEqual(['pass', 'pass']);
    expect(status).toBe(0);
  });
});

test('Ctrl-C gives the result so far, writes the report, and exits with 130', async () => {
  const adds = `const add = (w) => { for (let i = 0; i < 30; i++) Atomics.add(w, 0, 1) };
console.error('loaded');
export default { name: 'long', words: 1, threads: { a: add, b: add, c: add } };`;
  const report = join(folder, 'interrupted.html');
  const { status, stdout } = await irqloom(
    ['explore', scenario('long', adds), '--strategy', 'dfs', '--report', report],
    { text: 'loaded', act: (kill) => kill('SIGINT') },
  );
  expect(stdout).toMatch(/^long: unknown/);
  expect(stdout).toMatch(/interrupted/);
  expect(status).toBe(130);
  expect(readFileSync(report, 'utf8')).toContain('long');
});

test('a pass for less than every schedule says so in its first line', async () => {
  const { stdout } = await irqloom([
    'explore',
    scenario('holds', HOLDS),
    '--strategy',
    'random',
    '--schedules',
    '20',
  ]);
  expect(stdout).toMatch(/^holds: pass \(a sample of 20 schedules\)$/m);
});

test('the command that repeats a failure has the bound on steps', async () => {
  const { stdout } = await irqloom(['explore', scenario('lost', LOST), '--steps', '50']);
  expect(stdout).toMatch(/^repeat {2}npx irqloom replay x\S+ \S+ --steps 50$/m);
});
