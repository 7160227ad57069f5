import { expect, test } from 'vitest';
import { countOperations, interruptAt } from '../../src/memory/operation-count.ts';
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

test('something else is done in the midst, once, at any operation or after the last', () => {
  const orders = [0, 1, 2, 3, 9].map((index) => {
    const words = new Int32Array(new SharedArrayBuffer(256));
    const seen: number[] = [];
    const operations = interruptAt(
      index,
      () => add(words, 0, 1),
      () => {
        for (let n = 0; n < 3; n++) seen.push(load(words, 0));
      },
    );
    expect(operations).toBe(3);
    expect(words[0]).toBe(1);
    return seen.join('');
  });
  expect(orders).toEqual(['111', '011', '001', '000', '000']);
});
