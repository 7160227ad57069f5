import { expect, test } from 'vitest';
import { countOperations } from '../../src/memory/operation-count.ts';
import { add, load, raise, store } from '../../src/memory/word.ts';

test('counts each kind, and the words and lines that were touched', () => {
  const words = new Int32Array(new SharedArrayBuffer(256));
  const count = countOperations(() => {
    load(words, 1);
    load(words, 1);
    store(words, 2, 7);
    add(words, 20, 1);
    raise(words, 21, 1); // a load, and an update because the bit was clear
    raise(words, 21, 1); // a load alone
    Atomics.notify(words, 40);
  });
  expect(count).toEqual({ loads: 4, stores: 1, updates: 2, notifies: 1, words: 5, lines: 3 });
  expect([words[2], words[20], words[21]]).toEqual([7, 1, 1]);
});

test('Atomics is as it was afterwards, even if the code threw', () => {
  const before = Atomics.load;
  expect(() =>
    countOperations(() => {
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(Atomics.load).toBe(before);
});
