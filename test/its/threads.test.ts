import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import type { ItsCommand } from '../../src/arch/its-command.ts';
import { DEFAULT_CONFIG } from '../../src/board/config.ts';
import { Machine } from '../../src/board/machine.ts';
import { GicDriver } from '../../src/guest/gic-driver.ts';
import { ItsDriver, setUpIts } from '../../src/guest/its-driver.ts';
import { LINE } from '../../src/memory/layout.ts';
import { load, store } from '../../src/memory/word.ts';
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
  const machine = Machine.create({
    ...DEFAULT_CONFIG,
    vcpus: 2,
    spis: 32,
    devices: 4,
    events: 8,
    eventfds: 1,
    otherThreads: INJECTORS,
    memory: [{ base: RAM, bytes: RAM_BYTES }],
    scenarioWords: (1 + INJECTORS) * LINE,
  });
  const { bus, config, gic, its, memory, scenario, words } = machine;
  if (!waits) machine.vm.readers.synchronize = () => {};
  memory.fill(CONFIG_TABLE, 0x1_0000, 0xa1);
  const driver = new GicDriver(bus, config);
  for (const vcpu of [0, 1]) {
    const pendingTable = PENDING_TABLES + vcpu * 0x1_0000;
    driver.setLpiTables(vcpu, { configTable: CONFIG_TABLE, pendingTable, idBits: 16 });
    driver.enableLpis(vcpu);
  }
  const tables = {
    deviceTable: DEVICE_TABLE,
    collectionTable: COLLECTION_TABLE,
    queue: QUEUE,
    queuePages: 16,
  };
  setUpIts(bus, config.itsBase, tables);
  const itsDriver = new ItsDriver(bus, memory, config.itsBase);
  const run = (...commands: ItsCommand[]) => itsDriver.send(...commands);
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

  const tallyOf = (reader: number) => scenario.at + (1 + reader) * LINE;
  /** By injector: how often it signalled from the cache, in vain, and past the cache. */
  const tallies = () =>
    Array.from({ length: INJECTORS }, (_, reader) =>
      [0, 1, 2].map((at) => load(words, tallyOf(reader) + at)),
    );
  const workers = Array.from({ length: INJECTORS }, (_, reader) => {
    const thread = machine.otherThread(reader);
    const workerData = { buffer: machine.buffer, thread, stop: scenario.at, tally: tallyOf(reader) };
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
    store(words, scenario.at, 1);
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
