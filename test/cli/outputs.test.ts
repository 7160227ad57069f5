/** Outputs that get in each other's way, or in the way of an input; and a result that is cut. */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { OutputFile } from '../../src/cli/output-file.ts';
import { irqloom } from './run.ts';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const BARE = fileURLToPath(new URL('../../guests/bare/bare.bin', import.meta.url));
const RECORDING = fileURLToPath(new URL('../../data/guests/linux-2cpu-virtio.jsonl.gz', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'irqloom-outputs-'));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const SHORT = ['stress', '-v', '1', '-d', '1', '-e', '1', '-s', '0.3', '--churn', 'none'];

/** Runs the command through a shell, for redirections and limits. */
function shell(script: string): { status: number | null; stdout: string; stderr: string } {
  const text = script.replaceAll('IRQLOOM', `"${process.execPath}" "${MAIN}"`);
  return spawnSync('sh', ['-c', text], { encoding: 'utf8', timeout: 50_000, cwd: folder });
}

describe('an output', () => {
  test('an output with the path of another output is refused before the run', async () => {
    const { status, stdout, stderr } = await irqloom([...SHORT, '--report', file('a'), '--trace', file('a')]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/a cannot be written: another output of this command has that path/);
    expect(existsSync(file('a'))).toBe(false);
  });

  test('an output with the path of the input is refused, and the input stays whole', async () => {
    copyFileSync(RECORDING, file('guest.jsonl.gz'));
    const before = readFileSync(file('guest.jsonl.gz'));
    for (const args of [['--report'], ['--rotate', '--keep']]) {
      const { status, stderr } = await irqloom([
        ...['stress', '-s', '0.3', '--recording', file('guest.jsonl.gz')],
        ...args,
        file('guest.jsonl.gz'),
      ]);
      expect(stderr).toMatch(/cannot be written: the file is an input of this command/);
      expect(status).toBe(2);
    }
    expect(readFileSync(file('guest.jsonl.gz')).equals(before)).toBe(true);
  });

  test.each([
    [
      'a vector of conform',
      'test/fixtures/vectors/07-its-probe.vec',
      ['conform', 'INPUT', '--junit', 'INPUT'],
    ],
    [
      'a guest of stress',
      'examples/own-guest/guest.mjs',
      ['stress', '-s', '0.3', '--guest', 'INPUT', '--report', 'INPUT'],
    ],
  ])('that is %s is refused before that is read', async (_, source, words) => {
    const input = file(`input-${source.split('/').at(-1)}`);
    copyFileSync(fileURLToPath(new URL(`../../${source}`, import.meta.url)), input);
    const before = readFileSync(input);
    const { status, stderr } = await irqloom(words.map((word) => (word === 'INPUT' ? input : word)));
    expect(stderr).toMatch(/cannot be written: the file is an input of this command/);
    expect(status).toBe(2);
    expect(readFileSync(input).equals(before)).toBe(true);
  });

  test('an output to a FIFO without a reader is refused at once', () => {
    const { status, stderr } = shell(`mkfifo pipe; IRQLOOM ${SHORT.join(' ')} --report pipe`);
    expect(stderr).toMatch(/pipe cannot be written: ENXIO/);
    expect(status).toBe(2);
  });

  test('an output to a FIFO with a reader gets the whole page', () => {
    const { status } = shell(
      `mkfifo read; cat read > page & IRQLOOM ${SHORT.join(' ')} --report read > out; s=$?; wait; exit $s`,
    );
    expect(status).toBe(0);
    expect(readFileSync(file('page'), 'utf8')).toMatch(/<\/html>\s*$/);
  });

  test.each([
    ['', 'the path is empty'],
    ['new/', 'the path names a folder'],
    ['/', 'the path names a folder'],
  ])('with the path %j is refused before the run', async (path, why) => {
    const { status, stdout, stderr } = await irqloom([...SHORT, '--report', path]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`${path} cannot be written: ${why}`);
  });

  test('an output may have a name as long as the file system takes', () => {
    const name = 'n'.repeat(255);
    expect(new OutputFile(file(name)).commit('whole')).toBeUndefined();
    expect(readFileSync(file(name), 'utf8')).toBe('whole');
  });

  test('an output that is given up removes its part, and never throws', () => {
    const output = new OutputFile(file('given-up'));
    const [part] = readdirSync(folder).filter((name) => name.endsWith('.part'));
    expect(part).toMatch(/^\.given-up\./);
    rmSync(join(folder, String(part)));
    mkdirSync(join(folder, String(part), 'in the way'), { recursive: true });
    expect(() => output.discard()).not.toThrow();
    rmSync(join(folder, String(part)), { recursive: true });
  });

  test('no message says that an unwritten output holds a trace', async () => {
    const { stderr } = await irqloom([...SHORT, '--trace', '/dev/full']);
    expect(stderr).toMatch(/ENOSPC/);
    expect(stderr).not.toMatch(/^trace:/m);
  });
});

