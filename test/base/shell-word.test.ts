import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { shellWord } from '../../src/base/shell-word.ts';

const WORDS = [
  'plain-1.txt',
  '',
  'two words',
  "it's",
  '$HOME `id` "x" \\',
  'a\nb',
  '\u001b[31mé\u0007',
  "\u009b'\\\t",
];

test.each(WORDS)('%j comes back from the shell as it is, and holds no control character', (word) => {
  const quoted = shellWord(word);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  expect(quoted).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  expect(execFileSync('bash', ['-c', `printf %s ${quoted}`], { encoding: 'utf8' })).toBe(word);
});
