import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { exploreChecked, loadScenario } from '../../src/explore/index.ts';

/** Packages as they are installed, each with a failure that is known of it. */
const PACKAGES = [
  {
    name: 'sharedmap',
    wrong:
      'a get of a chained key and a set that comes round the end hold each a line and wait for the other',
    kind: 'deadlock',
    lines: [/sharedmap\/index\.umd\.js:182/, /sharedmap\/index\.umd\.js:185/],
  },
  {
    name: 'await-sync',
    wrong: 'the number of bytes is there before the bytes',
    kind: 'exception',
    lines: [/await-sync\/mod\.js:52/],
  },
  {
    name: 'thread-stream',
    wrong: 'the write index is looked at and then loaded again',
    kind: 'exception',
    lines: [/thread-stream\/index\.js:565/, /thread-stream\/index\.js:556/],
  },
] as const;

test.each(PACKAGES)(
  '$name: $wrong, and the lines inside the package are named',
  async ({ name, kind, lines }) => {
    const file = fileURLToPath(new URL(`../fixtures/packages/${name}.scenario.mjs`, import.meta.url));
    const { failure } = exploreChecked(await loadScenario(file), { seconds: 30 });
    expect(failure).toMatchObject({ kind, minimal: 'proved' });
    const sites = [...(failure?.sites ?? []), ...(failure?.trace ?? []).map(({ site }) => site)].join('\n');
    for (const line of lines) expect(sites).toMatch(line);
  },
);
