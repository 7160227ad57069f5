import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { exploreChecked, loadScenario } from '../../src/explore/index.ts';
import { Layout } from '../../src/memory/layout.ts';
import { ByteRing, byteRingWords } from '../../src/platform/byte-ring.ts';
import { passesEveryOfFile } from '../exploring.ts';

const SCENARIOS = fileURLToPath(new URL('fixtures/byte-ring.ts', import.meta.url));
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

  test.each(['prefix', 'wrapping'])(
    'whatever the order of the two threads, the consumer takes a prefix of what was put: %s',
    async (exportName) => {
      expect((await passesEveryOfFile(SCENARIOS, { exportName })).schedules).toBeGreaterThan(10);
    },
  );

  test('a producer that moves the head before it writes the byte is caught', async () => {
    const scenario = await loadScenario(SCENARIOS, { exportName: 'headFirst' });
    expect(exploreChecked(scenario, { seconds: 10 }).verdict).toBe('fail');
  });
});
