import { parentPort, workerData } from 'node:worker_threads';
import { readThrown } from '../base/thrown.ts';

/** The answer of the thread that evaluates a module of defaults: the module's export, or the reason for none. */
export type ConfigAnswer =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'no default' }
  | { readonly kind: 'threw'; readonly message: string };

const answer = (message: ConfigAnswer): void => parentPort?.postMessage(message);

try {
  const exports = (await import(workerData as string)) as object;
  // A turn of the event loop: an error of a microtask that the module has left behind ends this thread before the answer.
  await new Promise((resolve) => setImmediate(resolve));
  if ('default' in exports) answer({ kind: 'value', value: exports.default });
  else answer({ kind: 'no default' });
} catch (error) {
  answer({ kind: 'threw', message: readThrown(error).message });
}
