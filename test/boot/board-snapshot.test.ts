import { expect, test } from 'vitest';
import { buildBoard } from '../../src/boot/build.ts';
import { Controlled, seededStrategy } from '../../src/boot/controlled.ts';
import { BoardSnapshot } from '../../src/boot/snapshot.ts';
import { runOptions } from './guests.ts';

function bareGuest() {
  const board = buildBoard({ ...runOptions({ vcpus: 2 }), snapshots: true });
  const controlled = new Controlled(board);
  const boot = seededStrategy(1, 1000);
  for (let step = 0; step < 30; step++) controlled.next(boot);
  const run = () => {
    const strategy = seededStrategy(9, 300);
    for (let step = 0; step < 2000 && !board.end.hasCome; step++) controlled.next(strategy);
  };
  const { words } = board.machine;
  const bytes = () => Buffer.from(new Uint8Array(words.buffer, words.byteOffset, words.byteLength).slice());
  /** What the machine's guest can tell: everything but the cores' caches, and the note of which core wrote which page. */
  const state = () => {
    const all = bytes();
    const { regions } = board;
    for (const { block } of regions.vcpus) all.fill(0, block.at * 4 + 0x1000, (block.at + block.words) * 4);
    for (const { at, words } of [regions.dirtyPages, regions.watch]) all.fill(0, at * 4, (at + words) * 4);
    return all;
  };
  return { board, controlled, run, state };
}

test('a restore returns interrupt controller, devices and memory of a guest, and the same run follows', () => {
  const { board, controlled, run, state } = bareGuest();
  const snapshot = new BoardSnapshot(board, controlled);
  const before = state();
  const ends: Buffer[] = [];
  for (let round = 0; round < 3; round++) {
    run();
    ends.push(state());
    expect(snapshot.restore()).toBeGreaterThan(0);
    expect(state().equals(before)).toBe(true);
  }
  expect(ends[0]?.equals(before)).toBe(false);
  expect(ends[1]?.equals(ends[0] ?? before)).toBe(true);
  expect(ends[2]?.equals(ends[0] ?? before)).toBe(true);
});

test('a restore returns guest memory that the ITS has written, because the memory marks the pages', () => {
  const { board, controlled } = bareGuest();
  const { memory } = board.machine;
  const snapshot = new BoardSnapshot(board, controlled);
  memory.setBits(0x40c0_0000, 0x10);
  memory.write(0x40c0_2ffe, Uint8Array.of(1, 2, 3, 4));
  expect(snapshot.restore()).toBe(3);
  expect(memory.byte(0x40c0_0000)).toBe(0);
  expect(memory.word(0x40c0_3000)).toBe(0);
});

test('a board that was built without snapshots refuses a snapshot', () => {
  const board = buildBoard(runOptions({}));
  expect(() => new BoardSnapshot(board, new Controlled(board))).toThrow(/not built for snapshots/);
});
