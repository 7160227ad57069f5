import { describe, expect, test } from 'vitest';
import { explore } from '../../src/explore/index.ts';
import { Layout } from '../../src/memory/layout.ts';
import { store, type Words } from '../../src/memory/word.ts';
import { ByteRing, byteRingWords } from '../../src/platform/byte-ring.ts';
import { passesEvery } from '../exploring.ts';

const REGION = new Layout().region('ring', byteRingWords(4));
const words = () => new Int32Array(new SharedArrayBuffer(4 * byteRingWords(4)));

describe('a ring of bytes', () => {
  test('gives back what was put, in order, and has room again', () => {
    const ring = new ByteRing(words(), REGION);
    for (let round = 0; round < 5; round++) {
      for (const byte of [1, 2, 3, 4]) expect(ring.put(byte + round)).toBe(true);
      expect(ring.isFull).toBe(true);
      expect(ring.put(9)).toBe(false);
      expect(ring.take()).toBe(1 + round);
      expect([...ring.takeAll()]).toEqual([2, 3, 4].map((byte) => byte + round));
      expect(ring.take()).toBe(-1);
    }
  });

  test('whatever the order of the two threads, the consumer takes a prefix of what was put', () => {
    passesEvery({
      words: byteRingWords(4),
      threads: {
        producer: (shared: Words) => {
          const ring = new ByteRing(shared, REGION);
          for (let byte = 1; byte <= 3; byte++) expect(ring.put(byte)).toBe(true);
        },
        consumer: (shared: Words) => {
          const ring = new ByteRing(shared, REGION);
          const taken = [ring.take(), ring.take(), ring.take()].filter((byte) => byte >= 0);
          expect(taken).toEqual([1, 2, 3].slice(0, taken.length));
        },
      },
    });
  });

  test('a producer that moves the head before it writes the byte is caught', () => {
    const result = explore(
      {
        words: byteRingWords(4),
        threads: {
          producer: (shared: Words) => {
            store(shared, REGION.at, 1);
            store(shared, REGION.at + byteRingWords(4) - 1, 7);
          },
          consumer: (shared: Words) => {
            const byte = new ByteRing(shared, REGION).take();
            expect([-1, 7]).toContain(byte);
          },
        },
      },
      { seconds: 10 },
    );
    expect(result.verdict).toBe('fail');
  });
});
