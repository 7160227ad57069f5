import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/index.ts';
import * as mutex from '../../src/memory/mutex.ts';
import { load, store, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

type Module = typeof mutex;
const { Mutex } = mutex;
const REGION = { at: 0, words: 1 };
const COUNT = 16;

const mutated = (mistake: MistakeName) => loadMutated<{ m: Module }>({ m: 'memory/mutex.ts' }, mistake).m;
const fresh = () => new Int32Array(new SharedArrayBuffer(128));

describe('a mutex', () => {
  test('is held by one at a time', () => {
    const words = fresh();
    const [one, other] = [new Mutex(words, REGION, 'm'), new Mutex(words, REGION, 'm')];
    one.lock();
    expect(other.tryLock()).toBe(false);
    one.unlock();
    expect(other.tryLock()).toBe(true);
    other.unlock();
    one.lock();
    one.unlock();
    expect(load(words, 0)).toBe(0);
  });

  test('names itself when it is not released within the bound', () => {
    const held = new Mutex(fresh(), REGION, 'its0.lock', 3);
    held.lock();
    expect(() => held.lock(1)).toThrow(
      expect.objectContaining({ code: 'ERR_LOCK_TIMEOUT', message: expect.stringContaining('its0.lock') }),
    );
  });

  test('can be freed for a holder that died, also after others gave up waiting', () => {
    const lock = new Mutex(fresh(), REGION, 'm', 0);
    lock.lock();
    expect(() => lock.lock(1)).toThrow('m was not released within 1 ms');
    lock.breakLock();
    lock.lock();
    lock.unlock();
    expect(lock.tryLock()).toBe(true);
  });
});

/** Each thread counts up, without an atomic operation, what the lock protects. */
function scenario({ Mutex }: Module, threads: number, spins = 0): Scenario<Words> {
  const countUp = (words: Words) => {
    const lock = new Mutex(words, REGION, 'm', spins);
    lock.lock();
    store(words, COUNT, load(words, COUNT) + 1);
    lock.unlock();
  };
  return {
    name: 'mutex',
    words: COUNT + 1,
    threads: Object.fromEntries(Array.from({ length: threads }, (_, n) => [`t${n}`, countUp])),
    finally: (words) => expect([load(words, COUNT), load(words, 0)]).toEqual([threads, 0]),
  };
}

describe('of threads at a mutex one is inside, and none is left behind', () => {
  test.each([
    { threads: 2, spins: 0 },
    { threads: 2, spins: 2 },
    { threads: 3, spins: 0 },
  ])('whatever the order: $threads threads, $spins spins', ({ threads, spins }) => {
    expect(passesEvery(scenario(mutex, threads, spins)).schedules).toBeGreaterThan(4);
  });

  test('a lock that looks and then stores lets two in', () => {
    const module = mutated('lock-taken-in-one-step: looks, then stores');
    isCaught(scenario(module, 2), 'assertion');
  });

  test('a waiter that does not mark the lock is not woken', () => {
    const module = mutated('waiter-marks-lock: not marked');
    isCaught(scenario(module, 2), ['deadlock', 'missed-notify']);
  });

  test('a waiter that wakes and takes the lock as if no other thread slept leaves the third behind', () => {
    const module = mutated('waiter-marks-lock: taken as if nobody slept');
    expect(passesEvery(scenario(module, 2)).verdict).toBe('pass');
    isCaught(scenario(module, 3), 'missed-notify');
  });

  test('a release that wakes no thread leaves the second behind', () => {
    const module = mutated('release-wakes-waiter: nobody woken');
    isCaught(scenario(module, 2), 'missed-notify');
  });

  test('a release in two steps loses the mark of a thread that came between them', () => {
    const module = mutated('release-wakes-waiter: in two steps');
    isCaught(scenario(module, 2), 'missed-notify');
  });

  test('no lock at all loses a count', () => {
    const module = mutated('lock-taken-in-one-step: not at all');
    isCaught(scenario(module, 2), 'assertion');
  });
});
