/** Files, streams and limits that get in the way of a command: each is an error with a name, and no result is lost. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { printable } from '../../src/base/printable.ts';
import { irqloom } from './run.ts';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'irqloom-disturbances-'));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const SHORT = ['stress', '-v', '1', '-d', '1', '-e', '1', '-s', '0.3', '--churn', 'none'];

/** Runs the command through a shell, for redirections and limits. */
function shell(script: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync('sh', ['-c', script.replaceAll('IRQLOOM', `"${process.execPath}" "${MAIN}"`)], {
    encoding: 'utf8',
    timeout: 50_000,
  });
}

describe('an output of stress', () => {
  test.each(['--report', '--trace', '--metrics'])(
    '%s that cannot be written is refused before the run',
    async (flag) => {
      const { status, stdout, stderr } = await irqloom([...SHORT, flag, file('nowhere/x')]);
      expect(stdout).toBe('');
      expect(stderr).toMatch(
        /nowhere\/x cannot be written: there is no folder .*nowhere; make that folder first/,
      );
      expect(status).toBe(2);
    },
  );

  test.each(['--report', '--metrics'])(
    '%s on a full disk costs the file, and not the result',
    async (flag) => {
      const { status, stdout, stderr } = await irqloom([...SHORT, flag, '/dev/full']);
      expect(stdout).toMatch(/lost 0, misrouted 0/);
      expect(stderr).toMatch(/\/dev\/full cannot be written: ENOSPC/);
      expect(stderr).not.toMatch(/at .*\.js/);
      expect(status).toBe(flag === '--report' ? 2 : 0);
    },
  );

  test('an existing output of stress stays whole until the new one is whole', async () => {
    const report = file('kept.html');
    writeFileSync(report, 'the report of before');
    const { status } = await irqloom([...SHORT, '--report', report, '--trace', file('nowhere/t')]);
    expect(status).toBe(2);
    expect(readFileSync(report, 'utf8')).toBe('the report of before');
  });
});

describe('the stream of the result', () => {
  test('a stdout that its reader closes changes no exit status, and prints no stack', () => {
    const script = `IRQLOOM races --help > /dev/null; { IRQLOOM ${SHORT.join(' ')} 2>err; echo $? > status; } | head -c 1`;
    const { stdout } = shell(`cd "${folder}"; ${script}`);
    expect(stdout).toHaveLength(1);
    expect(readFileSync(file('status'), 'utf8').trim()).toBe('0');
    expect(readFileSync(file('err'), 'utf8')).not.toMatch(/EPIPE|\bat /);
  });

  test('a full stdout is told on stderr, and the run ends without an answer', () => {
    const { status, stderr } = shell(`IRQLOOM ${SHORT.join(' ')} > /dev/full`);
    expect(stderr).toMatch(/cannot be written to stdout: ENOSPC/);
    expect(status).toBe(3);
  });
});

test('threads that need more file descriptors than are allowed are refused with the command that helps', () => {
  const { status, stderr } = shell('ulimit -n 256; IRQLOOM stress -v 64 -d 1 -e 1 -s 0.3');
  expect(stderr).toMatch(/threads need about \d+ file descriptors and 256 are allowed: ulimit -n 1024/);
  expect(status).toBe(2);
});

test.each([48, 96])(
  'a process that may open %i files, fewer than its modules need, says which limit to lift',
  (limit) => {
    const { status, stderr } = shell(`ulimit -n ${limit}; IRQLOOM ${SHORT.join(' ')}`);
    expect(stderr).toMatch(/file descriptors .*: ulimit -n \d+/);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(status).toBe(2);
  },
);

