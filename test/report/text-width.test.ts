import { afterEach, describe, expect, test } from 'vitest';
import { table } from '../../src/report/table.ts';
import { fitted, setTextWidth } from '../../src/report/text-width.ts';

afterEach(() => setTextWidth(undefined));

const HEAD = ['path', 'verdict', 'p50', 'p99', 'effect'];
const ROWS = [
  ['irqfd, inline', 'no different', '10.0', '20.0', '+0.10'],
  ['irqfd, main', 'slower', '11.0', '21.0', '+0.90'],
];

describe('a table', () => {
  test('has all columns where its text goes to a file', () => {
    expect(table(HEAD, ROWS)).toBe(
      [
        'path           verdict        p50   p99  effect',
        'irqfd, inline  no different  10.0  20.0   +0.10',
        'irqfd, main    slower        11.0  21.0   +0.90',
      ].join('\n'),
    );
  });

  test('leaves out the least important columns on a narrow terminal, and names them', () => {
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

  test('leaves no column out that it may not leave out', () => {
    setTextWidth(20);
    expect(table(HEAD, ROWS, [])).toContain('+0.90');
    expect(table(HEAD, ROWS).split('\n')[0]).toBe('path');
  });
});

describe('a text on a terminal', () => {
  const text = 'one two three four five six\n  seven eight nine ten eleven\n';

  test('is broken between words, and goes on further in', () => {
    setTextWidth(20);
    expect(fitted(text)).toBe('one two three four\n  five six\n  seven eight nine\n    ten eleven\n');
  });

  test('stays as it is where there is room, and in a file', () => {
    setTextWidth(80);
    expect(fitted(text)).toBe(text);
    setTextWidth(undefined);
    expect(fitted(text.repeat(9))).toBe(text.repeat(9));
  });

  test('keeps a command on its line, so that it can be copied, and a word that is too long whole', () => {
    setTextWidth(20);
    const command = 'repeat  npx irqloom replay x1:lost-update examples/lost-update.mjs';
    expect(fitted(command)).toBe(command);
    expect(fitted(`token ${'x'.repeat(30)}`)).toBe(`token\n  ${'x'.repeat(30)}`);
  });
});
