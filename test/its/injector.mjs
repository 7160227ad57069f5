// A device's thread: looks up and latches without locks, and goes the slow way on a miss, until told to stop.
import { parentPort, workerData } from 'node:worker_threads';
import { Machine } from '../../dist/src/board/machine.js';
import { add, load } from '../../dist/src/memory/word.js';

const { buffer, thread, stop, tally } = workerData;
const { gic, its, vm, words } = Machine.attach(buffer, thread);
const { readers } = vm;

parentPort.postMessage('ready');
while (load(words, stop) === 0) {
  for (let eventId = 0; eventId < 4; eventId++) {
    readers.enter(thread);
    const lpi = its.lookup(8, eventId);
    if (lpi >= 0) gic.lpis.latch(lpi);
    readers.leave(thread);
    if (lpi >= 0) add(words, tally, 1);
    else add(words, tally + 1 + its.signal(8, eventId), 1);
  }
}
