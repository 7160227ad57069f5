// thread-stream 4.2.1: writeSync looks whether the write index is negative (the worker has failed), and write loads the
// index again to copy behind it: by then it may be.
import { EventEmitter } from 'node:events';
import threads from 'node:worker_threads';

// The stream starts its worker when it is made; here the scenario's own thread is the worker.
threads.Worker = class extends EventEmitter {
  postMessage() {}
  ref() {}
  unref() {}
  terminate() {
    return new Promise(() => {});
  }
};
const { default: ThreadStream } = await import('thread-stream');

const WRITE_INDEX = 4;

export default {
  name: 'thread-stream',
  setup: () => ({
    state: new Int32Array(new SharedArrayBuffer(128)),
    data: new Uint8Array(new SharedArrayBuffer(8)),
  }),
  threads: {
    writer({ state, data }) {
      const made = [state.buffer, data.buffer];
      const Native = SharedArrayBuffer;
      globalThis.SharedArrayBuffer = new Proxy(Native, { construct: () => made.shift() });
      let stream;
      try {
        stream = new ThreadStream({ filename: '/dev/null', sync: true, bufferSize: 8 });
      } finally {
        globalThis.SharedArrayBuffer = Native;
      }
      stream.write('abcd');
      // That it could not write is right; that it tried to, behind an index of -2, is not.
      if (stream.writableErrored instanceof RangeError) throw stream.writableErrored;
    },
    // What lib/worker.js does when its destination has an error.
    worker({ state }) {
      Atomics.store(state, WRITE_INDEX, -2);
      Atomics.notify(state, WRITE_INDEX);
    },
  },
};
