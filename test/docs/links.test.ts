import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const LINKS = fileURLToPath(new URL('../../build/links.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'irqloom-site-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What the check of links, with which `npm run docs` ends, says of a page beside another. */
function check(text: string): Promise<{ status: unknown; said: string }> {
  writeFileSync(join(folder, 'index.html'), text);
  writeFileSync(join(folder, 'other.html'), '<h1 id="a-place">Other</h1>');
  return new Promise((resolve) => {
    execFile(process.execPath, [LINKS, folder], (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : error.code, said: stdout + stderr }),
    );
  });
}

test('links of the site that lead somewhere pass', async () => {
  const { status, said } = await check(
    '<h1 id="top">Top</h1> <a href="#top">a</a> <a href="other.html#a-place">b</a> <a href="https://example.org/">c</a>',
  );
  expect(said).toBe('2 pages, 2 links, 0 lost\n');
  expect(status).toBe(0);
});

test.each([
  ['<a href="gone.html">a</a>', 'index.html: gone.html is no file'],
  ['<a href="other.html#elsewhere">a</a>', 'other.html#elsewhere is no place in other.html'],
  ['<a href="#nowhere">a</a>', '#nowhere is no place in index.html'],
  ['<img src="gone.png">', 'gone.png is no file'],
])('a lost link is told: %s', async (text, says) => {
  const { status, said } = await check(text);
  expect(status).toBe(1);
  expect(said).toContain(says);
});
