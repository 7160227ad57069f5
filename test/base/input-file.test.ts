import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { isInputFile, noteInputFile, readInputFile } from '../../src/base/input-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-input-'));
const file = (name: string) => join(folder, name);
/** Files made until one has the inode of a file that was deleted: enough for some ticks of the clock. */
const MOST_TRIES = 5_000;
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

  test('may be asked for by a text that is too long for a path: there is no such file', () => {
    noteInputFile('a'.repeat(10_000));
    expect(isInputFile('a'.repeat(10_000))).toBe(false);
  });

  test('that was renamed or changed since is still known as an input', () => {
    writeFileSync(file('before'), 'x');
    readInputFile(file('before'), 'a test', 10);
    renameSync(file('before'), file('after'));
    appendFileSync(file('after'), 'y');
    expect(isInputFile(file('after'))).toBe(true);
  });

  test('that was deleted has left no trace: a later file with its inode is no input', (context) => {
    const statusOf = (name: string) => statSync(file(name), { bigint: true });
    writeFileSync(file('gone'), 'x');
    readInputFile(file('gone'), 'a test', 10);
    const gone = statusOf('gone');
    rmSync(file('gone'));
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      writeFileSync(file('later'), 'x');
      const later = statusOf('later');
      // Two files of one tick of the file system's clock are the same file by all that it says of them.
      if (later.ino === gone.ino && later.birthtimeNs !== gone.birthtimeNs) {
        expect(isInputFile(file('later'))).toBe(false);
        return;
      }
      rmSync(file('later'));
    }
    context.skip(`no inode was given twice in ${MOST_TRIES} files, or the file system keeps no birth time`);
  });
});
