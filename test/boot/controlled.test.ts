import { expect, test } from 'vitest';
import { buildBoard } from '../../src/boot/build.ts';
import { GuestConsole } from '../../src/boot/console.ts';
import { Controlled, seededStrategy } from '../../src/boot/controlled.ts';
import { program, runOptions } from './guests.ts';

/** Writes the text behind it to the console, a byte at a time, and goes on for ever. */
const WRITER = [
  0x1000_0200, 0xd2a1_2001, 0x3840_1402, 0x3400_0062, 0xb900_0022, 0x17ff_fffd, 0xd503_201f, 0x17ff_ffff,
];
const TEXT_AT = 0x40;

function panickingGuest(): Uint8Array {
  const kernel = new Uint8Array(TEXT_AT + 64);
  kernel.set(program(...WRITER));
  kernel.set(Buffer.from('---[ end Kernel panic\n'), TEXT_AT);
  return kernel;
}

/** Runs in pieces that are over as soon as they may be, or in one. */
function instructionsUntilPanic(pieceMs: number): number {
  const board = buildBoard(runOptions({ kernel: panickingGuest() }));
  const console = new GuestConsole(board, () => undefined);
  const controlled = new Controlled(board);
  const strategy = seededStrategy(3, 20);
  const limits = { instructions: 1e6, isOver: () => false, look: () => console.pump(), pieceMs };
  while (!board.end.hasCome) controlled.run(strategy, limits);
  expect(board.end.kind).toBe('panic');
  return controlled.instructions;
}

test('a guest that panics ends at the same instruction for any length of the pieces', () => {
  // A pause of no time at all is over at each look at the clock.
  expect(instructionsUntilPanic(0.001)).toBe(instructionsUntilPanic(1e9));
});

/** Turns vCPU 1 on; then spins with YIELD until a word of memory is set, and powers off. */
const WAITER = [
  ...[0xd280_0060, 0xf2b8_8000, 0xd280_0021, 0x1000_0162, 0x1000_0245, 0xaa05_03e3, 0xd400_0002],
  // wait: yield; ldr w6, [x5]; cbz w6, wait
  ...[0xd503_203f, 0xb940_00a6, 0x34ff_ffc6],
  // mov x0, PSCI SYSTEM_OFF; hvc #0; b .
  ...[0xd280_0100, 0xf2b0_8000, 0xd400_0002, 0x1400_0000],
];
/** vCPU 1, with the word's address in x0: counts to 200,000, sets the word, and sleeps. */
const WORKER = [
  ...[0xd281_a801, 0xf2a0_0061, 0xf100_0421, 0x54ff_ffe1, 0x5280_0022, 0xb900_0002],
  ...[0xd503_207f, 0x17ff_ffff],
];

/** Runs a guest to its end; `onStep` sees what the strategy could choose from. */
function run(kernel: Uint8Array, vcpus: number, onStep: (ready: readonly number[]) => void) {
  const board = buildBoard(runOptions({ kernel, vcpus }));
  const controlled = new Controlled(board);
  const strategy = seededStrategy(7, 1000);
  controlled.run(
    {
      next(ready) {
        onStep(ready);
        return strategy.next(ready);
      },
    },
    { instructions: 20_000_000, isOver: () => false, look: () => undefined, pieceMs: 1e9 },
  );
  return { board, controlled };
}

test('a spinning vCPU gives its turn to the vCPU for which it waits', () => {
  const { board, controlled } = run(program(...WAITER, ...WORKER), 2, () => undefined);
  const [waiter, worker] = controlled.vcpus;
  expect(board.end.kind).toBe('power-off');
  expect(worker?.instructions).toBeGreaterThan(400_000);
  // Of two that can run, each would have half of the instructions.
  expect(waiter?.instructions).toBeLessThan(40_000);
});

test('a vCPU that spins while no other can run takes whole turns', () => {
  let steps = 0;
  // yield; b .-4
  const { controlled } = run(program(0xd503_203f, 0x17ff_ffff), 1, () => steps++);
  expect(controlled.instructions).toBe(20_000_000);
  expect(steps).toBeLessThan(30_000);
});

test('the set of runnable vCPUs is updated after each action of one vCPU on another', () => {
  const seen = new Set<string>();
  run(program(...WAITER, ...WORKER), 2, (ready) => seen.add(ready.join()));
  expect([...seen]).toEqual(expect.arrayContaining(['0', '0,1', '1']));
});
