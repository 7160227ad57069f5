import { defineScenario, everyInterleaving } from 'irqloom/vitest';
import { expect, test } from 'vitest';
import { increment } from './counter.mjs';

const setup = () => new Int32Array(new SharedArrayBuffer(4));
const both = (thread) => ({ left: thread, right: thread });
const counted = (count) => expect(count[0]).toBe(2);

test('two increments make two, whichever thread is interrupted where', () => {
  const counter = defineScenario({ name: 'counter', setup, threads: both(increment), finally: counted });
  return everyInterleaving(counter);
});

test('an increment without Atomics is found out', () => {
  const unsafe = (count) => {
    Atomics.store(count, 0, Atomics.load(count, 0) + 1);
  };
  const counter = defineScenario({ name: 'unsafe', setup, threads: both(unsafe), finally: counted });
  return expect(counter).toFailInSomeInterleaving('assertion');
});
