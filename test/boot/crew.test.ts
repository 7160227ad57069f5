import { afterEach, expect, test } from 'vitest';
import { buildBoard } from '../../src/boot/build.ts';
import { Crew } from '../../src/boot/crew.ts';
import type { GuestBoard } from '../../src/boot/guest-board.ts';
import { load } from '../../src/memory/word.ts';
import { program, runOptions } from './guests.ts';

/** vCPU 0 turns vCPU 1 on (PSCI CPU_ON) and then broadcasts TLB maintenance for ever; vCPU 1 runs into a branch to itself. */
const MAINTENANCE = program(
  ...[0xd280_0060, 0xf2b8_8000, 0xd280_0021, 0x1000_00c2, 0xd280_0003, 0xd400_0002],
  ...[0xd508_831f, 0xd503_3b9f, 0x17ff_fffe],
  0x1400_0000,
);

let crew: Crew | undefined;
afterEach(async () => {
  await crew?.destroy();
  crew = undefined;
});

/** A word of a vCPU's thread: 0 while the thread uses no translation. */
const said = (board: GuestBoard, vcpu: number) =>
  load(board.machine.words, board.regions.tlbs.at + vcpu * 16);

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Boots the guest and ends vCPU 1's thread by force; in the end that thread has died within a run of its core, or not. */
async function killSecond(): Promise<{ within: boolean; error: unknown; inGoodOrder: boolean }> {
  const board = buildBoard(runOptions({ kernel: MAINTENANCE, vcpus: 2 }));
  const started = await Crew.start(board);
  crew = started;
  const run = started.run().then(
    () => undefined,
    (error: unknown) => error,
  );
  await until(() => said(board, 1) !== 0);
  const [first, second] = started.vcpus;
  await second?.close(0);
  const error = await run;
  const within = said(board, 1) !== 0;
  board.end.say('stopped');
  board.wakeAll();
  const inGoodOrder = (await first?.close()) ?? false;
  await started.destroy();
  crew = undefined;
  return { within, error, inGoodOrder };
}

test('the error names a vCPU thread that dies within its core, and a vCPU that waits for it in a DSB ends in order', async () => {
  // Most moments of a thread lie within its core, but not all.
  for (let attempt = 0; attempt < 20; attempt++) {
    const { within, error, inGoodOrder } = await killSecond();
    expect(error).toMatchObject({ code: 'ERR_THREAD_DIED', message: expect.stringMatching(/^vcpu1 died/) });
    expect(inGoodOrder, 'vCPU 0 ends without force').toBe(true);
    if (within) return;
  }
  expect.fail('in 20 attempts the thread never died within its core');
});

test('a guest that broadcasts TLB maintenance to a running vCPU makes progress', async () => {
  const board = buildBoard(runOptions({ kernel: MAINTENANCE, vcpus: 2 }));
  crew = await Crew.start(board);
  const run = crew.run();
  const epoch = () => load(board.machine.words, board.regions.lock.at + 1);
  await until(() => said(board, 1) !== 0);
  const from = epoch();
  await until(() => epoch() > from + 1000);
  board.end.say('stopped');
  board.wakeAll();
  const [, second] = await run;
  expect(second?.instructions).toBeGreaterThan(0);
  await crew.close();
});
