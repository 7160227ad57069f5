import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { FAULTS, type Fault } from '../../src/board/config.ts';
import type { Workload } from '../../src/guest/index.ts';
import { readGuestTrace } from '../../src/recorded/trace/guest-trace.ts';
import { recordedWorkload } from '../../src/recorded/workload.ts';
import { keepMoment, type Moment, momentOf, resumeMoment, runRotation } from '../../src/stress/index.ts';
import { growthOf } from '../../src/stress/rotation-result.ts';
import { commandOfTurn, drawTurn } from '../../src/stress/rotation-turns.ts';
import { DESIGN_NAMES } from '../../src/vmm/design.ts';

const recording = readGuestTrace(
  fileURLToPath(new URL('../../data/guests/linux-2cpu-virtio.jsonl.gz', import.meta.url)),
);
const noRecording = (): Workload => {
  throw new Error('this turn was not to run the recorded guest');
};

describe('the settings of a turn', () => {
  const turns = (fault: Fault) => Array.from({ length: 300 }, (_, index) => drawTurn(7, index, fault));

  test('settings depend on the seed and the number of the turn alone', () => {
    expect(drawTurn(7, 12, 'none')).toEqual(drawTurn(7, 12, 'none'));
    expect(drawTurn(7, 12, 'none')).not.toEqual(drawTurn(8, 12, 'none'));
    expect(drawTurn(7, 12, 'none')).not.toEqual(drawTurn(7, 13, 'none'));
  });

  test('settings reach every design, both dispatches, all kinds of lines, every churn, and the recorded guest', () => {
    const drawn = turns('none');
    const reached = (of: (turn: (typeof drawn)[number]) => unknown) => new Set(drawn.map(of)).size;
    expect(reached(({ abi }) => abi)).toBe(DESIGN_NAMES.length);
    expect(reached(({ dispatch }) => dispatch)).toBe(2);
    expect(reached(({ lines }) => lines)).toBe(3);
    expect(reached(({ churn }) => churn)).toBe(3);
    expect(reached(({ topology }) => topology === null)).toBe(2);
  });

  test.each(FAULTS)('settings with the fault %s are flags that the stress command takes', (fault) => {
    for (const { topology, lines, spis, churn } of turns(fault)) {
      if (lines !== 'irq-line') expect(spis).toBeGreaterThanOrEqual(2);
      if (fault === 'lost-ack') expect(lines).toBe('resample');
      if (fault === 'wrong-vcpu') expect(topology?.vcpus ?? 2).toBeGreaterThanOrEqual(2);
      if (fault === 'wrong-vcpu' || fault === 'stale-route') expect(churn).not.toBe('none');
    }
  });

  test('settings become the whole command that repeats the turn', () => {
    expect(
      commandOfTurn({
        topology: { vcpus: 3, devices: 2, events: 4 },
        spis: 6,
        lines: 'resample',
        abi: 'direct',
        churn: 'light',
        dispatch: 'inline',
        fault: 'double',
        seconds: 1.5,
        seed: 99,
      }),
    ).toBe(
      'npx irqloom stress -v 3 -d 2 -e 4 --spis 6 --lines resample --abi direct --churn light --dispatch inline --fault double --seconds 1.5 --seed 99',
    );
  });
});

describe('growth from turn to turn', () => {
  const MIB = 2 ** 20;
  const steady = { rssBytes: 120 * MIB, descriptors: 19, threads: 11 };
  const uses = (of: (turn: number) => Partial<typeof steady>) =>
    Array.from({ length: 40 }, (_, turn) => ({ ...steady, ...of(turn) }));

  test('growth is none where each turn gives back all that the turn took, however much a single turn holds', () => {
    expect(growthOf(uses((turn) => ({ rssBytes: (120 + (turn % 7) * 20) * MIB })))).toEqual([]);
    expect(growthOf(uses((turn) => (turn === 39 ? { threads: 12, descriptors: 24 } : {})))).toEqual([]);
  });

  test.each([
    ['a thread that stays after one turn', (turn: number) => (turn > 20 ? { threads: 12 } : {}), 'threads'],
    ['a descriptor that stays', (turn: number) => (turn > 20 ? { descriptors: 20 } : {}), 'descriptors'],
    ['memory of 3 MiB a turn', (turn: number) => ({ rssBytes: (120 + 3 * turn) * MIB }), 'memory'],
  ])('is seen: %s', (_, of, resource) => {
    expect(growthOf(uses(of))).toMatchObject([{ resource }]);
  });

  test('growth is not judged before there are enough turns', () => {
    expect(growthOf(uses((turn) => ({ threads: 11 + turn })).slice(0, 10))).toEqual([]);
  });
});

/** Runs a rotation with a fault to its failing turn: on a busy machine not always the first turn. */
async function failing(fault: Fault, seed: number) {
  let moment: Moment | undefined;
  let bytes: Uint8Array = new Uint8Array();
  const result = await runRotation(
    { seed, seconds: 60, fault, trace: false, recorded: () => recordedWorkload(recording) },
    {
      violated: (machine, plan, command) => {
        moment = { machine, plan, command };
        bytes = keepMoment(moment);
      },
    },
  );
  return { result, moment, bytes };
}

describe('a rotation', () => {
  test('a rotation ends at the first turn whose proof fails, and names the command of that turn', async () => {
    const { result, moment } = await failing('double', 7);
    expect(result.failed).toMatchObject({ error: null });
    expect(result.spurious).toBeGreaterThan(0);
    expect(result.turns.at(-1)?.index).toBe(result.failed?.index);
    expect(result.failed?.command).toBe(moment?.command);
    expect(result.failed?.command).toContain('--fault double');
  });

  test('a rotation of a sound machine counts every turn, and ends with its time', async () => {
    const watched: number[] = [];
    const result = await runRotation(
      { seed: 3, seconds: 2, fault: 'none', trace: false, recorded: noRecording },
      { begun: (index) => watched.push(index) },
    );
    expect(result).toMatchObject({ failed: null, lost: 0, misrouted: 0, spurious: 0, stranded: 0 });
    expect(result.turns.map(({ index }) => index)).toEqual(watched);
    expect(result.delivered).toBeGreaterThan(0);
    expect(result.turns.every(({ use }) => use.rssBytes > 0)).toBe(true);
  });

  test('a rotation that is aborted before its first turn has no turn', async () => {
    const result = await runRotation(
      { seed: 3, seconds: 60, fault: 'none', trace: false, recorded: noRecording },
      { signal: AbortSignal.abort() },
    );
    expect(result).toMatchObject({ interrupted: true, turns: [], failed: null });
  });
});

describe('a kept moment', () => {
  test('a kept moment of a missing wake-up: the interrupt is delivered when the vCPU looks again', async () => {
    const { bytes } = await failing('drop-kick', 7);
    const resumed = await resumeMoment(momentOf(bytes, 'moment'));
    expect(resumed.stranded).toBeGreaterThan(0);
    expect(resumed.open.length).toBeGreaterThan(0);
    for (const { waits, after } of resumed.open) expect([waits, after]).toEqual(['pending', 'delivered']);
  });

  test('a kept moment of a dropped signal: no second look brings the signal back', async () => {
    const { bytes } = await failing('drop-pending', 7);
    const resumed = await resumeMoment(momentOf(bytes, 'moment'));
    expect(resumed.lost).toBeGreaterThan(0);
    expect(resumed.open.length).toBeGreaterThan(0);
    for (const { waits, after } of resumed.open) expect([waits, after]).toEqual(['nowhere', 'gone']);
  });
});
