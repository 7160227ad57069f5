import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { conform, readCase, runCase } from '../../src/conformance/conform.ts';
import { conformText } from '../../src/report/conform-text.ts';
import { failureOf } from '../failure.ts';

const FOLDER = fileURLToPath(new URL('../fixtures/vectors/', import.meta.url));
const VECTORS = readdirSync(FOLDER).filter((name) => name.endsWith('.vec'));
const CLI = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

const scratch = mkdtempSync(join(tmpdir(), 'irqloom-conform-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A copy of a given vector, its recording changed by `change`. */
function altered(name: string, change: (rows: Record<string, unknown>[]) => void): string {
  const path = join(scratch, name);
  copyFileSync(join(FOLDER, name), path);
  const recording = name.replace('.vec', '.expected.jsonl');
  const rows = readFileSync(join(FOLDER, recording), 'utf8').trim().split('\n');
  const parsed = rows.map((row) => JSON.parse(row) as Record<string, unknown>);
  change(parsed);
  writeFileSync(join(scratch, recording), `${parsed.map((row) => JSON.stringify(row)).join('\n')}\n`);
  return path;
}

const run = (...args: string[]) =>
  spawnSync(process.execPath, [CLI, 'conform', ...args], { encoding: 'utf8', timeout: 30_000 });

describe('the given vectors', () => {
  test('every given vector has a recording', () => {
    expect(VECTORS.length).toBeGreaterThanOrEqual(12);
  });

  test.each(VECTORS)('%s is answered as KVM answers it', (name) => {
    const result = runCase(readCase(join(FOLDER, name)), 'kvm');
    expect(result.differences).toEqual([]);
    expect(result).toMatchObject({ name: name.replace('.vec', ''), differ: 0, unsupported: 0 });
    expect(result.answers).toBeGreaterThan(10);
    expect(result.agree + result.notRequired).toBe(result.answers);
  });

  // What follows QEMU is identification, reset values and options; these vectors ask for nothing else.
  test.each(VECTORS.filter((name) => !/^(11|15)-/.test(name)))(
    '%s is answered as QEMU answers it',
    (name) => {
      expect(runCase(readCase(join(FOLDER, name)), 'qemu').differences).toEqual([]);
    },
  );
});

describe('a wrong answer is found', () => {
  test('a changed answer is reported with line, step, expected and got', () => {
    const path = altered('06-sgi-ppi-delivery.vec', (rows) => {
      const row = rows.find(({ verb, intid }) => verb === 'ack' && intid !== 1023);
      if (row) row.intid = 14;
    });
    const { vectors, differ } = conform([path], 'kvm');
    expect(differ).toBe(1);
    const [difference] = vectors[0]?.differences ?? [];
    expect(difference?.expected).toMatchObject({ verb: 'ack', intid: 14 });
    expect(difference?.got).toMatchObject({ verb: 'ack' });
    const lines = readFileSync(path, 'utf8').split('\n');
    expect(lines[(difference?.line ?? 0) - 1]).toContain(difference?.step);
    expect(difference?.step).toMatch(/^cpu \d ack$/);
    expect(conformText(conform([path], 'kvm'))).toContain(`06-sgi-ppi-delivery.vec:${difference?.line}: cpu`);
  });

  test('an extra and a missing answer are reported', () => {
    const path = altered('03-spi-level-edge.vec', (rows) => void rows.pop());
    expect(conform([path], 'kvm')).toMatchObject({ differ: 1, answers: 22 });
  });

  test('the answers of another personality are reported as different', () => {
    expect(runCase(readCase(join(FOLDER, '01-gicd-identity-raz.vec')), 'qemu')).toMatchObject({ differ: 0 });
    const { vector, expected, name } = readCase(join(FOLDER, '01-gicd-identity-raz.vec'));
    const unmarked = expected.map((answer) => ({ ...answer, marks: [] }));
    expect(runCase({ name, vector, expected: unmarked }, 'kvm').differ).toBeGreaterThan(0);
  });
});

describe('irqloom conform', () => {
  test('irqloom conform exits 0 for all vectors, and prints JSON', () => {
    const { status, stdout } = run(...VECTORS.map((name) => join(FOLDER, name)), '--json');
    expect(status).toBe(0);
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(result).toMatchObject({
      schemaVersion: 1,
      command: 'conform',
      profile: 'kvm',
      differ: 0,
      unsupported: 0,
    });
    expect(result.vectors).toHaveLength(VECTORS.length);
    expect(Object.keys((result.vectors as object[])[0] ?? {})).toEqual(
      expect.arrayContaining(['name', 'answers', 'agree', 'differ', 'unsupported', 'differences']),
    );
  });

  test('irqloom conform exits 1 for a difference, and prints it', () => {
    const path = altered('13-its-queue.vec', (rows) => {
      const row = rows.find((answer) => answer.creadr !== undefined);
      if (row) row.creadr = '0x7777';
    });
    const { status, stdout } = run(path);
    expect(status).toBe(1);
    expect(stdout).toContain('"creadr":"0x7777"');
  });

  test('irqloom conform exits 2 for bad input, with file and line and without a stack', () => {
    const bad = join(scratch, 'bad.vec');
    writeFileSync(bad, 'setup-dist\nr32 GICD.ISENABLERR[1]\n');
    const { status, stderr, stdout } = run(bad);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/bad\.vec:2: .*ISENABLERR.*ISENABLER/s);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('irqloom conform prints the answers of a vector without a recording', () => {
    const lonely = join(scratch, 'alone.vec');
    writeFileSync(lonely, 'setup-dist\nr32 GICD.CTLR\ncpu 0 rpr\n');
    const { status, stdout } = run(lonely, '--answers');
    expect(status).toBe(0);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { i: 0, line: 2, op: 'r32', at: 'GICD.CTLR', value: '0x52' },
      { i: 1, line: 3, op: 'cpu', cpu: 0, verb: 'rpr', value: '0xff' },
    ]);
  });

  test('irqloom conform refuses a missing recording, an unknown profile, and no vector', () => {
    const lonely = join(scratch, 'lonely.vec');
    writeFileSync(lonely, 'r32 GICD.CTLR\n');
    expect(run(lonely)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('lonely.expected.jsonl'),
    });
    expect(run(lonely, '--profile', 'xen').status).toBe(2);
    expect(run().status).toBe(2);
    expect(failureOf(() => conform([join(scratch, 'absent.vec')], 'kvm')).code).toBe('ERR_FILE');
  });
});
