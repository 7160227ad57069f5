// await-sync 1.0.3: the worker stores the number of bytes, and then the bytes; who reads the number first copies bytes
// that are not there yet.
import { createWorker } from 'await-sync';

const LENGTH = 3;

export default {
  name: 'await-sync',
  setup: () => new SharedArrayBuffer(8192),
  threads: {
    reader(buffer) {
      const result = callThrough(buffer);
      for (const byte of result)
        if (byte !== 7) throw new Error(`a byte of the result is ${byte}, and not 7`);
    },
    // What worker.js does with the bytes of a result; it does so in a promise, which cannot be explored as it is.
    worker(buffer) {
      const data = new Uint8Array(buffer, 8);
      const int32 = new Int32Array(buffer, 0, 2);
      int32[1] = 1;
      int32[0] = LENGTH;
      data.set(new Uint8Array(LENGTH).fill(7), 0);
      Atomics.notify(int32, 0);
    },
  },
};

/** A call as the package makes it, over a buffer that the scenario knows, to a worker that is another thread. */
function callThrough(buffer) {
  const { SharedArrayBuffer: Native, Worker } = globalThis;
  globalThis.SharedArrayBuffer = new Proxy(Native, { construct: () => buffer });
  globalThis.Worker = class {
    postMessage() {}
  };
  try {
    return createWorker()(() => {})();
  } finally {
    Object.assign(globalThis, { SharedArrayBuffer: Native, Worker });
  }
}
