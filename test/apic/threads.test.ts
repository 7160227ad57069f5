/** An IOAPIC, MSIs and a resampling irqfd on real threads: two vCPUs take, the main thread signals. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { ApicBoard, type ApicBoardConfig } from '../../src/board/apic-board.ts';
import { load, store, type Words } from '../../src/memory/word.ts';
import { LEVEL, program } from './rig.ts';

const CONFIG: ApicBoardConfig = { vcpus: 2, eventfds: 4, threads: 3, dispatch: 'inline' };
const ROUNDS = 2000;
const BOUND_MS = 20_000;
/** By vector, how many were handled; the last word ends the threads. */
const STOP = 256;
const PIN = 10;
const SOURCES = [
  { fd: 0, gsi: PIN, vector: 0x51 },
  { fd: 1, gsi: 30, vector: 0x61 },
  { fd: 2, gsi: 31, vector: 0x62 },
] as const;
const RESAMPLE_FD = 3;

/** Whether a count gets to `expected` within the bound. Blocks. */
function reaches(counts: Words, vector: number, expected: number, end: number): boolean {
  for (;;) {
    const seen = load(counts, vector);
    if (seen >= expected) return true;
    const left = end - performance.now();
    if (left <= 0) return false;
    Atomics.wait(counts, vector, seen, left);
  }
}

/**
 * Signals every source, waits for its handler, and again.
 * @param broadcasts - whether an EOI is told to the IOAPIC; if not, only the first level is waited for
 * @returns by source, how often it was handled; and how often the device was told of the end of its level
 */
async function play(broadcasts: boolean, rounds: number): Promise<{ handled: number[]; resampled: number }> {
  const board = ApicBoard.create(CONFIG);
  const { vm, words } = board;
  vm.createIrqchip();
  for (const local of board.apic.local) local.enable();
  board.setGsiRouting({
    flags: 0,
    entries: [
      { gsi: PIN, type: 1, flags: 0, irqchip: 2, pin: PIN },
      { gsi: 30, type: 2, flags: 0, address: 0xfee0_0000, data: 0x61 },
      { gsi: 31, type: 2, flags: 0, address: 0xfee0_1000, data: 0x62 },
    ],
  });
  program(board.apic, PIN, 0x51 + LEVEL, 1);
  for (const { fd, gsi } of SOURCES) vm.assignIrqFd(fd, gsi, gsi === PIN ? { resamplefd: RESAMPLE_FD } : {});
  const counts: Words = new Int32Array(new SharedArrayBuffer(4 * (STOP + 1)));
  const workers = [0, 1].map((vcpu) => {
    const workerData = { words, config: CONFIG, vcpu, counts, stop: STOP, broadcasts };
    return new Worker(new URL('./vcpu.mjs', import.meta.url), { workerData });
  });
  const ended = workers.map((worker) => once(worker, 'exit'));
  let resampled = 0;
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const end = performance.now() + BOUND_MS;
    const settled = (round: number) =>
      SOURCES.filter(({ gsi }) => broadcasts || gsi !== PIN || round === 1).every(({ vector }) =>
        reaches(counts, vector, round, end),
      );
    for (let round = 1; round <= rounds; round++) {
      for (const { fd } of SOURCES) vm.irqfds.write(fd);
      vm.irqfds.dispatchPending();
      if (!settled(round)) break;
      resampled += Number(vm.irqfds.eventfd(RESAMPLE_FD).tryRead());
    }
  } finally {
    store(counts, STOP, 1);
    await Promise.all(ended);
  }
  expect(board.local(1).isRequested(0x51), 'a level that no vCPU has taken').toBe(false);
  return { handled: SOURCES.map(({ vector }) => load(counts, vector)), resampled };
}

test('every signal is handled once, and every end of the level tells its device', async () => {
  expect(await play(true, ROUNDS)).toEqual({ handled: [ROUNDS, ROUNDS, ROUNDS], resampled: ROUNDS });
}, 60_000);

test('where the EOI of a vCPU does not reach the IOAPIC, the level comes once', async () => {
  expect(await play(false, 3)).toEqual({ handled: [1, 3, 3], resampled: 0 });
}, 60_000);
