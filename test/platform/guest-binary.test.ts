import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { has } from './tools.ts';

const BARE = fileURLToPath(new URL('../../guests/bare/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'irqloom-guest-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The compiler whose output is checked in. Another version may well make another binary of the same source. */
const COMPILER = 'aarch64-linux-gnu-gcc';
const VERSION = '12.2.0';
const compiles =
  has(COMPILER) && execFileSync(COMPILER, ['-dumpfullversion'], { encoding: 'utf8' }).trim() === VERSION;

describe('the bare-metal guest', () => {
  test('is smaller than 64 KiB', () => {
    expect(readFileSync(join(BARE, 'bare.bin')).length).toBeLessThan(0x1_0000);
  });

  test.skipIf(!compiles)(
    `that is checked in is what its source comes to (needs ${COMPILER} ${VERSION})`,
    () => {
      const built = join(folder, 'bare.bin');
      execFileSync(join(BARE, 'build.sh'), [built]);
      for (const name of ['bare.bin', 'bare.map'])
        expect(readFileSync(join(folder, name)).equals(readFileSync(join(BARE, name))), name).toBe(true);
    },
  );

  test.skipIf(!has('qemu-system-aarch64'))('passes its checks on QEMU, with 1 and with 4 vCPUs', () => {
    for (const vcpus of ['1', '4']) {
      const output = execFileSync(
        'qemu-system-aarch64',
        [
          '-M',
          'virt,gic-version=3',
          '-cpu',
          'cortex-a57',
          '-smp',
          vcpus,
          '-m',
          '64',
          '-nographic',
          '-semihosting',
        ].concat(['-kernel', join(BARE, 'bare.bin'), '-append', 'semihosting']),
        { encoding: 'utf8', timeout: 50_000, stdio: ['ignore', 'pipe', 'pipe'] },
      );
      expect(output).not.toContain('not ok');
      expect(output).toContain(vcpus === '1' ? '1..13' : '1..15');
    }
  });
});
