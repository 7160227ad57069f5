import { pathToFileURL } from 'node:url';
import { FIRST_LPI } from '../src/arch/intid.ts';
import { encodeCommand, type ItsCommand, writePacket } from '../src/arch/its-command.ts';
import { gicd, gicr, gits } from '../src/arch/registers.ts';
import { createBoard } from '../src/board/board.ts';
import { DEFAULT_CONFIG } from '../src/board/config.ts';
import type { Interrupts } from '../src/gic/interrupts.ts';
import type { Lpis } from '../src/gic/lpis.ts';
import type { Its } from '../src/its/its.ts';
import type { GuestMemory } from '../src/memory/guest-memory.ts';
import type { Readers } from '../src/memory/readers.ts';

/** The cost of a translation and an injection with so many events mapped, spread evenly over so many devices. */
export type ItsCost = {
  readonly devices: number;
  readonly events: number;
  /** `Its.lookup` of a cached translation. */
  readonly lookupNs: number;
  /** A reader section with the lookup and the latch of an LPI that is listed at its vCPU, and its acknowledge there. */
  readonly injectNs: number;
};

export type ItsFigures = {
  /** Events asked for in an order without locality: every event is as likely as every other. */
  readonly random: readonly ItsCost[];
  /** In the order of their mapping, as when a device signals its queues in turn. */
  readonly inOrder: readonly ItsCost[];
};

const RAM = 0x4000_0000;
const RAM_BYTES = 0x80_0000;
const CONFIG_TABLE = RAM;
const PENDING_TABLE = RAM + 0x10_0000;
const DEVICE_TABLE = RAM + 0x20_0000;
const COLLECTION_TABLE = RAM + 0x30_0000;
const QUEUE = RAM + 0x40_0000;
const QUEUE_BYTES = 0x1_0000;
const ITT = RAM + 0x50_0000;
const LPIS = 65_536 - FIRST_LPI;
const VALID = 1n << 63n;
const TIMES = 1_000_000;
const ROUNDS = 5;

/** A machine with one vCPU that has mapped `events` events; past 57,344 of them some share their LPI. */
class Bench {
  readonly #its: Its;
  readonly #lpis: Lpis;
  readonly #interrupts: Interrupts;
  readonly #readers: Readers;
  readonly #keys: Uint32Array;