describe('an input', () => {
  test('an input of one line of a million brackets is refused before its parse', async () => {
    const bomb = file('bomb.jsonl.gz');
    const header = readFileSync(new URL('../../data/guests/linux-2cpu-virtio.jsonl.gz', import.meta.url));
    const first = execFileSync('gzip', ['-dc'], { input: header }).toString().split('\n')[0];
    writeFileSync(bomb, gzipSync(`${first}\n${'['.repeat(1_000_000)}\n`));
    const { status, stderr } = await irqloom(['stress', '--recording', bomb, '-s', '0.3']);
    expect(stderr).toMatch(/bomb\.jsonl\.gz:2: the line has 1000000 characters; expected at most 65536/);
    expect(status).toBe(2);
  });

  test('an input of compare-runs that is no regular file is refused at once', async () => {
    execFileSync('mkfifo', [file('fifo')]);
    for (const path of [file('fifo'), '/dev/zero', folder]) {
      const { status, stderr } = await irqloom(['compare-runs', path, path]);
      expect(stderr).toMatch(/is not a regular file|is a directory/);
      expect(status).toBe(2);
    }
  });

  test('an input of ioctl on standard input is read up to a limit', () => {
    const { status, stderr } = shell('yes 00 | head -c 3000000 | IRQLOOM ioctl KVM_IRQFD -');
    expect(stderr).toMatch(/standard input has more than 1048576 bytes/);
    expect(status).toBe(2);
  });
});

describe('saved results', () => {
  const block = (boot: number) => ({ boot, p50: 200 + boot, p99: 400 });
  const path = {
    source: 'irqfd',
    dispatch: 'inline',
    waiting: 'polling',
    ratio: { calibrationNs: 100 },
    blocks: Array.from({ length: 8 }, (_, i) => block(i)),
  };
  const saved = (changes: object) =>
    JSON.stringify({
      schemaVersion: 1,
      command: 'latency',
      calibration: { steady: true },
      paths: [path],
      ...changes,
    });
  const compare = async (text: string) => {
    writeFileSync(file('run.json'), text);
    return irqloom(['compare-runs', file('run.json'), file('run.json')]);
  };

  test('saved results with a byte order mark are read', async () => {
    expect((await compare(`\uFEFF${saved({})}`)).status).toBe(0);
  });

  test.each([
    [
      'an odd schemaVersion',
      saved({ schemaVersion: { toString: 5 } }),
      /its schemaVersion is .* and this irqloom reads 1/,
    ],
    ['a path twice', saved({ paths: [path, path] }), /the path "irqfd, inline, polling" stands in it twice/],
    [
      'a time of 1e308 ns',
      saved({ paths: [{ ...path, blocks: [{ boot: 0, p50: 1e308, p99: 1 }] }] }),
      /one of its blocks is damaged/,
    ],
    [
      '200,000 blocks',
      saved({ paths: [{ ...path, blocks: Array.from({ length: 200_000 }, () => block(1)) }] }),
      /200000 blocks/,
    ],
  ])('with %s are refused', async (_what, text, message) => {
    const { status, stderr } = await compare(text);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });
});

test('a file of 20,000 results is read in one go', async () => {
  const path = { source: 'irqfd', dispatch: 'inline', waiting: 'polling', ratio: { calibrationNs: 100 } };
  const blocks = Array.from({ length: 8 }, (_, boot) => ({ boot, p50: 200 + boot, p99: 400 }));
  const run = {
    schemaVersion: 1,
    command: 'latency',
    calibration: { steady: true },
    paths: [{ ...path, blocks }],
  };
  writeFileSync(file('many.json'), `${JSON.stringify(run)}\n`.repeat(20_000));
  const { status, stdout } = await irqloom(['compare-runs', file('many.json'), file('many.json'), '--json']);
  expect(JSON.parse(stdout).paths).toMatchObject([{ a: { boots: 160_000 }, b: { boots: 160_000 } }]);
  expect(status).toBe(0);
});

test('control characters of a file reach the terminal as escapes', () => {
  expect(printable('a\u001b[31mb\u009bc\n\td')).toBe('a\\u001b[31mb\\u009bc\n\td');
});
