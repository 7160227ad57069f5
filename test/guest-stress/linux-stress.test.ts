import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runGuest } from '../../src/boot/run.ts';
import { type LinuxStressOptions, linuxHeld, runLinuxStress } from '../../src/guest-stress/linux.ts';
import { has } from '../platform/tools.ts';

/** The package that depends on Debian's present kernel. */
const META = 'linux-image-cloud-arm64:arm64';
const MINUTES = 60_000;

/** The name of Debian's kernel package; `undefined` where apt knows of none: it has to have arm64 among its architectures. */
function kernelPackage(): string | undefined {
  if (process.env.IRQLOOM_DEBIAN !== '1' || !has('apt-get') || !has('dpkg-deb')) return undefined;
  try {
    const shown = execFileSync('apt-cache', ['show', META], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return /^Depends: (linux-image-[^ ,]+)/m.exec(shown)?.[1];
  } catch {
    return undefined;
  }
}

const found = kernelPackage();
const folder = mkdtempSync(join(tmpdir(), 'irqloom-debian-'));
afterAll(() => rmSync(folder, { recursive: true }));

// Takes minutes, and fetches 21 MB: only where IRQLOOM_DEBIAN=1 asks for it, and apt has the package.
describe.skipIf(found === undefined)("Debian's kernel (IRQLOOM_DEBIAN=1, and apt with arm64)", () => {
  let files: Pick<LinuxStressOptions, 'kernel' | 'modules'> = { kernel: '', modules: '' };

  beforeAll(() => {
    execFileSync('apt-get', ['download', `${found}:arm64`], { cwd: folder, stdio: 'ignore' });
    const archive = readdirSync(folder).find((name) => name.endsWith('.deb')) ?? '';
    execFileSync('dpkg-deb', ['-x', join(folder, archive), folder]);
    const [version = ''] = readdirSync(join(folder, 'lib/modules'));
    files = {
      kernel: join(folder, `boot/vmlinuz-${version}`),
      modules: join(folder, 'lib/modules', version),
    };
  }, 5 * MINUTES);

  const run = (options: Partial<LinuxStressOptions>) =>
    runLinuxStress(
      { ...files, vcpus: 1, seconds: 3, dispatch: 'inline', fault: 'none', seed: 1, ...options },
      { output: () => undefined },
    );

  test.each([1, 4])(
    'boots on %i vCPUs, and counts every interrupt that its devices send',
    { timeout: 8 * MINUTES },
    async (vcpus) => {
      const result = await run({ vcpus });
      expect(result).toMatchObject({ lost: 0, spurious: 0, misrouted: 0, stranded: 0, alarms: [] });
      expect(result.devices.every(({ counted, signalled }) => counted > 0 && counted === signalled)).toBe(
        true,
      );
      expect(result.churn.moves).toBeGreaterThan(0);
    },
  );

  test.each([1, 4])(
    'boots on %i vCPUs whose stores wait in buffers, a seed twice equal to the instruction',
    { timeout: 8 * MINUTES },
    async (vcpus) => {
      const boot = async () => {
        const { seconds: _, ...rest } = await runGuest(
          {
            ...{ kernel: readFileSync(files.kernel), append: 'console=ttyAMA0 cryptomgr.notests=1', vcpus },
            ...{ memoryMiB: 256, devices: [], clock: 'virtual', seed: 1, memoryModel: 'arm' },
            ...{ scheduler: 'controlled', limitInstructions: 1e9, limitSeconds: 0 },
          },
          { output: () => undefined },
        );
        return rest;
      };
      const first = await boot();
      // It has no root file system.
      expect(first.end).toBe('panic');
      expect(await boot()).toEqual(first);
    },
  );

  test.each(['drop-kick', 'drop-pending', 'wrong-vcpu', 'double'] as const)(
    'finds the fault %s',
    { timeout: 8 * MINUTES },
    async (fault) => {
      expect(linuxHeld(await run({ vcpus: 2, seconds: 8, fault }))).toBe(false);
    },
  );
});
