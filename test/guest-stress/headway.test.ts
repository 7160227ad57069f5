import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { BoardVcpu } from '../../src/boot/board-vcpu.ts';
import { buildBoard } from '../../src/boot/build.ts';
import { INSTRUCTIONS } from '../../src/cpu/core/block.ts';
import { Headway } from '../../src/guest-stress/headway.ts';
import { runLinuxStress } from '../../src/guest-stress/linux.ts';
import { runOptions } from '../boot/guests.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-headway-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a kernel that never gets to its init', () => {
  test('because it only takes exceptions is an error with its pc', async () => {
    const kernel = join(folder, 'zeros');
    writeFileSync(kernel, new Uint8Array(4096));
    const options = { kernel, modules: folder, vcpus: 1, seconds: 1, seed: 1 } as const;
    await expect(
      runLinuxStress({ ...options, dispatch: 'inline', fault: 'none' }, { output: () => undefined }),
    ).rejects.toMatchObject({
      code: 'ERR_GUEST_STUCK',
      message: expect.stringMatching(
        /^vCPU 0 only takes exceptions any more, .*: pc 0x200, .*; its console is empty$/,
      ),
    });
  });

  test('is told by its instructions, of which no boot takes so many', () => {
    const board = buildBoard(runOptions({}));
    const headway = new Headway(board);
    const { core } = new BoardVcpu(board, 0);
    core.setState(INSTRUCTIONS, 500_000_000n);
    expect(headway.lost()).toBeUndefined();
    core.setState(INSTRUCTIONS, 5_000_000_001n);
    expect(headway.lost()).toBe('it has run 5000000001 instructions');
  });
});
