import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseDevices } from '../../src/cli/boot-devices.ts';
import { irqloom } from './run.ts';

const BARE = fileURLToPath(new URL('../../guests/bare/bare.bin', import.meta.url));

describe('irqloom boot', () => {
  test('boot without a kernel says where a kernel comes from', async () => {
    const { status, stdout } = await irqloom(['boot']);
    expect(status).toBe(0);
    expect(stdout).toContain('apt-get download');
    expect(stdout).toContain('guests/bare/bare.bin');
  });

  test('--json prints one object on stdout alone; the console goes to stderr', async () => {
    const { status, stdout, stderr } = await irqloom(['boot', BARE, '--vcpus', '2', '--seed', '3', '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      schemaVersion: 1,
      command: 'boot',
      end: 'power-off',
      exitStatus: 0,
      instructions: expect.any(Number),
      seconds: expect.any(Number),
      vcpus: [
        { instructions: expect.any(Number), interrupts: { 27: 1 }, exceptions: expect.any(Number) },
        { instructions: expect.any(Number), interrupts: expect.any(Object), exceptions: expect.any(Number) },
      ],
      console: { lines: 18, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      seed: 3,
    });
    expect(stderr).toContain('ok 14');
  });

  test('boot of a missing file, a kernel that does not fit, or an unknown device says so, and exits 2', async () => {
    const missing = await irqloom(['boot', 'no-such-kernel']);
    expect(missing).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no-such-kernel: there is no such file; expected the file of a kernel'),
    });
    const small = await irqloom(['boot', BARE, '--memory', '2']);
    expect(small).toMatchObject({ status: 2, stderr: expect.stringContaining('--memory') });
    const device = await irqloom(['boot', BARE, '--device', 'gpu']);
    expect(device).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--device gpu: expected console'),
    });
  });

  test('a guest that reaches its limit ends with status 3', async () => {
    const args = ['boot', BARE, '--limit-instructions', '10000', '--scheduler', 'controlled', '--json'];
    const { status, stdout } = await irqloom(args);
    expect(status).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ end: 'limit', exitStatus: null });
  });
});

describe('--device', () => {
  const read = () => Uint8Array.of(1, 2, 3);

  test('--device takes a kind of device, or a disk with its contents or its size', () => {
    const { devices, disks } = parseDevices(['rng', 'block:disk.img:ro', 'block:2K', 'net'], read);
    expect(devices).toEqual([
      { kind: 'rng' },
      { kind: 'block', bytes: 3, readOnly: true },
      { kind: 'block', bytes: 2048, readOnly: false },
      { kind: 'net' },
    ]);
    expect(disks.map(({ length }) => length)).toEqual([3, 2048]);
    expect(() => parseDevices(['block:empty.img'], () => new Uint8Array())).toThrow('the disk is empty');
  });

  test.each(['block', 'block:', 'rng:1', 'block:9999G', 'block:0', 'block:0M'])('%s is refused', (text) => {
    expect(() => parseDevices([text], read)).toThrow(`--device ${text}`);
  });
});

describe('irqloom stress --guest', () => {
  test("stress --guest bare --json prints one object, with the guest's own counts", async () => {
    const args = ['stress', '--guest', 'bare', '--seconds', '0.5', '--seed', '1', '--json'];
    const { status, stdout } = await irqloom(args);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      command: 'stress',
      lost: 0,
      guest: { name: 'bare', instructions: expect.any(Number), counted: expect.any(Number), differing: 0 },
    });
  });

  test('stress --guest linux without a kernel asks for a kernel, and exits 2', async () => {
    const { status, stderr } = await irqloom(['stress', '--guest', 'linux']);
    expect(status).toBe(2);
    expect(stderr).toContain('--kernel FILE and --modules FOLDER');
  });

  test('stress --guest bare with options of a recording is a usage error', async () => {
    const { status, stderr } = await irqloom([
      'stress',
      '--guest',
      'bare',
      '--lines',
      'resample',
      '--spis',
      '4',
    ]);
    expect(status).toBe(2);
    expect(stderr).toContain('--guest bare sets its own sources up');
  });
});
