import { readFileSync } from 'node:fs';
import { cpuUsage } from 'node:process';
import { Chance } from '../src/base/chance.ts';
import { ExploredGuest, type GuestOptions } from '../src/guest-explore/explored-guest.ts';
import { runSchedule, undisturbed } from '../src/guest-explore/run-schedule.ts';
import { SharedPlaces } from '../src/guest-explore/shared-places.ts';
import { communication, pct, random } from '../src/guest-explore/strategies.ts';
import { type LinuxFiles, linuxGuest } from '../src/guest-stress/linux-guest.ts';

const BARE = new URL('../../guests/bare/bare.bin', import.meta.url);
const DIRTY_INSTRUCTIONS = 100_000;
const RESTORES = 30;
const WARM_UP_MS = 500;
const MEASURED_MS = 3000;
const LIMIT = 100_000;
/** The default of `irqloom explore --guest` for a guest that does not end by itself. */
const WINDOW = 20_000;
const LEARNING = 200_000;

export type ScheduleFigures = {
  /**
   * The least time of a return to the moment, after 100,000 instructions of a guest, and the pages that the return copied.
   */
  readonly restore: { readonly ns: number; readonly pages: number };
  /** Of a whole race of the bare-metal guest, or of Linux for some instructions. */
  readonly schedules: readonly StrategyFigures[];
};

/** Schedules of one strategy, each with the return to the moment. */
export type StrategyFigures = {
  readonly strategy: string;
  /** Of CPU. */
  readonly perSecond: number;
  /** Instructions and turns of a schedule, the mean. */
  readonly instructions: number;
  readonly turns: number;
};

const guest = (options: Partial<GuestOptions>): ExploredGuest =>
  new ExploredGuest({
    ...{ kernel: readFileSync(BARE), append: 'semihosting', vcpus: 2, memoryMiB: 16, devices: [] },
    ...{ from: 20_000, memoryModel: 'strong' },
    ...options,
  });

function restoreOf(explored: ExploredGuest): ScheduleFigures['restore'] {
  let [ns, pages] = [Number.POSITIVE_INFINITY, 0];
  for (let round = 0; round < RESTORES; round++) {
    for (let left = DIRTY_INSTRUCTIONS; left > 0; ) {
      const ready = explored.controlled.ready();
      if (ready.length === 0 && !explored.controlled.moveTime()) break;
      for (const vcpu of ready)
        left -= explored.controlled.stepAlone(vcpu, Math.max(1, Math.min(left, 1000)));
      explored.outside.settle();
    }
    const start = process.hrtime.bigint();
    pages = explored.restore();
    ns = Math.min(ns, Number(process.hrtime.bigint() - start));
  }
  return { ns, pages };
}

function schedules(explored: ExploredGuest, limit: number): StrategyFigures[] {
  const places = new SharedPlaces();
  const chance = new Chance(1);
  chance.begin(0);
  const length = runSchedule(explored, undisturbed(), limit).instructions;
  places.learn(explored, random(chance, length), LEARNING);
  const strategies = {
    random: () => random(chance, length),
    pct: () => pct(chance, 3, length),
    communication: () => communication(chance),
  };
  return Object.entries(strategies).map(([strategy, chooser]) => {
    const stops = strategy === 'communication';
    explored.outside.stopsAtAccess = stops;
    if (stops) places.watch(explored);
    else explored.watched.none();
    const run = (ms: number) => {
      const [start, before] = [performance.now(), cpuUsage()];
      const total = { schedules: 0, instructions: 0, turns: 0 };
      while (performance.now() - start < ms) {
        chance.begin(total.schedules);
        const { instructions, turns } = runSchedule(explored, chooser(), limit);
        total.schedules++;
        total.instructions += instructions;
        total.turns += turns.length;
      }
      const { user, system } = cpuUsage(before);
      const seconds = (user + system) / 1e6;
      return {
        strategy,
        perSecond: total.schedules / seconds,
        instructions: total.instructions / total.schedules,
        turns: total.turns / total.schedules,
      };
    };
    run(WARM_UP_MS);
    return run(MEASURED_MS);
  });
}

export function scheduleFigures(): ScheduleFigures {
  const race = guest({ append: 'semihosting race=wake', from: 'guest: ready' });
  return { restore: restoreOf(guest({})), schedules: schedules(race, LIMIT) };
}

/** Of Linux on two vCPUs, from the moment at which the init of `irqloom stress --guest linux` has its drivers at work. */
export function linuxFigures(files: LinuxFiles): ScheduleFigures {
  const linux = guest({
    ...linuxGuest(files),
    ...{ append: 'console=ttyAMA0 cryptomgr.notests=1 quiet loglevel=4', memoryMiB: 256 },
    ...{
      from: 'stress: ready',
      devices: [{ kind: 'rng' }, { kind: 'block', bytes: 2 ** 20, readOnly: false }],
    },
  });
  return { restore: restoreOf(linux), schedules: schedules(linux, WINDOW) };
}
