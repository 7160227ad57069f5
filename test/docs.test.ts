import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { DEFAULT_CONFIG } from '../src/board/config.ts';
import { layOut } from '../src/board/layout.ts';
import { MUTEX } from '../src/memory/mutex.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** Paths of this repository that a page names in backquotes, and that do not exist; placeholders in capitals aside. */
function lostPathsIn(text: string): string[] {
  const named = [...text.matchAll(/`((?:src|test|docs|bench|workers|examples)\/[^`\s]*)`/g)];
  return named
    .map(([, path = '']) => path)
    .filter((path) => !/[A-Z]{3}/.test(path) && !existsSync(join(ROOT, path)));
}

/** Names of locks that a machine has and a page does not. */
function unplacedLocks(text: string): string[] {
  const { layout } = layOut(DEFAULT_CONFIG);
  return [...layout.regions()]
    .filter(([, , kind]) => kind === MUTEX)
    .map(([name]) => name.replace(/^its\d+/, 'itsN'))
    .filter((name) => !text.includes(`${name} `) && !text.includes(`${name}\n`));
}

describe('CONTRIBUTING', () => {
  const text = read('CONTRIBUTING.md');

  test('names files that exist', () => {
    expect(lostPathsIn(text)).toEqual([]);
    expect(lostPathsIn('see `src/kvm/no-such-file.ts`')).toEqual(['src/kvm/no-such-file.ts']);
  });

  test('has every lock of a machine in its tree', () => {
    expect(unplacedLocks(text)).toEqual([]);
    expect(unplacedLocks('gicd.lock only')).toContain('kvm.irqLock');
  });
});

test('the pages of docs name files that exist', () => {
  for (const page of readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }))
    if (page.endsWith('.md')) expect(lostPathsIn(read(`docs/${page}`)), page).toEqual([]);
});
