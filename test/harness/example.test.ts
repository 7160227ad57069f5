import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('../../examples/own-guest/main.mjs', import.meta.url));

test('the example boots, delivers all, and its process ends', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [main], { timeout: 50_000 });
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^8000 signals, 8000 deliveries, p50 \d+ ns\n/);
  const [, first, second] = /handlers have counted (\d+) and (\d+)/.exec(stdout) ?? [];
  expect(stdout).toContain(`vcpu0: ${first} interrupts`);
  expect(stdout).toContain(`vcpu1: ${second} interrupts`);
});