describe('a result that goes to a file', () => {
  // A limit on the size of files cuts a write short, as a disk does that is almost full; Node.js takes the part for the whole.
  test('a result that does not fit into its file is an error, not a part of the result', () => {
    const { status, stderr } = shell('ulimit -f 4; IRQLOOM layout > cut');
    expect(readFileSync(file('cut')).length).toBeLessThanOrEqual(4096);
    expect(stderr).toMatch(/the result cannot be written to stdout: EFBIG/);
    expect(status).toBe(3);
  });

  test('a result that fits into its file is whole', () => {
    expect(shell('IRQLOOM layout > fits').status).toBe(0);
    expect(readFileSync(file('fits'), 'utf8')).toBe(shell('IRQLOOM layout').stdout);
  });
});

describe("a guest's console", () => {
  const boot = `IRQLOOM boot "${BARE}" --seed 1`;

  test("a guest's console on a full or closed stderr costs nothing: the command has its own status", () => {
    for (const stderr of ['2> /dev/full', '2>&-']) {
      const { status, stdout } = shell(`${boot} ${stderr}`);
      expect(stdout).toMatch(/the guest powered off/);
      expect(status).toBe(0);
    }
  });

  test("a full disk under a guest's console is told once, and costs the console alone", () => {
    const { status, stdout, stderr } = shell(`${boot} --console /dev/full`);
    expect(stdout).toMatch(/the guest powered off/);
    expect(stderr.match(/\/dev\/full cannot be written: ENOSPC/g)).toHaveLength(1);
    expect(status).toBe(2);
  });

  test("a guest's console in a pipe without a reader does not hold the guest up", () => {
    // The shell holds the pipe open, and reads nothing until the command has ended.
    const { status, stdout } = shell(`mkfifo slow; exec 9<> slow; ${boot} --console slow`);
    expect(stdout).toMatch(/the guest powered off/);
    expect(status).toBe(0);
  });

  test("a guest's console does not overwrite the kernel", async () => {
    copyFileSync(BARE, file('kernel'));
    const { status, stderr } = await irqloom(['boot', file('kernel'), '--console', file('kernel')]);
    expect(stderr).toMatch(/kernel cannot be written: the file is an input of this command/);
    expect(status).toBe(2);
    expect(readFileSync(file('kernel')).equals(readFileSync(BARE))).toBe(true);
  });
});

test('a kernel, a RAM disk and a disk are regular files, or refused at once', () => {
  writeFileSync(file('empty'), '');
  for (const args of ['/dev/zero', 'fifo', `"${BARE}" --initrd fifo`, `"${BARE}" --device block:/dev/zero`]) {
    const { status, stderr } = shell(`[ -p fifo ] || mkfifo fifo; IRQLOOM boot ${args}`);
    expect(stderr).toMatch(/is not a regular file; save an? (kernel|initial RAM disk|disk) to a file first/);
    expect(status).toBe(2);
  }
});
