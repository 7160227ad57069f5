import { describe, expect, test } from 'vitest';
import { HEADER_WORDS, LAYOUT_VERSION, readHeader, writeHeader } from '../../src/memory/header.ts';

const fresh = (words: number) => new Int32Array(new SharedArrayBuffer(words * 4));
const damaged = (message: string) =>
  expect.objectContaining({ code: 'ERR_LAYOUT', message: expect.stringContaining(message) });

describe('the header of a buffer', () => {
  test('gives back the configuration that was written', () => {
    const words = fresh(32);
    writeHeader(words, [1, -2, 3]);
    expect(readHeader(words)).toEqual([1, -2, 3]);
    writeHeader(words, []);
    expect(readHeader(words)).toEqual([]);
  });

  test.each([
    { title: 'another mark', at: 0, value: 0x464c457f, message: 'found 0x464c457f' },
    {
      title: 'another version',
      at: 1,
      value: LAYOUT_VERSION + 1,
      message: `reads version ${LAYOUT_VERSION}`,
    },
    { title: 'another length', at: 2, value: 31, message: 'says it has 31 words, and has 32' },
    {
      title: 'too long a configuration',
      at: 3,
      value: 32 - HEADER_WORDS + 1,
      message: '29 configuration words',
    },
    { title: 'a negative one', at: 3, value: -1, message: '-1 configuration words' },
  ])('is refused with $title', ({ at, value, message }) => {
    const words = fresh(32);
    writeHeader(words, [7]);
    words[at] = value;
    expect(() => readHeader(words)).toThrow(damaged(message));
  });

  test('is refused where the buffer is too short to have one', () => {
    expect(() => readHeader(fresh(0))).toThrow(damaged('mark'));
    const words = fresh(8);
    writeHeader(words, [1, 2]);
    expect(() => readHeader(words.subarray(0, 5))).toThrow(damaged('cut off'));
  });
});
