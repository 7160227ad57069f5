/** Answers of a real kernel's KVM, recorded by `test/oracle/riscv`, against this code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadMutated } from '../mutate.ts';
import { KernelReplay } from '../oracle/riscv/replay.ts';

const FOLDER = fileURLToPath(new URL('../data/kvm/riscv64-7.2', import.meta.url));

type Difference = {
  readonly line: number;
  readonly command: string;
  readonly kernel: string;
  readonly here: string;
};

/** Obeys the commands of a recording; the answers that differ, and how many there are. */
function replay(file: string, given = new KernelReplay()): { answers: number; differences: Difference[] } {
  const differences: Difference[] = [];
  let answers = 0;
  for (const [index, line] of readFileSync(join(FOLDER, file), 'utf8').split('\n').entries()) {
    const [command = '', kernel] = line.split(' -> ');
    if (command === '') continue;
    const here = given.answer(command);
    if (kernel === undefined || here === undefined) continue;
    answers++;
    if (here !== kernel) differences.push({ line: index + 1, command, kernel, here });
  }
  return { answers, differences };
}

describe('Linux 7.2 on riscv64', () => {
  test.each([
    ['calls.txt', 'errno of every attribute, irqfds, routing, MSIs, the halves of a file', 300],
    ['random.txt', '40 random sequences on two vCPUs that claim', 4000],
  ])('answers as this code does: %s, %s', (file, _, least) => {
    const { answers, differences } = replay(file);
    expect(differences).toEqual([]);
    expect(answers).toBeGreaterThan(least);
  });

  test.each([
    ['random.txt', 'edge-needs-a-change: level is enough'],
    ['calls.txt', 'threshold-holds-back: its own passes'],
  ] as const)('not so with a mistake: %s, %s', (file, mistake) => {
    const { AiaBoard } = loadMutated<{ board: typeof import('../../src/board/aia-board.ts') }>(
      { board: 'board/aia-board.ts' },
      mistake,
    ).board;
    expect(replay(file, new KernelReplay(AiaBoard)).differences.length).toBeGreaterThan(0);
  });
});
