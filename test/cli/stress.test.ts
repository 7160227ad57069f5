import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { irqloom } from './run.ts';

const RECORDING = new URL('../../data/guests/linux-2cpu-virtio.jsonl.gz', import.meta.url);

describe('irqloom stress', () => {
  test('--json prints one object, on stdout alone', async () => {
    const { status, stdout, stderr } = await irqloom(['stress', '--seconds', '0.5', '--json', '--seed', '7']);
    expect(status).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      schemaVersion: 1,
      command: 'stress',
      config: {
        vcpus: 2,
        devices: 3,
        events: 8,
        dispatch: 'both',
        churn: 'heavy',
        seed: 7,
        source: expect.stringContaining('linux-2cpu-virtio'),
      },
      lost: 0,
      misrouted: 0,
      spurious: 0,
      stranded: 0,
      violations: [],
      churn: {
        moves: expect.any(Number),
        routeUpdates: expect.any(Number),
        masks: expect.any(Number),
        configs: expect.any(Number),
        remaps: expect.any(Number),
      },
      latencyNs: {
        count: expect.any(Number),
        p50: expect.any(Number),
        p90: expect.any(Number),
        p99: expect.any(Number),
        p999: expect.any(Number),
        max: expect.any(Number),
      },
    });
    expect(stderr).toContain('seed 7');
  });

  test('irqloom stress prints a table for people', async () => {
    const { status, stdout } = await irqloom([
      'stress',
      '-v',
      '2',
      '-d',
      '1',
      '-e',
      '2',
      '--spis',
      '2',
      '--seconds',
      '0.5',
      '--dispatch',
      'inline',
    ]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/vCPU +delivered/);
    expect(stdout).toContain(
      'lost 0, misrouted 0, spurious 0, stranded 0: every signal was followed by its delivery',
    );
  });

  test('a fault ends with status 1, the violations by name, and the command that repeats the run', async () => {
    const { status, stdout, stderr } = await irqloom([
      'stress',
      '--seconds',
      '2',
      '--fault',
      'drop-pending',
      '--seed',
      '3',
    ]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/violation +churn +device +event +GSI +INTID/);
    expect(stderr).toMatch(/to repeat this: npx irqloom stress .*--fault drop-pending.* --seed 3/);
  });

  test('--trace writes the last actions of each thread, and counts the dropped ones; also of a failing run', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'irqloom-trace-'));
    const path = join(folder, 'trace.json');
    const args = ['stress', '--seconds', '2', '--fault', 'drop-pending', '--trace', path];
    const { status, stderr } = await irqloom(args);
    expect(status).toBe(1);
    const { traceEvents, otherData } = JSON.parse(readFileSync(path, 'utf8'));
    expect(otherData).toMatchObject({ command: 'irqloom stress', fault: 'drop-pending' });
    expect(traceEvents.filter(({ ph }: { ph: string }) => ph === 's').length).toBe(otherData.arrows);
    expect(otherData.arrows).toBeGreaterThan(0);
    expect(stderr).toMatch(
      /^trace: (all [0-9,]+ slices|the last [0-9,]+ slices, .*dropped before them: .+)$/m,
    );
    expect(stderr).toContain(`--trace ${path}`);
    rmSync(folder, { recursive: true });
  });

  test('--trace does not overwrite a recorded guest: the file belongs to --recording', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'irqloom-trace-'));
    const packed = join(folder, 'guest.gz');
    const plain = join(folder, 'guest.jsonl');
    const bytes = readFileSync(RECORDING);
    writeFileSync(packed, bytes);
    writeFileSync(plain, gunzipSync(bytes));
    for (const path of [packed, plain]) {
      const before = readFileSync(path);
      const { status, stdout, stderr } = await irqloom(['stress', '--trace', path]);
      expect([status, stdout]).toEqual([2, '']);
      expect(stderr).toContain('--recording');
      expect(readFileSync(path).equals(before)).toBe(true);
    }
    // Any other file that is there is replaced, as every output is.
    const other = join(folder, 'other.json');
    writeFileSync(other, '{"format":"something else"}');
    expect((await irqloom(['stress', '-s', '3', '--recording', packed, '--trace', other])).status).toBe(0);
    expect(JSON.parse(readFileSync(other, 'utf8')).traceEvents.length).toBeGreaterThan(0);
    rmSync(folder, { recursive: true });
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s stops the threads and prints the partial result',
    async (signal) => {
      const { status, stdout } = await irqloom(['stress', '--seconds', '600'], {
        text: 'seed',
        act: (kill) => setTimeout(() => kill(signal), 1000),
      });
      expect(status).toBe(130);
      expect(stdout).toContain('lost 0');
    },
  );
});

