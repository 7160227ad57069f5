import type { MessagePort } from 'node:worker_threads';
import { expose } from 'comlink';
import type { ThreadConsole } from './console.ts';

/** Serves a console on `port` until a call of its `close`; when the promise resolves, the thread is free again. */
export function serve(port: MessagePort, makeConsole: (close: () => void) => ThreadConsole): Promise<void> {
  return new Promise((resolve) => {
    const close = () => {
      // The answer to `close` itself must leave first.
      setImmediate(() => {
        port.close();
        resolve();
      });
    };
    expose(makeConsole(close), port as unknown as Parameters<typeof expose>[1]);
  });
}
