// A vCPU's thread: takes the vectors of its local APIC and ends them, until told to stop.
import { parentPort, workerData } from 'node:worker_threads';
import { ApicBoard } from '../../dist/src/board/apic-board.js';
import { add, load } from '../../dist/src/memory/word.js';

const { words, config, vcpu, counts, stop, broadcasts } = workerData;
const board = new ApicBoard(words, config, 1 + vcpu);
const apic = board.local(vcpu);

parentPort.postMessage('ready');
while (load(counts, stop) === 0) {
  const vector = apic.acknowledge();
  if (vector < 0) {
    apic.halt(50);
    continue;
  }
  if (broadcasts) board.endOfInterrupt(vcpu);
  else apic.retire();
  add(counts, vector, 1);
  Atomics.notify(counts, vector);
}
