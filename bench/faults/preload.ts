/**
 * Loaded before everything else into every thread of a command, by NODE_OPTIONS: lets one kind of thread go wrong in the
 * middle of its work. The environment says which kind, by a pattern of its stack (FAULT_STACK), in which way (FAULT),
 * and after how many atomic operations of a thread at the earliest (FAULT_AFTER).
 */
export {};

const { FAULT = '', FAULT_STACK = '(?!)', FAULT_AFTER = '1000' } = process.env;
const stack = new RegExp(FAULT_STACK);
/** One stack in so many operations is looked at. */
const EVERY = 16;

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
  if (isOver || ++calls < Number(FAULT_AFTER) || calls % EVERY !== 0) return;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 40;
  const text = new Error().stack ?? '';
  Error.stackTraceLimit = stackTraceLimit;
  if (!stack.test(text)) return;
  isOver = true;
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
