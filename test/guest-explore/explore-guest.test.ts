import { describe, expect, test } from 'vitest';
import { Chance } from '../../src/base/chance.ts';
import { ExploredGuest } from '../../src/guest-explore/explored-guest.ts';
import { exploreGuest, GUEST_STRATEGIES, replayGuestToken } from '../../src/guest-explore/index.ts';
import { type Chooser, following, runSchedule, undisturbed } from '../../src/guest-explore/run-schedule.ts';
import { SharedPlaces } from '../../src/guest-explore/shared-places.ts';
import { communication, pct, random } from '../../src/guest-explore/strategies.ts';
import { merged } from '../../src/guest-explore/turn.ts';
import { BARE, program } from '../boot/guests.ts';
import { raceOptions, raceSearch } from './guests.ts';

const FILES = { name: 'bare.bin', kernel: BARE, devices: [] };

describe('the lost wake-up of the bare-metal guest', () => {
  test.each(GUEST_STRATEGIES)('is found by %s, and made one preemption', async (strategy) => {
    const { verdict, failure } = await exploreGuest(raceSearch('wake bug=1', { strategy }));
    expect(verdict).toBe('fail');
    expect(failure).toMatchObject({ kind: 'deadlock', preemptions: 1 });
    expect(failure?.turns).toBeLessThanOrEqual(4);
    expect(failure?.lanes.map(({ actor }) => actor)).toContain('vCPU 1');
  });

  test('is replayed to the instruction, 10 of 10 times', async () => {
    const { failure } = await exploreGuest(raceSearch('wake bug=1'));
    const replays = Array.from({ length: 10 }, () => replayGuestToken(failure?.token ?? '', FILES));
    for (const replay of replays) {
      expect(replay).toEqual(replays[0]);
      expect(replay).toMatchObject({ verdict: 'fail', failure: { kind: 'deadlock' } });
    }
    expect(replays[0]?.instructions).toBe(failure?.instructions);
    expect(replays[0]?.lanes).toEqual(failure?.lanes);
  });

  test('is not there where the sleeper masks its interrupts; the verdict says that other schedules may fail', async () => {
    const result = await exploreGuest(raceSearch('wake', { schedules: 600 }));
    expect(result).toMatchObject({ verdict: 'unknown', exhausted: false, schedules: 600, ended: 600 });
    expect(result.statement).toBe('600 schedules were run, and none failed; others may');
  });

  test('is the same failure for the same seed', async () => {
    const [first, again] = [
      await exploreGuest(raceSearch('wake bug=1')),
      await exploreGuest(raceSearch('wake bug=1')),
    ];
    expect(again.failure).toEqual(first.failure);
    expect(again.schedules).toBe(first.schedules);
  });
});

describe('a driver of the ITS', () => {
  // Turns that were needed beside another one were left where that one went later.
  test.each([0, 1, 2, 3])('fails by as few turns whatever schedule failed first: seed %i', async (seed) => {
    const { failure } = await exploreGuest(raceSearch('move bug=1', { seed }));
    expect(failure?.turns).toBe(3);
  });

  test('that does not wait for its MOVI takes an LPI on the old vCPU', async () => {
    const { failure } = await exploreGuest(raceSearch('move bug=1'));
    expect(failure).toMatchObject({
      kind: 'exit-status',
      message:
        'the guest powered off with exit status 3; the last line of its console: guest: an LPI came to a vCPU that its affinity excludes',
    });
    const accesses = failure?.lanes.flatMap((lane) => lane.accesses) ?? [];
    expect(accesses.some((access) => access.startsWith('GITS_CWRITER := '))).toBe(true);
    expect(accesses).toContain('ICC_IAR1_EL1 = LPI 8208');
  });

  test('that sends INV before it unmasks waits for ever for an LPI', async () => {
    const { failure } = await exploreGuest(raceSearch('unmask bug=1'));
    expect(failure).toMatchObject({ kind: 'livelock' });
    expect(replayGuestToken(failure?.token ?? '', FILES)).toMatchObject({ failure: { kind: 'livelock' } });
  });

  test.each(['move', 'unmask'])('that does it right holds (%s)', async (race) => {
    expect(await exploreGuest(raceSearch(race, { schedules: 400 }))).toMatchObject({
      verdict: 'unknown',
      ended: 400,
    });
  });
});

describe('message passing with a plain store', () => {
  test('fails where stores wait in their vCPU, and the token says which store left first', async () => {
    const { failure } = await exploreGuest(raceSearch('publish bug=1', { memoryModel: 'arm' }));
    expect(failure).toMatchObject({ kind: 'exit-status' });
    expect(failure?.lanes.some(({ does }) => /waiting store \d leaves/.test(does))).toBe(true);
    expect(replayGuestToken(failure?.token ?? '', FILES)).toMatchObject({ verdict: 'fail' });
  });

  test('holds with strong memory, and with a release store', async () => {
    for (const [race, memoryModel] of [
      ['publish bug=1', 'strong'],
      ['publish', 'arm'],
    ] as const)
      expect(await exploreGuest(raceSearch(race, { memoryModel, schedules: 400 }))).toMatchObject({
        verdict: 'unknown',
      });
  });
});

