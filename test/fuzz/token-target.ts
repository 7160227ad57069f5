import { explore, replay } from '../../src/explore/index.ts';
import { decodeToken, encodeToken } from '../../src/explore/telling/token.ts';
import type { Target } from './target.ts';

const increment = (words: Int32Array) => {
  Atomics.store(words, 0, Atomics.load(words, 0) + 1);
};

const SCENARIO = { name: 'lost', words: 4, threads: { a: increment, b: increment } };

/** FNV-1a: a token's own check, so that a mutant gets past it. */
function check(text: string): string {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return (hash >>> 0).toString(36);
}

/** Tokens: with the check that a mutant needs; what is read is replayed. */
export const TOKEN: Target = {
  name: 'token',
  seeds: () => {
    const token = {
      scenario: 'lost',
      seed: 7,
      timeouts: 'late',
      turns: [[1, 1] as const],
      marks: [],
    } as const;
    const shared = { ...token, shared: [[0, 4] as const, [8, 4] as const] };
    return [token, shared].map((each) => Buffer.from(encodeToken(each).split(':').slice(0, 5).join(':')));
  },
  words: ['x1:', ':lost:', '-1.1', '.all', '_', 'zzzzzz', '0.l'],
  read: (bytes) => {
    const text = Buffer.from(bytes).toString('latin1');
    const token = `${text}:${check(text)}`;
    decodeToken(token, 'lost');
    replay(token, SCENARIO);
  },
};

// The explorer's parts are loaded by a search, and not by the first input.
explore(SCENARIO, { schedules: 2 });
