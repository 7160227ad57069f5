import { describe, expect, test } from 'vitest';
import { buildBoard } from '../../src/boot/build.ts';
import { Controlled, seededStrategy } from '../../src/boot/controlled.ts';
import type { MemoryModel } from '../../src/boot/plan.ts';
import { runGuest } from '../../src/boot/run.ts';
import { BoardSnapshot } from '../../src/boot/snapshot.ts';
import { WFI } from '../cpu/bare.ts';
import { LITMUS, type Litmus, some } from '../cpu/litmus-programs.ts';
import { program, runOptions } from './guests.ts';

const X = 0x40c0_0000;
const Y = 0x40c1_0000;
/** x1 = 1, x2 = 2, x10 = X, x11 = Y. */
const SET_UP = [0xd280_0021, 0xd280_0042, 0xd2a8_180a, 0xd2a8_182b];
const ENTRY = 0x4008_0000;
const PROGRAM_WORDS = 64;
const LIMITS = { instructions: 1e6, isOver: () => false, look: () => undefined, pieceMs: 1e9 };

/** A litmus test as a bare-metal guest: a flat binary with a program for each vCPU, all of which start at once. */
function guestOf(litmus: Litmus, memoryModel: MemoryModel) {
  const words = litmus.flatMap((instructions) => {
    const all = [...SET_UP, ...instructions, WFI];
    return [...all, ...Array<number>(PROGRAM_WORDS - all.length).fill(WFI)];
  });
  const { append, vcpus: _, ...options } = runOptions({ kernel: program(...words), memoryModel });
  const board = buildBoard({ ...options, append, vcpus: litmus.length, snapshots: true });
  for (let vcpu = 1; vcpu < litmus.length; vcpu++)
    board.psci.turnOn(vcpu, BigInt(ENTRY + vcpu * PROGRAM_WORDS * 4), 0n, () => undefined);
  const controlled = new Controlled(board);
  const snapshot = new BoardSnapshot(board, controlled);
  return (seed: number) => {
    snapshot.restore();
    controlled.run(seededStrategy(seed, 1), LIMITS);
    const registers = controlled.vcpus.map(({ core }) => `${core.x(3)}${core.x(4)}`).join(' ');
    const { memory } = board.machine;
    return `${registers} | ${memory.doubleWord(X)}${memory.doubleWord(Y)}`;
  };
}

/** Outcomes of so many seeds, or of fewer where one that is looked for comes up. */
function outcomes(litmus: Litmus, model: MemoryModel, seeds: number, wanted: RegExp | undefined) {
  const run = guestOf(litmus, model);
  const seen = new Set<string>();
  for (let seed = 1; seed <= seeds && !(wanted && some(seen, wanted)); seed++) seen.add(run(seed));
  return seen;
}

describe('--memory', () => {
  test.each(LITMUS)(
    'arm: $name has its weak outcome in some schedule of a guest where a store buffer allows it; strong: never',
    ({ litmus, weak, allowed }) => {
      expect(some(outcomes(litmus, 'arm', allowed ? 5000 : 400, allowed ? weak : undefined), weak)).toBe(
        allowed,
      );
      expect(some(outcomes(litmus, 'strong', 400, undefined), weak)).toBe(false);
    },
  );

  test('with --memory arm, every store has left its buffer when the guest sleeps, is off, or has reached a limit', () => {
    const run = guestOf([[0xf900_0141], [0xf900_0162]], 'arm');
    for (let seed = 1; seed <= 200; seed++) expect(run(seed)).toMatch(/ \| 12$/);
  });

  test('with --memory arm, the bare-metal guest passes its checks, and two runs of a seed are equal to the instruction', async () => {
    const runs = [];
    for (const seed of [5, 5, 6]) {
      const result = await runGuest(runOptions({ vcpus: 2, seed, quantum: 100, memoryModel: 'arm' }), {
        output: () => undefined,
      });
      const { seconds: _, ...rest } = result;
      expect(rest).toMatchObject({ end: 'power-off', exitStatus: 0 });
      runs.push(rest);
    }
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]?.vcpus).not.toEqual(runs[0]?.vcpus);
  });
});
