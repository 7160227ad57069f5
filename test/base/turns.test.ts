import { describe, expect, test } from 'vitest';
import { atOnce, inTurns, type Pieces } from '../../src/base/turns.ts';
import { untilAborted } from '../../src/base/until-aborted.ts';

/** Pieces that each take the time that one turn lasts. */
function* slow(parts: number): Pieces<{ done: number; stopped: boolean }> {
  for (let done = 0; done < parts; done++) {
    for (const end = performance.now() + 60; performance.now() < end; );
    if (yield done + 1) return { done: done + 1, stopped: true };
  }
  return { done: parts, stopped: false };
}

describe('work in pieces', () => {
  test('is done at once, or in turns, to the same end', async () => {
    expect(atOnce(slow(2))).toEqual({ done: 2, stopped: false });
    expect(await inTurns(slow(2))).toEqual({ done: 2, stopped: false });
  });

  test('gives the event loop its turns, in which a signal stops the work, and says how far that is', async () => {
    const abort = new AbortController();
    const seen: number[] = [];
    const working = inTurns(slow(50), { signal: abort.signal, progress: (done) => seen.push(done) });
    // Queued behind the first piece: heard only where the work lets the loop go on.
    setImmediate(() => abort.abort());
    const { done, stopped } = await working;
    expect(stopped).toBe(true);
    expect(done).toBeLessThan(50);
    expect(seen[0]).toBe(1);
  });
});

describe('waiting for work, or for a signal', () => {
  test('gives the outcome of the work', async () => {
    const { signal } = new AbortController();
    expect(await untilAborted(Promise.resolve(3), signal)).toBe(3);
    expect(await untilAborted(Promise.resolve(3), undefined)).toBe(3);
    await expect(untilAborted(Promise.reject(new Error('x')), signal)).rejects.toThrow('x');
  });

  test('ends with the signal; work that fails later is not heard', async () => {
    const abort = new AbortController();
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise<number>((_, reject) => {
      fail = reject;
    });
    const waiting = untilAborted(work, abort.signal);
    abort.abort();
    expect(await waiting).toBeUndefined();
    fail(new Error('late'));
    expect(await untilAborted(work, abort.signal)).toBeUndefined();
  });
});
