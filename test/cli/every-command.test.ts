/** What holds for all commands: Ctrl-C gives the result so far, and a reader that leaves costs nothing. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test, vi } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const MAIN = path('dist/src/cli/main.js');
const RECORDING = path('data/guests/linux-2cpu-virtio.jsonl.gz');
const VECTOR = path('test/fixtures/vectors/07-its-probe.vec');
const BARE = path('guests/bare/bare.bin');
const OWN = [
  '--guest',
  path('examples/own-guest/guest.mjs'),
  '--device',
  path('examples/own-guest/device.mjs'),
];
vi.setConfig({ testTimeout: 240_000 });

/** Runs that last for minutes where nothing ends them. */
const LONG: readonly (readonly string[])[] = [
  ['stress', '-s', '3000'],
  ['stress', ...OWN, '-s', '3000'],
  ['stress', '--guest', 'bare', '-s', '3000'],
  ['stress', '--rotate', '-s', '3000'],
  ['latency', '-n', '10000000', '-s', '3000'],
  ['scale', '--seconds', '600'],
  ['compare', '--seconds', '3000'],
  ['explore', 'check-then-halt.fixed', '--strategy', 'random', '--seconds', '3000'],
  ['races', '--runs', '1000000000', '--seconds', '600'],
  ['conform', ...Array.from({ length: 4000 }, () => VECTOR)],
  ['replay-guest', RECORDING, '--threads', '--runs', '10000'],
  ['explore', '--guest', path('guests/bare/bare.bin'), '--append', 'race', '--seconds', '3000'],
  ['guests', ...Array.from({ length: 200 }, () => 'vgic-lpi-stress')],
];

/**
 * Whether a process has handlers of the command's own for signals that end it, as Linux says: looked for at SIGHUP, since Node.js
 * always has one for SIGINT. Before it has become our command, the process is a copy of this one.
 */
function catchesInterrupt(pid: number): boolean {
  if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(MAIN)) return false;
  const [, mask = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (BigInt(`0x${mask}`) & 1n) !== 0n;
}

/** Runs a command, and gives the command Ctrl-C as soon as the command has a handler of its own. */
function interrupted(
  args: readonly string[],
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...args], { timeout: 200_000 });
    const look = setInterval(() => {
      if (child.pid === undefined || child.exitCode !== null || !catchesInterrupt(child.pid)) return;
      clearInterval(look);
      child.kill('SIGINT');
    }, 5);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.on('close', (status) => {
      clearInterval(look);
      resolve({ status, stdout, stderr });
    });
  });
}

describe.runIf(platform() === 'linux')('Ctrl-C ends a run, with the result so far', () => {
  test.each(LONG.map((args) => [args.slice(0, 4).join(' ').replaceAll(path(''), ''), args] as const))(
    '%s',
    async (_, args) => {
      const { status, stdout, stderr } = await interrupted([...args, '--json']);
      expect(stderr).not.toMatch(/fault of irqloom itself|^\s+at /m);
      expect(JSON.parse(stdout)).toMatchObject({ command: args[0], interrupted: true });
      expect(status).toBe(130);
    },
  );

  test('Ctrl-C ends a guest that runs for ever', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'irqloom-spin-'));
    try {
      // One instruction, a branch to itself.
      writeFileSync(join(folder, 'spin.bin'), Buffer.from([0x00, 0x00, 0x00, 0x14]));
      const { status, stdout } = await interrupted(['boot', join(folder, 'spin.bin'), '--json']);
      expect(JSON.parse(stdout)).toMatchObject({ command: 'boot', end: 'interrupted' });
      expect(status).toBe(130);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a run that ends by itself has its own status', async () => {
    expect((await interrupted(['layout'])).status).toBe(0);
  });
});

const SMALL = ['-v', '1', '-d', '1', '-e', '1', '-s', '0.3'];

/** A short run of each command, with more than three lines of output where the command has them. */
const SHORT: Readonly<Record<string, readonly string[]>> = {
  stress: SMALL,
  boot: [BARE, '--limit-instructions', '100000'],
  latency: ['--source', 'irqfd', '--waiting', 'polling', '-n', '64', '--boots', '1', '-s', '1'],
  scale: ['--vcpus', '1', '--devices', 'none', '--lpis', 'none', '--seconds', '0.1'],
  compare: ['--abi', 'merged', '--seconds', '0.5'],
  'compare-runs': ['--help'],
  explore: [path('examples/lost-update.mjs')],
  replay: ['x1:lost-update:1.l:1.1:BBFF:ijz713', path('examples/lost-update.mjs')],
  races: ['line-or-race', '--runs', '0'],
  conform: [VECTOR],
  ioctl: ['KVM_IRQFD', '00'.repeat(32)],
  layout: [],
  'replay-guest': [RECORDING],
  init: ['--help'],
  completion: ['bash'],
  campaign: ['--help'],
  worker: ['--help'],
  guests: ['ipi-self'],
};

describe('a reader that takes one line and leaves costs nothing', () => {
  test.each(Object.keys(COMMANDS))('%s', (name) => {
    const args = SHORT[name];
    if (args === undefined) throw new Error(`a short run of ${name} is missing`);
    const words = [process.execPath, MAIN, name, ...args].map((word) => `'${word}'`).join(' ');
    const script = `{ ${words}; echo "status $?" >&2; } | head -1`;
    const { stdout, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8', timeout: 200_000 });
    expect(stdout.split('\n').length).toBeLessThanOrEqual(2);
    expect(stderr).not.toMatch(/EPIPE|fault of irqloom itself|^\s+at /m);
    expect(stderr).toMatch(/^status [013]$/m);
  });
});
