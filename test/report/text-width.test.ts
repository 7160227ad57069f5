import { afterEach, describe, expect, test } from 'vitest';
import { table } from '../../src/report/table.ts';
import { clipped, fitted, setTextWidth } from '../../src/report/text-width.ts';

afterEach(() => setTextWidth(undefined));

const HEAD = ['path', 'verdict', 'p50', 'p99', 'effect'];
const ROWS = [
  ['irqfd, inline', 'no different', '10.0', '20.0', '+0.10'],
  ['irqfd, main', 'slower', '11.0', '21.0', '+0.90'],
];

describe('a table', () => {
  test('a table in a file has all columns', () => {
    expect(table(HEAD, ROWS)).toBe(
      [
        'path           verdict        p50   p99  effect',
        'irqfd, inline  no different  10.0  20.0   +0.10',
        'irqfd, main    slower        11.0  21.0   +0.90',
      ].join('\n'),
    );
  });

  test('a table leaves out the least important columns on a narrow terminal, and names them', () => {
    setTextWidth(38);
    expect(table(HEAD, ROWS, [4, 3])).toBe(
      [
        'path           verdict        p50',
        'irqfd, inline  no different  10.0',
        'irqfd, main    slower        11.0',
        '(a wider terminal, or --json, has more: p99, effect)',
      ].join('\n'),
    );
    expect(table(HEAD, ROWS, [2, 4])).toContain('path           verdict        p99\n');
  });

  test('a table keeps the columns that must stay', () => {
    setTextWidth(20);
    expect(table(HEAD, ROWS, [])).toContain('+0.90');
    expect(table(HEAD, ROWS).split('\n')[0]).toBe('path');
  });
});

describe('a text on a terminal', () => {
  const text = 'one two three four five six\n  seven eight nine ten eleven\n';

  test('a text on a terminal is broken between words, and goes on further in', () => {
    setTextWidth(20);
    expect(fitted(text)).toBe('one two three four\n  five six\n  seven eight nine\n    ten eleven\n');
  });

  test('a text stays unbroken where there is room, and in a file', () => {
    setTextWidth(80);
    expect(fitted(text)).toBe(text);
    setTextWidth(undefined);
    expect(fitted(text.repeat(9))).toBe(text.repeat(9));
  });

  test('a text keeps a command on one line, for copying, and a too long word whole', () => {
    setTextWidth(20);
    const command = 'repeat  npx irqloom replay x1:lost-update examples/lost-update.mjs';
    expect(fitted(command)).toBe(command);
    expect(fitted(`token ${'x'.repeat(30)}`)).toBe(`token\n  ${'x'.repeat(30)}`);
  });
});

describe('a status line', () => {
  const line = 'add: dfs, 52,208 schedules, 18.9 k/s, at most 58 s left';

  test('a status line that has room is whole', () => {
    expect(clipped(line, line.length)).toBe(line);
  });

  test('a status line leaves parts out from the right, never half a word', () => {
    expect(clipped(line, line.length - 1)).toBe('add: dfs, 52,208 schedules, 18.9 k/s, …');
    expect(clipped(line, 30)).toBe('add: dfs, 52,208 schedules, …');
    expect(clipped('1.0 s  violations 0  injected 12', 25)).toBe('1.0 s  violations 0  …');
  });

  test('a part that is longer than the line is cut', () => {
    expect(clipped('loading-everything', 8)).toBe('loading…');
    for (const width of [0, 1, 2])
      expect(clipped(line, width).length).toBeLessThanOrEqual(Math.max(1, width));
  });
});
