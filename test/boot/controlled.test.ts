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

test('a guest that panics ends at the same instruction, wherever the host makes its pauses', () => {
  // A pause of no time at all is over at each look at the clock.
  expect(instructionsUntilPanic(0.001)).toBe(instructionsUntilPanic(1e9));
});
