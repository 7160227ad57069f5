/** What flags of Node.js and limits of the system take away: each is an error that names the flag, or the limit. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { missingInNode } from '../../src/base/node-environment.ts';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const BARE = fileURLToPath(new URL('../../guests/bare/bare.bin', import.meta.url));

const LIMITS: readonly (readonly [what: string, script: string, message: RegExp])[] = [
  ['no WebAssembly', `NODE_OPTIONS=--jitless IRQLOOM boot "${BARE}"`, /without WebAssembly \(--jitless\)/],
  [
    'no code out of strings',
    'NODE_OPTIONS=--disallow-code-generation-from-strings IRQLOOM explore store-buffering',
    /--disallow-code-generation-from-strings/,
  ],
  [
    'no WebAssembly, for stress',
    'NODE_OPTIONS=--jitless IRQLOOM stress -v 1 -d 1 -e 1 -s 0.3',
    /without WebAssembly \(--jitless\)/,
  ],
  [
    'frozen built-in objects',
    'NODE_OPTIONS=--frozen-intrinsics IRQLOOM stress -v 1 -d 1 -e 1 -s 0.3',
    /Atomics is frozen, by --frozen-intrinsics/,
  ],
  [
    'a working directory that is gone',
    'cd "$(mktemp -d)" && rmdir "$PWD" && IRQLOOM explore store-buffering',
    /the working directory is not there any more/,
  ],
  // A shared WebAssembly memory reserves 8 GiB of addresses, however little of them is used.
  ['little address space', `ulimit -v 4000000; IRQLOOM boot "${BARE}"`, /no more memory.*ulimit -v/],
];

test.each(LIMITS)('%s', (_what, script, message) => {
  const text = script.replaceAll('IRQLOOM', `"${process.execPath}" "${MAIN}"`);
  const { status, stderr } = spawnSync('sh', ['-c', text], { encoding: 'utf8', timeout: 50_000 });
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/fault of irqloom itself|^\s+at /m);
  expect(status).toBe(2);
});

test('an error of `new Worker` for want of threads names the limit; another error is not taken for a limit', () => {
  expect(missingInNode(new Error('EAGAIN'))).toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringContaining('ulimit -u'),
  });
  expect(missingInNode(new Error('EAGAIN: resource temporarily unavailable, read'))).toBeUndefined();
});