describe('irqloom stress with code of your own', () => {
  const GUEST = 'examples/own-guest/guest.mjs';
  const DEVICE = 'test/harness/fixtures/again-and-again.mjs';

  test('stress runs a guest and a device of the user, and names them', async () => {
    const args = ['stress', '--guest', GUEST, '--device', DEVICE, '-i', '2', '-s', '30', '--json'];
    const { status, stdout } = await irqloom(args);
    expect(status).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ lost: 0, misrouted: 0, spurious: 0, stranded: 0 });
    expect(result.config).toMatchObject({ vcpus: 2, devices: 2, events: 8, guest: GUEST, device: DEVICE });
  });

  test('a broken rule of the machine ends with status 1, and with the command that repeats the run', async () => {
    const args = ['stress', '--guest', GUEST, '-s', '2', '--fault', 'double'];
    const { status, stdout, stderr } = await irqloom(args);
    expect(status).toBe(1);
    expect(stdout).toContain(`guest ${GUEST}, device of irqloom`);
    expect(stdout).toMatch(/^spurious/m);
    expect(stderr).toMatch(/to repeat this: npx irqloom stress .*--guest examples\/own-guest\/guest\.mjs/);
  });
});

describe('bad input ends with status 2 and one message, without a stack', () => {
  let folder = '';
  const file = (name: string, data: string | Buffer) => {
    const path = join(folder, name);
    writeFileSync(path, data);
    return path;
  };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'irqloom-cli-'));
  });

  test.each([
    [['stress', '-v', '0'], 'from 1 to 512'],
    [['stress', '-v', '10000'], 'from 1 to 512'],
    [['stress', '-e', '-1'], 'from 1 to 4096'],
    [['stress', '--seconds', 'soon'], 'seconds'],
    [['stress', '--chrun', 'light'], '--churn'],
    [['stress', '--dispatch', 'elsewhere'], 'main, inline'],
    [['strss'], 'stress'],
    [['stress', 'extra'], 'argument'],
    [['stress', '-d', '64', '-e', '1024'], '4096'],
    [['stress', '-v', '1', '--fault', 'wrong-vcpu'], '2 vCPUs'],
    [['stress', '--churn', 'none', '--fault', 'stale-route'], '--churn'],
    [
      ['stress', '--abi', 'unrouted', '--fault', 'stale-route'],
      'the design "unrouted" has none for a source',
    ],
    [['stress', '-v', '2', '--recording', 'guest.gz'], '--recording brings its own'],
    [['stress', '--guest', 'bar'], 'did you mean bare?'],
    [['stress', '--device', 'no-such-device.mjs'], 'exports run(device)'],
    [['stress', '--guest', 'bare', '--device', 'examples/own-guest/device.mjs'], 'leave out --device'],
    [['stress', '--guest', 'examples/own-guest/guest.mjs', '--lines', 'both'], 'leave out --lines'],
    [['stress', '--guest', 'examples/own-guest/guest.mjs', '--rotate'], 'leave out --rotate'],
    [['stress', '--guest', 'examples/own-guest/device.mjs', '-s', '1'], 'exports no function interrupt'],
  ])('%j', async (args, expected) => {
    const { status, stdout, stderr } = await irqloom(args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(expected);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test('a recording that is missing, cut off, of another format, or wrong on a line, is refused', async () => {
    const bytes = readFileSync(RECORDING);
    const lines = gunzipSync(bytes).toString().split('\n');
    const wrong = [...lines.slice(0, 41), '{"op":"msi","deviceId":"x","eventId":0}', ...lines.slice(42)].join(
      '\n',
    );
    const cases: [string, string | RegExp][] = [
      [join(folder, 'none.gz'), 'no such file'],
      [folder, /folder|directory/],
      [file('short.gz', bytes.subarray(0, 5000)), 'short.gz'],
      [file('text.txt', 'hello\n'), 'text.txt:1'],
      [file('other.jsonl', '{"format":"something/9"}\n'), 'other.jsonl:1'],
      [file('wrong.gz', gzipSync(wrong)), 'wrong.gz:42'],
      [file('empty.jsonl', ''), 'empty'],
    ];
    for (const [path, expected] of cases) {
      const { status, stdout, stderr } = await irqloom(['stress', '--recording', path]);
      expect(status, path).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).toMatch(expected);
      expect(stderr).not.toMatch(/^\s+at /m);
    }
  });
});
