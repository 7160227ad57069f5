/** Which export of a file is the scenario, and whether its accesses without Atomics are points of a schedule. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { irqloom } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-exports-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = join(folder, 'counters.mjs');
writeFileSync(
  file,
  `const counter = (add) => ({
  name: 'counter',
  words: 1,
  threads: { a: add, b: add },
  finally: (w) => { if (w[0] !== 2) throw new Error('lost'); },
});
export const safe = counter((w) => { Atomics.add(w, 0, 1); });
export const plain = counter((w) => { w[0]++; });
export const mixed = { ...counter((w) => { w[0]++; Atomics.add(w, 1, 1); }), words: 2 };
`,
);

const json = (stdout: string) => JSON.parse(stdout) as Record<string, unknown>;

describe('irqloom explore --export', () => {
  test('--export searches the scenario of that name', async () => {
    const safe = await irqloom(['explore', file, '--export', 'safe', '--json']);
    expect(safe.status).toBe(0);
    expect(json(safe.stdout)).toMatchObject({ verdict: 'pass', exhausted: true, bounded: null });
    const plain = await irqloom(['explore', file, '--export', 'plain', '--json']);
    expect(plain.status).toBe(1);
    expect(json(plain.stdout)).toMatchObject({
      verdict: 'fail',
      failure: { kind: 'exception', preemptions: 1 },
    });
  });

  test('--export of an unknown name lists the exports of the file', async () => {
    const { status, stderr } = await irqloom(['explore', file, '--export', 'plian']);
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /exports nothing called "plian" \(it exports .*plain.*safe|it exports .*safe.*plain/,
    );
    const none = await irqloom(['explore', file]);
    expect(none.status).toBe(2);
    expect(none.stderr).toMatch(/no default export/);
  });

  test('--export is refused for a scenario of irqloom', async () => {
    const { status, stderr } = await irqloom(['explore', 'lost-update-2x1', '--export', 'safe']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/comes with irqloom/);
  });

  test('--export is a part of the command that repeats a failure, and of the saved test', async () => {
    const save = join(folder, 'counters.test.ts');
    const { stdout } = await irqloom(['explore', file, '--export', 'plain', '--save', save]);
    const words = /repeat {2}npx irqloom (.*)/.exec(stdout)?.[1]?.split(' ') ?? [];
    expect(words.slice(-2)).toEqual(['--export', 'plain']);
    const again = await irqloom(words);
    expect(again.status).toBe(1);
    expect(readFileSync(save, 'utf8')).toContain('import { plain as scenario } from "./counters.mjs";');
  });
});

describe('irqloom explore --plain off', () => {
  test('--plain off leaves accesses without Atomics alone, and says that the pass does not cover them', async () => {
    const { status, stdout } = await irqloom([
      'explore',
      file,
      '--export',
      'mixed',
      '--plain',
      'off',
      '--json',
    ]);
    expect(status).toBe(0);
    const result = json(stdout);
    expect(result).toMatchObject({ verdict: 'pass', exhausted: false });
    expect(result.bounded).toMatch(/without Atomics, which were switched off/);
  });

  test('--plain off stands in the first line that a person reads', async () => {
    const { stdout } = await irqloom(['explore', file, '--export', 'mixed', '--plain', 'off']);
    expect(stdout.split('\n')[0]).toMatch(/without Atomics/);
  });
});
