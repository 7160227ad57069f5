import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { isInputFile, readInputFile } from '../../src/base/input-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-input-'));
const file = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

describe('an input file', () => {
  test.each([0, 1, 65_535, 65_536, 200_000])('of %i bytes is read whole', (bytes) => {
    const content = Buffer.from(Array.from({ length: bytes }, (_, at) => at % 251));
    writeFileSync(file('whole'), content);
    expect(readInputFile(file('whole'), 'a test', bytes).equals(content)).toBe(true);
  });

  test('that is larger than its limit is refused, with the limit', () => {
    writeFileSync(file('large'), Buffer.alloc(101));
    expect(() => readInputFile(file('large'), 'a test', 100)).toThrow(
      /has 101 bytes; a test may have at most 100/,
    );
  });

  // Each claims to have no bytes, and has more than one reads in a minute.
  test.runIf(process.platform === 'linux')(
    'of /proc is bounded by the limit, whatever size it claims',
    () => {
      expect(() => readInputFile('/proc/self/pagemap', 'a test', 2 ** 17 - 1)).toThrow(
        /has more than 131071 bytes; a test may have at most 131071/,
      );
      expect(readInputFile('/proc/self/status', 'a test', 100_000).length).toBeGreaterThan(100);
    },
  );

  test('is known as an input from then on, by whatever path; another file is not', () => {
    writeFileSync(file('read'), 'x');
    writeFileSync(file('other'), 'x');
    symlinkSync(file('read'), file('link'));
    readInputFile(file('read'), 'a test', 10);
    expect(['read', 'link', 'other', 'missing'].map((name) => isInputFile(file(name)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