describe('any schedule', () => {
  /** Everything that a guest can tell two ends by. Vcpus that wait in loops for ever may have gone round more often. */
  function endOf(guest: ExploredGuest, isLivelock: boolean) {
    return {
      vcpus: guest.controlled.vcpus.map(({ core, instructions }) => ({
        instructions: isLivelock ? 0 : instructions,
        pc: core.pc,
        registers: Array.from({ length: 32 }, (_, n) => core.x(n)),
      })),
      console: guest.lines.since,
      end: guest.board.end.kind,
    };
  }

  test.each([
    ['move', 'strong'],
    ['wake', 'strong'],
    ['publish bug=1', 'arm'],
    ['unmask bug=1', 'arm'],
  ] as const)('of race=%s with %s memory is done again to the instruction', (race, memoryModel) => {
    const guest = new ExploredGuest(raceOptions(race, { memoryModel }));
    const places = new SharedPlaces();
    places.learn(guest, undisturbed(), 100_000);
    const chance = new Chance(7);
    const choosers: ((index: number) => Chooser)[] = [
      () => random(chance, 2000),
      () => pct(chance, 3, 2000),
      () => communication(chance),
    ];
    for (let index = 0; index < 60; index++) {
      chance.begin(index);
      const isStopping = index % 3 === 2;
      guest.outside.stopsAtAccess = isStopping;
      if (isStopping) places.watch(guest);
      const first = runSchedule(guest, (choosers[index % 3] ?? undisturbed)(index), 50_000);
      const isLivelock = first.wrong?.kind === 'livelock';
      const end = endOf(guest, isLivelock);
      guest.outside.stopsAtAccess = false;
      guest.watched.none();
      const again = runSchedule(guest, following(merged(first.turns)), 50_000);
      expect({ ...endOf(guest, isLivelock), wrong: again.wrong, how: again.how }).toEqual({
        ...end,
        wrong: first.wrong,
        how: first.how,
      });
    }
  });

  test('learns the words that vCPUs share, and no others', () => {
    const guest = new ExploredGuest(raceOptions('wake'));
    const places = new SharedPlaces();
    places.learn(guest, undisturbed(), 100_000);
    // `wanted` and `done`; handlers, counts and stacks are each vCPU's own.
    expect(places.offsets.length).toBeGreaterThanOrEqual(1);
    expect(places.offsets.length).toBeLessThanOrEqual(3);
  });
});

describe('a guest that cannot go on', () => {
  const flat = (...words: number[]) => ({ kernel: program(...words), from: 0, append: '', vcpus: 1 });
  const NOP = 0xd503_201f;

  test('asleep for ever has a deadlock, in a loop that nothing ends a livelock; one that counts has neither', async () => {
    const asleep = await exploreGuest(raceSearch('', flat(0xd503_207f, 0x17ff_ffff)));
    expect(asleep.failure).toMatchObject({ kind: 'deadlock' });
    const loop = await exploreGuest(raceSearch('', flat(NOP, 0xd503_203f, 0x17ff_fffe)));
    expect(loop.failure).toMatchObject({ kind: 'livelock' });
    const self = await exploreGuest(raceSearch('', flat(0x1400_0000)));
    expect(self.failure).toMatchObject({ kind: 'livelock' });
    // add x0, x0, #1; yield; b .-8
    const counting = flat(0x9100_0400, 0xd503_203f, 0x17ff_fffe);
    const counts = await exploreGuest(raceSearch('', { ...counting, schedules: 3, limit: 20_000 }));
    expect(counts).toMatchObject({ verdict: 'unknown', schedules: 3, bounded: 3 });
  });

  test('whose timer has rung in vain, because its PPI is disabled, has a deadlock', async () => {
    // msr cntv_cval_el0, xzr; mov x1, #1; msr cntv_ctl_el0, x1; wfi; b .-4
    const kernel = flat(0xd51b_e35f, 0xd280_0021, 0xd51b_e321, 0xd503_207f, 0x17ff_ffff);
    const { failure } = await exploreGuest(raceSearch('', kernel));
    expect(failure).toMatchObject({ kind: 'deadlock' });
  });

  test('that only takes exceptions is stuck', async () => {
    const { failure } = await exploreGuest(
      raceSearch('', { ...flat(...Array<number>(16).fill(0)), limit: 3_000_000 }),
    );
    expect(failure).toMatchObject({
      kind: 'stuck',
      message: expect.stringMatching(/exceptions any more: pc 0x200, ESR_EL1 0x86/),
    });
  });

  test('that ends before its moment is an error that says so', async () => {
    await expect(exploreGuest(raceSearch('wake', { from: 'no such line' }))).rejects.toMatchObject({
      code: 'ERR_USAGE',
      message: expect.stringMatching(
        /^--from: the guest ended \(power-off\) before its console had "no such line"/,
      ),
    });
  });
});
