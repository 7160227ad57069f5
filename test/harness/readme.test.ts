import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
// Within the package, so that the code finds `irqloom` by its name.
const folder = mkdtempSync(join(ROOT, 'dist/readme-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The code blocks of a page that begin with the name of their file. */
function filesIn(page: string): Map<string, string> {
  const blocks = page.matchAll(/^```js\n\/\/ (\S+\.mjs)\b.*\n([\s\S]*?)^```$/gm);
  return new Map([...blocks].map(([, name = '', code = '']) => [name, code]));
}

test('the machine of the README runs, and prints what the README says', async () => {
  const files = filesIn(readFileSync(join(ROOT, 'README.md'), 'utf8'));
  expect([...files.keys()]).toEqual(['guest.mjs', 'device.mjs', 'main.mjs']);
  for (const [name, code] of files) writeFileSync(join(folder, name), code);
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'main.mjs')], {
    timeout: 50_000,
  });
  const [, said] = /console\.log\(.*\); \/\/ (.*)/.exec(files.get('main.mjs') ?? '') ?? [];
  expect(stdout.trim()).toBe(said);
});
