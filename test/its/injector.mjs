// A device's thread: looks up and latches without locks, and goes the slow way on a miss, until told to stop.
import { parentPort, workerData } from 'node:worker_threads';
import { Gic } from '../../dist/src/gic/gic.js';
import { Its } from '../../dist/src/its/its.js';
import { ITS_PERSONALITIES } from '../../dist/src/its/personality.js';
import { GuestMemory } from '../../dist/src/memory/guest-memory.js';
import { Readers } from '../../dist/src/memory/readers.js';
import { add, load } from '../../dist/src/memory/word.js';

const { words, regions, slots, reader, stop, tally } = workerData;
const memory = new GuestMemory(words, regions.ram, slots);
const gic = new Gic(words, regions.gic, memory, { lpisDisabled: () => {} });
const readers = new Readers(words, regions.readers);
const personality = ITS_PERSONALITIES.kvm;
const its = new Its(words, regions.its, { index: 0, lpis: gic.lpis, memory, readers, personality });

parentPort.postMessage('ready');
while (load(words, stop) === 0) {
  for (let eventId = 0; eventId < 4; eventId++) {
    readers.enter(reader);
    const lpi = its.lookup(8, eventId);
    if (lpi >= 0) gic.lpis.latch(lpi);
    readers.leave(reader);
    if (lpi >= 0) add(words, tally, 1);
    else add(words, tally + 1 + its.signal(8, eventId), 1);
  }
}
