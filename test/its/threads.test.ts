import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { encodeCommand, type ItsCommand, writePacket } from '../../src/arch/its-command.ts';
import { gicr, gits } from '../../src/arch/registers.ts';
import { Gic, gicRegions } from '../../src/gic/gic.ts';
import { setUpIts } from '../../src/guest/its-driver.ts';
import { Its } from '../../src/its/its.ts';
import { ITS_PERSONALITIES } from '../../src/its/personality.ts';
import { itsRegions } from '../../src/its/regions.ts';
import { GuestMemory, guestMemoryRegion } from '../../src/memory/guest-memory.ts';
import { Layout, LINE } from '../../src/memory/layout.ts';
import { Readers, readersWords } from '../../src/memory/readers.ts';
import { load, store, type Words } from '../../src/memory/word.ts';
import { COLLECTION_TABLE, DEVICE_TABLE, ITT, QUEUE, RAM, RAM_BYTES } from './board.ts';

const CONFIG_TABLE = RAM;
const PENDING_TABLES = RAM + 0x8_0000;
const LPI = 8192;
const INJECTORS = 2;
const ROUNDS = 1500;
/** When rounds end at the latest, if the threads have not met by then. */
const BOUND_MS = 20_000;

type Outcome = {
  readonly late: readonly string[];
  readonly errors: number;
  readonly tallies: readonly number[][];
};

/**
 * Two threads signal four events while this one maps, moves and discards them. Returns the LPIs that were pending when no
 * event mapped them any more. `waits` says whether a removal waits for the threads that may have found the event.
 */
async function play(waits: boolean): Promise<Outcome> {
  const layout = new Layout();
  const slots = [{ base: RAM, bytes: RAM_BYTES }];
  const gicConfig = { vcpus: 2, spis: 32, idBits: 16, personality: 'kvm', its: true } as const;
  const regions = {
    gic: gicRegions(layout, gicConfig),
    its: itsRegions(layout, 0, { devices: 4, events: 8, collections: 4 }),
    readers: layout.region('readers', readersWords(INJECTORS)),
    stop: layout.region('stop', 1),
    tallies: layout.region('tallies', INJECTORS * LINE),
    ram: guestMemoryRegion(layout, slots),
  };
  const words: Words = new Int32Array(new SharedArrayBuffer(layout.words * 4));
  const memory = new GuestMemory(words, regions.ram, slots);
  const readers = new Readers(words, regions.readers);
  if (!waits) readers.synchronize = () => {};
  const gic = new Gic(words, regions.gic, memory, { lpisDisabled: () => {} });
  gic.reset();
  memory.fill(CONFIG_TABLE, 0x1_0000, 0xa1);
  for (const vcpu of [0, 1]) {
    gic.redistributor(vcpu).write(gicr.PROPBASER, 8, BigInt(CONFIG_TABLE) | 15n);
    gic.redistributor(vcpu).write(gicr.PENDBASER, 8, BigInt(PENDING_TABLES + vcpu * 0x1_0000));
    gic.redistributor(vcpu).write(gicr.CTLR, 4, 1n);
  }
  const personality = ITS_PERSONALITIES.kvm;
  const its = new Its(words, regions.its, { index: 0, lpis: gic.lpis, memory, readers, personality });
  its.init();
  setUpIts(its, 0, {
    deviceTable: DEVICE_TABLE,
    collectionTable: COLLECTION_TABLE,
    queue: QUEUE,
    queuePages: 16,
  });
  let tail = 0;
  const run = (...commands: ItsCommand[]) => {
    for (const command of commands) {
      writePacket(memory, QUEUE + tail, encodeCommand(command));
      tail = (tail + 32) % 0x1_0000;
    }
    its.write(gits.CWRITER, 8, BigInt(tail));
  };
  const mapd: ItsCommand = { name: 'MAPD', deviceId: 8, size: 1, ittAddr: ITT, valid: true };
  const mapti = (eventId: number, lpi: number, collectionId: number): ItsCommand => ({
    name: 'MAPTI',
    deviceId: 8,
    eventId,
    lpi,
    collectionId,
  });
  run(mapd, { name: 'MAPC', collectionId: 0, rdbase: 0, valid: true });
  run({ name: 'MAPC', collectionId: 1, rdbase: 1, valid: true });

  const tallyOf = (reader: number) => regions.tallies.at + reader * LINE;
  /** By injector: how often it signalled from the cache, in vain, and past the cache. */
  const tallies = () =>
    Array.from({ length: INJECTORS }, (_, reader) =>
      [0, 1, 2].map((at) => load(words, tallyOf(reader) + at)),
    );
  const workers = Array.from({ length: INJECTORS }, (_, reader) => {
    const workerData = { words, regions, slots, reader, stop: regions.stop.at, tally: tallyOf(reader) };
    return new Worker(new URL('./injector.mjs', import.meta.url), { workerData });
  });
  const ended = workers.map((worker) => once(worker, 'exit'));
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const late: string[] = [];
    const look = (lpi: number, round: number, when: string) => {
      if (!gic.lpis.isMapped(lpi) && gic.lpis.isPending(lpi))
        late.push(`round ${round}, ${when}: LPI ${lpi}`);
    };
    const met = () => tallies().every((counts) => counts.every((count) => count > 0));
    const end = performance.now() + BOUND_MS;
    const done = () => (waits ? met() : late.length > 0);
    for (let round = 0; (waits && round < ROUNDS) || (!done() && performance.now() < end); round++) {
      const [now, before] = [LPI + 8 * (round & 1), LPI + 8 * (1 - (round & 1))];
      run(...[0, 1, 2, 3].map((eventId) => mapti(eventId, now + eventId, round & 1)));
      for (let eventId = 0; eventId < 4; eventId++) {
        look(before + eventId, round, 'after the next event was mapped');
        run({ name: 'MOVI', deviceId: 8, eventId, collectionId: 1 - (round & 1) });
      }
      for (let eventId = 0; eventId < 2; eventId++) {
        run({ name: 'DISCARD', deviceId: 8, eventId });
        look(now + eventId, round, 'after DISCARD');
      }
      run(mapd);
      for (let eventId = 0; eventId < 4; eventId++) look(now + eventId, round, 'after MAPD');
    }
    return { late, errors: its.errors().length, tallies: tallies() };
  } finally {
    store(words, regions.stop.at, 1);
    await Promise.all(ended);
  }
}

test('no latch outlives its event while threads signal without locks', async () => {
  const { late, errors, tallies } = await play(true);
  expect(late).toEqual([]);
  expect(errors).toBe(0);
  // The threads did meet: each signalled from the cache, in vain, and past the cache.
  for (const counts of tallies) for (const count of counts) expect(count).toBeGreaterThan(0);
});

test('without the grace period some do', async () => {
  expect((await play(false)).late).not.toEqual([]);
});
