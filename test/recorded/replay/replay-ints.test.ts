import { describe, expect, test } from 'vitest';
import { NO_COMMAND } from '../../../src/recorded/replay/raises.ts';
import { loadReplay, replayTrace } from '../../../src/recorded/replay/replay.ts';
import { Planner } from '../../../src/recorded/replay/replay-plan.ts';
import { isFaithful } from '../../../src/recorded/replay/replay-result.ts';
import { ACTION } from '../../../src/recorded/replay/script.ts';
import { replayThreaded } from '../../../src/recorded/replay/threaded-replay.ts';
import type { GuestTrace } from '../../../src/recorded/trace/guest-trace.ts';
import { bootLines, type Line, traceOf } from '../recordings.ts';

type Guest = ReturnType<typeof bootLines> & { take(cpu: number, intid: number): void; msi(): void };

/** Event 0 of vCPU 0's device. */
const EVENT = (guest: Guest) => ({ deviceId: guest.device(0), eventId: 0 });
const int = (guest: Guest): Line => ({ name: 'INT', ...EVENT(guest) });

/** A guest of two vCPUs that has set up its controller, and then does `what`. */
function guestThat(what: (guest: Guest) => void): GuestTrace {
  const booted = bootLines(2);
  const { lines } = booted;
  what({
    ...booted,
    take: (cpu, intid) => lines.push({ op: 'iar', cpu, intid }, { op: 'eoi', cpu, intid }),
    msi: () => lines.push({ op: 'msi', deviceId: booted.device(0), eventId: 0 }),
  });
  return traceOf(lines, 'ints.jsonl');
}

/** How the plan makes the INTs of a guest, and its signals: by message, by command, and those that may be apart. */
function planned(guest: GuestTrace) {
  const { machine, packed } = loadReplay(guest);
  const { script, leftOut, tally } = new Planner(machine, guest, packed).plan();
  expect(tally.differences).toEqual([]);
  const items = Array.from({ length: script.items }, (_, item) => item);
  const doing = (action: number) => items.filter((item) => script.action[item] === action);
  const opcodeOf = (item: number) => (script.commands[script.a[item] ?? 0] ?? 0) & 0xff;
  return {
    ints: doing(ACTION.command).filter((item) => opcodeOf(item) === 0x3).length,
    messages: doing(ACTION.msi).length,
    loose: doing(ACTION.acknowledge)
      .map((item) => (script.looseAt[item + 1] ?? 0) - (script.looseAt[item] ?? 0))
      .filter((signals) => signals > 0),
    leftOut,
  };
}

describe('how INT commands are made on threads', () => {
  test.each<[string, (guest: Guest) => void, ReturnType<typeof planned>]>([
    [
      'one that is taken stays, and is one delivery',
      (guest) => {
        guest.commands(int(guest));
        guest.take(0, guest.lpi(0, 0));
      },
      { ints: 1, messages: 0, loose: [], leftOut: 0 },
    ],
    [
      'one given again, and a message before and after: as many deliveries as there are signals, or fewer',
      (guest) => {
        guest.msi();
        guest.commands(int(guest));
        guest.commands(int(guest), int(guest));
        guest.msi();
        guest.take(0, guest.lpi(0, 0));
        guest.commands(int(guest));
        guest.take(0, guest.lpi(0, 0));
      },
      { ints: 4, messages: 2, loose: [5], leftOut: 0 },
    ],
    [
      'one that is moved while it is pending is made after the move',
      (guest) => {
        guest.commands(int(guest));
        guest.commands({ name: 'MOVI', ...EVENT(guest), collectionId: 1 });
        guest.take(1, guest.lpi(0, 0));
      },
      { ints: 0, messages: 1, loose: [], leftOut: 0 },
    ],
    [
      'also where the move is submitted with it',
      (guest) => {
        guest.commands(int(guest), { name: 'MOVI', ...EVENT(guest), collectionId: 1 });
        guest.take(1, guest.lpi(0, 0));
      },
      { ints: 0, messages: 1, loose: [], leftOut: 0 },
    ],
    [
      'one that is forgotten is not made',
      (guest) => {
        guest.commands(int(guest));
        guest.commands({ name: 'CLEAR', ...EVENT(guest) });
        guest.commands(int(guest), { name: 'CLEAR', ...EVENT(guest) });
        guest.commands(int(guest));
      },
      { ints: 0, messages: 0, loose: [], leftOut: 3 },
    ],
    [
      'one for an event that is not mapped is as good as any command that fails',
      (guest) => {
        guest.commands({ name: 'INT', deviceId: guest.device(0), eventId: 3 });
      },
      { ints: 1, messages: 0, loose: [], leftOut: 0 },
    ],
  ])('%s', async (_, what, expected) => {
    const guest = guestThat(what);
    expect(planned(guest)).toEqual(expected);
    const threaded = await replayThreaded(guest, { seed: 1, runs: 2, patienceMs: 3000 });
    expect(threaded.differences).toEqual([]);
    expect(isFaithful(threaded)).toBe(true);
    expect(threaded.delivered).toBe(replayTrace(guest).delivered);
  });

  test('the command in the place of an INT does nothing', () => {
    expect((NO_COMMAND[0] ?? 0) & 0xff).toBe(0x5);
  });
});

/** Signals of one interrupt by command and by message, many of which are one delivery in the recording. */
const many = guestThat((guest) => {
  for (let round = 0; round < 150; round++) {
    guest.commands(int(guest));
    if (round % 3 !== 0) guest.msi();
    if (round % 2 === 0) guest.commands(int(guest));
    guest.take(0, guest.lpi(0, 0));
  }
});

describe('many signals that are one delivery in the recording', () => {
  test('may be several, and are not taken for a fault', async () => {
    const result = await replayThreaded(many, { seed: 7, runs: 2 });
    expect(result.differences).toEqual([]);
    expect(isFaithful(result)).toBe(true);
    expect(result.delivered).toBe(150);
  });

  test('are found to be delivered twice by a machine that does so', async () => {
    const result = await replayThreaded(many, { seed: 7, runs: 1, fault: 'double', patienceMs: 1000 });
    expect(isFaithful(result)).toBe(false);
    expect(result.runs?.[0]?.extras).toBeGreaterThan(0);
  });
});

test('an INT that is lost leaves its replay undone', async () => {
  // One signal in 256 is dropped. Where others are pending with it that is no loss, so here each is alone.
  const alone = guestThat((guest) => {
    for (let round = 0; round < 300; round++) {
      guest.commands(int(guest));
      guest.take(0, guest.lpi(0, 0));
    }
  });
  const healthy = await replayThreaded(alone, { seed: 7, runs: 1 });
  expect(isFaithful(healthy)).toBe(true);
  const result = await replayThreaded(alone, { seed: 7, runs: 1, fault: 'drop-pending', patienceMs: 1000 });
  expect(isFaithful(result)).toBe(false);
  expect(result.runs?.[0]?.undone).toBeGreaterThan(0);
});
