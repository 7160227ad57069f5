import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { RACES } from '../../src/races/index.ts';
import { catalogue } from './catalogue.ts';

const DOCS = fileURLToPath(new URL('../../docs/races.md', import.meta.url));

// UPDATE_DOCS=1 writes the file anew.
if (process.env.UPDATE_DOCS === '1') writeFileSync(DOCS, catalogue(RACES));

test('docs/races.md says what the table of races says', () => {
  expect(readFileSync(DOCS, 'utf8')).toBe(catalogue(RACES));
});

test('a race that is told otherwise makes another text', () => {
  const [first] = RACES;
  if (first === undefined) throw new Error('there are no races');
  expect(catalogue([{ ...first, preemptions: 7 }])).not.toBe(catalogue([first]));
});

test('every race says everything, in whole sentences', () => {
  for (const { slug, title, story, reference, fix, lesson } of RACES) {
    expect(story, slug).toMatch(/^\S.{80,}\.$/);
    expect(reference, slug).toMatch(/^\S.{20,}\.$/);
    expect(lesson, slug).toMatch(/^\S.{30,}[.?)]$/);
    expect(title, slug).toMatch(/[^.]$/);
    expect(fix, slug).toMatch(/[^.]$/);
  }
});

test('numbers and slugs are the own of each race', () => {
  expect(new Set(RACES.map(({ number }) => number)).size).toBe(RACES.length);
  expect(new Set(RACES.map(({ slug }) => slug)).size).toBe(RACES.length);
  expect(RACES.map(({ number }) => number)).toEqual(RACES.map((_, index) => index + 1));
});
