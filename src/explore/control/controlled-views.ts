import { replaceBuffers } from './buffers.ts';
import { controller } from './controlled-atomics.ts';
import { replaceDataView } from './data-view.ts';
import { replaceEngineFunctions } from './engine-functions.ts';
import { refuseGrowth } from './growth.ts';
import { putBack, replaceProperty, type Undo } from './replacements.ts';
import { replaceTypedArrays } from './typed-arrays.ts';

/**
 * Replaces, while `body` runs, the methods that read or write the elements of views: those of typed arrays, DataView,
 * Buffer, TextEncoder and TextDecoder, and functions of Node.js that compare or show their arguments. On the scenario's
 * shared memory, they go element by element, in ECMAScript's order; elsewhere, they are the engine's own. Puts all of
 * them back however `body` ends.
 */
export function withControlledViews<T>(body: () => T): T {
  const undo: Undo[] = [];
  try {
    replaceTypedArrays(undo);
    replaceDataView(undo);
    replaceBuffers(undo);
    replaceEngineFunctions(undo);
    replaceConstructor(undo);
    refuseGrowth(undo);
    return body();
  } finally {
    putBack(undo);
  }
}

/** Records the buffers that threads make in their own runs. */
function replaceConstructor(undo: Undo[]): void {
  const Native = SharedArrayBuffer;
  const recording = new Proxy(Native, {
    construct(target, args, newTarget) {
      const buffer = Reflect.construct(target, args, newTarget);
      controller?.made(buffer);
      return buffer;
    },
  });
  replaceProperty(globalThis, 'SharedArrayBuffer', recording, undo);
}
