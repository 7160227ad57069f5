import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'dist/src/cli/main.js');

export type Block = { readonly kind: string; readonly code: string };

/** The code blocks of a page of docs, in their order. */
export const blocksOf = (page: string): Block[] =>
  [...readFileSync(join(ROOT, 'docs', page), 'utf8').matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(
    ([, kind = '', code = '']) => ({ kind, code }),
  );

/** Runs a line of a page in a folder, with this build of irqloom. */
export function runLine(line: string, cwd: string): Promise<{ status: unknown; said: string }> {
  const own = line.replaceAll('npx irqloom', `'${process.execPath}' '${MAIN}'`);
  const env = { ...process.env, NO_COLOR: '1' };
  return new Promise((resolve) => {
    execFile('sh', ['-c', own], { cwd, env, timeout: 110_000 }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : error.code, said: stdout + stderr }),
    );
  });
}
