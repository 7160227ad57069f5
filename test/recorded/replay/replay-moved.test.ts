import { describe, expect, test } from 'vitest';
import { migrate } from '../../../src/board/migration.ts';
import { restoreSnapshot, takeSnapshot } from '../../../src/board/snapshot.ts';
import { replayMoved } from '../../../src/recorded/replay/moved-replay.ts';
import { loadReplay } from '../../../src/recorded/replay/replay.ts';
import { emptyTally } from '../../../src/recorded/replay/replay-tally.ts';
import { Replayer } from '../../../src/recorded/replay/replayer.ts';
import { readGuestTrace } from '../../../src/recorded/trace/guest-trace.ts';
import { failureOf } from '../../failure.ts';
import { handMade, RECORDING } from '../recordings.ts';

const recording = readGuestTrace(RECORDING);
/** Just after each of the first MSIs: an LPI is pending. */
const pendingAt = recording.events.flatMap(({ op }, index) => (op === 'msi' ? [index + 1] : [])).slice(0, 40);

const steps = (end: number, step: number) =>
  Array.from({ length: Math.floor(end / step) + 1 }, (_, n) => n * step);

describe('a guest whose machine is saved, moved and restored on the way', () => {
  test('comes to the same end, wherever it is moved', () => {
    const places = [...steps(recording.events.length, 211), ...pendingAt, recording.events.length];
    const result = replayMoved(recording, places);
    expect(result.differences).toEqual([]);
    expect(result).toMatchObject({ reads: { differ: 0 }, acknowledges: { checked: 3663, differ: 0 } });
  });

  test('with interrupts in every state, and commands that are not submitted yet', () => {
    const trace = handMade(3, 8);
    const { machine, packed } = loadReplay(trace);
    let replayer = new Replayer(machine, packed);
    let pending = 0;
    const tally = emptyTally();
    let current = machine;
    for (let row = 0; row < packed.count; row++) {
      replayer.run(tally, row, row + 1);
      current.gic.lpis.forEachMapped((lpi) => {
        if (current.gic.lpis.isPending(lpi)) pending++;
      });
      if (row % 3 !== 0) continue;
      current = migrate(current);
      replayer = replayer.moveTo(current);
    }
    expect(tally.differences).toEqual([]);
    expect(tally.acknowledges).toBeGreaterThan(100);
    expect(pending).toBeGreaterThan(100);
  });
});

describe('a machine that a move damages is found', () => {
  test('pending LPIs that were not saved', () => {
    const at = pendingAt[0] ?? 0;
    const { machine, packed } = loadReplay(recording);
    const tally = emptyTally();
    const replayer = new Replayer(machine, packed);
    replayer.run(tally, 0, at);
    // As migrate does, without SAVE_PENDING_TABLES.
    expect(machine.its.saveTables()).toBeUndefined();
    const moved = restoreSnapshot(takeSnapshot(machine));
    const registers = [0x80, 0x90, 0x88, 0x100, 0x108, 0].map(
      (offset) => [offset, moved.its.getRegister(offset)] as const,
    );
    moved.its.reset();
    for (const [offset, value] of registers) {
      if (offset === 0) expect(moved.its.restoreTables()).toBeUndefined();
      if (typeof value === 'bigint') moved.its.setRegister(offset, value);
    }
    replayer.moveTo(moved).run(tally, at, packed.count);
    expect(tally.acknowledgesDiffer).toBeGreaterThan(0);
  });

  test('a place that the recording does not have', () => {
    expect(failureOf(() => replayMoved(recording, [99_999])).message).toContain('13359 events');
  });
});
