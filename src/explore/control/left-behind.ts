import { createHook } from 'node:async_hooks';
import timers from 'node:timers';
import type { ThreadRunner } from '../running/thread-runner.ts';
import { putBack, replaceProperty, type Undo } from './replacements.ts';

/** Work that a thread may leave to the event loop, by Node.js's name of the resource. */
const NAMES: Readonly<Record<string, string>> = {
  PROMISE: 'a promise',
  Timeout: 'a timer',
  Immediate: 'an immediate',
  Microtask: 'a microtask',
  TickObject: 'a process.nextTick',
};

/**
 * Records which threads of a scenario leave work to the event loop. A callback runs after its thread has ended, outside
 * of every schedule, so a search with callbacks has not seen the whole program.
 */
export class LeftBehind {
  /** By thread: the work that the thread left, in the words of {@link NAMES}. */
  readonly seen = new Map<number, Set<string>>();

  note(thread: number, what: string): void {
    const known = this.seen.get(thread);
    if (known === undefined) this.seen.set(thread, new Set([what]));
    else known.add(what);
  }
}

/**
 * Runs `body`, a search, and records the work that threads leave to the event loop. A search runs a thread's code
 * thousands of times: timers, immediates and ticks are recorded and not set. A promise cannot be held back; its
 * callback runs after the search, on memory that the search no longer looks at.
 */
export function withLeftBehind<T>(runner: ThreadRunner, left: LeftBehind, body: () => T): T {
  const hook = createHook({
    init(_id, type) {
      const what = NAMES[type];
      if (what !== undefined && runner.running >= 0) left.note(runner.running, what);
    },
  });
  const undo: Undo[] = [];
  try {
    for (const [object, key, what] of DEFERRALS) hold(runner, left, object, key, what, undo);
    hook.enable();
    return body();
  } finally {
    hook.disable();
    putBack(undo);
  }
}

const DEFERRALS: readonly (readonly [object, string, string])[] = [
  ...[globalThis, timers].flatMap(
    (object) =>
      [
        [object, 'setTimeout', 'a timer'],
        [object, 'setInterval', 'a timer'],
        [object, 'setImmediate', 'an immediate'],
      ] as const,
  ),
  [globalThis, 'queueMicrotask', 'a microtask'],
  [process, 'nextTick', 'a process.nextTick'],
];

function hold(
  runner: ThreadRunner,
  left: LeftBehind,
  object: object,
  key: string,
  what: string,
  undo: Undo[],
): void {
  const native = Reflect.get(object, key) as (...args: unknown[]) => unknown;
  const held = (...args: unknown[]): unknown => {
    if (runner.running < 0) return Reflect.apply(native, object, args);
    left.note(runner.running, what);
    return HANDLE;
  };
  replaceProperty(object, key, held, undo);
}

/** The thread's handle of a timer that was not set. */
const HANDLE = Object.freeze({
  ref: () => HANDLE,
  unref: () => HANDLE,
  refresh: () => HANDLE,
  hasRef: () => false,
  close: () => HANDLE,
  [Symbol.toPrimitive]: () => 0,
  [Symbol.dispose]: () => undefined,
});
