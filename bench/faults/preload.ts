/**
 * Loaded before all other modules into every thread of a command, by NODE_OPTIONS: lets one kind of thread go wrong in the
 * middle of its work. The environment names the kind, by a pattern of its stack (FAULT_STACK), the fault (FAULT), and the
 * number of a thread's atomic operations before the fault at the earliest (FAULT_AFTER).
 */
import { writeSync } from 'node:fs';

const { FAULT = '', FAULT_STACK = '(?!)', FAULT_AFTER = '1000' } = process.env;
const stack = new RegExp(FAULT_STACK);
/** Operations between two looks at the stack: more and more, so that threads that are left alone are not slowed down. */
const LEAST_GAP = 16;
let nextLook = Number(FAULT_AFTER);

const FAULTS: Readonly<Record<string, () => void>> = {
  throw: () => {
    throw new Error('thrown on purpose');
  },
  exit: () => process.exit(0),
  oom: () => {
    const kept: unknown[] = [];
    for (;;) kept.push(new Array(10_000).fill(kept.length));
  },
  loop: () => {
    for (;;);
  },
  wait: () => {
    wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
};

const { wait } = Atomics;
let calls = 0;
let isOver = false;

function look(): void {
  if (isOver || ++calls < nextLook) return;
  nextLook = calls + LEAST_GAP + (calls >>> 6);
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 40;
  const text = new Error().stack ?? '';
  Error.stackTraceLimit = stackTraceLimit;
  if (!stack.test(text)) return;
  isOver = true;
  // At once: a thread that turns for ever passes nothing on to the main thread.
  writeSync(2, 'fault: here\n');
  FAULTS[FAULT]?.();
}

for (const name of [
  'load',
  'store',
  'or',
  'and',
  'add',
  'sub',
  'exchange',
  'compareExchange',
  'wait',
] as const) {
  const original = Atomics[name] as (...args: unknown[]) => unknown;
  Object.defineProperty(Atomics, name, {
    value: (...args: unknown[]) => {
      look();
      return original.apply(Atomics, args);
    },
  });
}
