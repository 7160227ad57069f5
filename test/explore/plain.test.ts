import { describe, expect, test } from 'vitest';
import * as plain from '../../src/explore/control/plain.ts';
import { type ExploreResult, explore } from '../../src/explore/index.ts';

/** Runs two equal threads over fresh shared memory under every schedule. */
function both<V>(view: (buffer: SharedArrayBuffer) => V, body: (view: V) => void): ExploreResult {
  return explore(
    { setup: () => view(new SharedArrayBuffer(64)), threads: { a: body, b: body } },
    { strategy: 'dfs', all: true },
  );
}

describe('plain accesses of rewritten code', () => {
  test('an increment is a read and a write: two of them have the six schedules of a lost update', () => {
    const increment = (words: Int32Array): void => {
      plain.set(words, 0, (plain.get(words, 0) as number) + 1);
    };
    const result = explore(
      {
        words: 1,
        threads: { a: increment, b: increment },
        finally: (words) => expect(words[0]).toBe(2),
      },
      { strategy: 'dfs', all: true },
    );
    expect(result).toMatchObject({ schedules: 6, failures: 4, exhausted: true });
    expect(result.failure).toMatchObject({ preemptions: 1, steps: 4 });
    expect(result.failure?.trace.map(({ op }) => op)).toEqual(['read', 'read', 'write', 'write']);
  });

  test.each([
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
  ])('elements of every kind of typed array are points: %o', (Kind) => {
    const result = both(
      (buffer) => new Kind(buffer as unknown as ArrayBuffer),
      (view) => {
        plain.set(view, 1, (plain.get(view, 1) as number) + 1);
      },
    );
    expect(result).toMatchObject({ schedules: 6, exhausted: true });
  });
});