  constructor(devices: number, events: number, random: boolean) {
    const { gic, itses, memory, vm } = createBoard({
      ...DEFAULT_CONFIG,
      spis: 32,
      devices,
      events,
      collections: 1,
      eventfds: 1,
      memory: [{ base: RAM, bytes: RAM_BYTES }],
    });
    gic.distributor.write(gicd.CTLR, 4, 2n);
    memory.fill(CONFIG_TABLE, LPIS, 0xa1);
    gic.redistributor(0).write(gicr.PROPBASER, 8, BigInt(CONFIG_TABLE) | 15n);
    gic.redistributor(0).write(gicr.PENDBASER, 8, BigInt(PENDING_TABLE));
    gic.redistributor(0).write(gicr.CTLR, 4, 1n);
    this.#interrupts = gic.interrupts;
    this.#lpis = gic.lpis;
    this.#readers = vm.readers;
    this.#its = itses[0] as Its;
    this.#keys = this.#map(memory, devices, events);
    if (random) shuffle(this.#keys);
    for (const key of this.#keys) this.#its.translate(key >>> 16, key & 0xffff);
  }

  /** Lets a guest map everything; returns the events as DeviceID << 16 | EventID. */
  #map(memory: GuestMemory, devices: number, events: number): Uint32Array {
    this.#its.write(gits.BASER0, 8, VALID | BigInt(DEVICE_TABLE));
    this.#its.write(gits.BASER1, 8, VALID | BigInt(COLLECTION_TABLE));
    this.#its.write(gits.CBASER, 8, VALID | BigInt(QUEUE) | BigInt(QUEUE_BYTES / 4096 - 1));
    this.#its.write(gits.CTLR, 4, 1n);
    let tail = 0;
    const run = (command: ItsCommand) => {
      writePacket(memory, QUEUE + tail, encodeCommand(command));
      tail = (tail + 32) % QUEUE_BYTES;
      this.#its.write(gits.CWRITER, 8, BigInt(tail));
    };
    const keys = new Uint32Array(events);
    const each = events / devices;
    const size = Math.max(0, Math.ceil(Math.log2(each)) - 1);
    run({ name: 'MAPC', collectionId: 0, rdbase: 0, valid: true });
    for (let n = 0; n < devices; n++) {
      const deviceId = n << 3; // function 0 of slot n, as PCI numbers them
      run({ name: 'MAPD', deviceId, size, ittAddr: ITT, valid: true });
      for (let eventId = 0; eventId < each; eventId++) {
        const index = n * each + eventId;
        run({ name: 'MAPTI', deviceId, eventId, lpi: FIRST_LPI + (index % LPIS), collectionId: 0 });
        keys[index] = (deviceId << 16) | eventId;
      }
    }
    const [error] = this.#its.errors();
    if (error) throw new Error(`the benchmark's guest made a mistake: ${error.count} times ${error.name}`);
    return keys;
  }

  lookups(times: number): number {
    let sum = 0;
    for (let i = 0, at = 0; i < times; i++) {
      const key = this.#keys[at] ?? 0;
      sum += this.#its.lookup(key >>> 16, key & 0xffff);
      if (++at === this.#keys.length) at = 0;
    }
    return sum;
  }

  injections(times: number): number {
    let taken = 0;
    for (let i = 0, at = 0; i < times; i++) {
      const key = this.#keys[at] ?? 0;
      this.#readers.enter(0);
      const lpi = this.#its.lookup(key >>> 16, key & 0xffff);
      if (lpi >= 0) this.#lpis.latch(lpi);
      this.#readers.leave(0);
      if (this.#interrupts.take(0, lpi) !== 0) taken++;
      if (++at === this.#keys.length) at = 0;
    }
    return taken;
  }
}

/** Numbers in an order that repeats from run to run. */
function shuffle(keys: Uint32Array): void {
  let seed = 1;
  for (let i = keys.length - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    const j = Math.floor((seed / 2 ** 32) * (i + 1));
    const key = keys[i] ?? 0;
    keys[i] = keys[j] ?? 0;
    keys[j] = key;
  }
}

/** The best of some rounds, in ns each: the time of the code, without the computer's other work. */
function best(loop: (times: number) => number, expected: (result: number) => boolean): number {
  let fastest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    const result = loop(TIMES);
    const elapsed = Number(process.hrtime.bigint() - start);
    if (!expected(result)) throw new Error(`the benchmark's loop went wrong: ${result}`);
    fastest = Math.min(fastest, elapsed / TIMES);
  }
  return fastest;
}

function cost(devices: number, events: number, random: boolean): ItsCost {
  const bench = new Bench(devices, events, random);
  const lookupNs = best(
    (times) => bench.lookups(times),
    (sum) => sum >= TIMES * FIRST_LPI,
  );
  const injectNs = best(
    (times) => bench.injections(times),
    (taken) => taken === TIMES,
  );
  return { devices, events, lookupNs, injectNs };
}

const SHAPES: readonly (readonly [devices: number, events: number])[] = [
  [1, 2 ** 4],
  [1, 2 ** 8],
  [1, 2 ** 12],
  [1, 2 ** 14],
  [16, 2 ** 4],
  [16, 2 ** 12],
  [16, 2 ** 14],
  [256, 2 ** 12],
  [1024, 2 ** 12],
  [1024, 2 ** 14],
  [1024, 2 ** 15],
  // A table has at most 65,535 slots: 64 devices fewer than 2^16 events would need.
  [1023, 1023 * 64],
];

/** Lookup and injection as mapped events and devices grow. About 30 s. */
export function run(): ItsFigures {
  cost(16, 2 ** 12, true); // for the optimizing compiler
  const curve = (random: boolean) => SHAPES.map(([devices, events]) => cost(devices, events, random));
  return { random: curve(true), inOrder: curve(false) };
}

export function format({ random, inOrder }: ItsFigures): string {
  const table = (title: string, costs: readonly ItsCost[]) => [
    `${title.padEnd(30)} devices  events   lookup   inject`,
    ...costs.map(({ devices, events, lookupNs, injectNs }) =>
      [
        ''.padEnd(30),
        String(devices).padStart(7),
        String(events).padStart(7),
        `${lookupNs.toFixed(1).padStart(5)} ns`,
        `${injectNs.toFixed(1).padStart(5)} ns`,
      ].join(' '),
    ),
    `${''.padEnd(30)} highest / lowest ${ratio(costs, 'lookupNs')} ${ratio(costs, 'injectNs')}`,
  ];
  return [...table('ITS, events at random', random), ...table('ITS, events in order', inOrder)].join('\n');
}

function ratio(costs: readonly ItsCost[], field: 'lookupNs' | 'injectNs'): string {
  const values = costs.map((cost) => cost[field]);
  return `${(Math.max(...values) / Math.min(...values)).toFixed(2)} x`.padStart(8);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) console.log(format(run()));
