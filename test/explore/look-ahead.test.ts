/** Long threads are looked ahead for; what is then run from memory has to be what the code does at each step. */
import { describe, expect, test } from 'vitest';
import { Chance } from '../../src/base/chance.ts';
import { checkScenario, type Scenario } from '../../src/explore/loading/scenario.ts';
import { type Simulation, withSimulation } from '../../src/explore/running/simulation.ts';
import type { Timeouts } from '../../src/explore/running/simulator-options.ts';
import { Pct } from '../../src/explore/search/strategies/pct.ts';
import { RandomWalk } from '../../src/explore/search/strategies/random.ts';
import type { Strategy } from '../../src/explore/search/strategies/strategy.ts';
import { AbstractLock } from '../../src/explore/telling/abstract-lock.ts';

const WORDS = 8;
const LOCK_AT = 6;

type State = { readonly words: Int32Array; readonly wide: BigInt64Array };

/**
 * A thread of some sixty operations drawn from a seed. What it does depends on what its operations were answered, on
 * the last one or on all of them, and it waits, awaits, locks, notifies and may fail on the way.
 */
function program(seed: number): (state: State) => void {
  return ({ words, wide }) => {
    const chance = new Chance(seed);
    chance.begin(0);
    const remembersAll = seed % 3 === 0;
    let seen = 0;
    const note = (value: number): void => {
      seen = remembersAll ? (seen * 31 + value) | 0 : value;
    };
    for (let i = 0; i < 40; i++) {
      const at = chance.below(4);
      switch (chance.below(12)) {
        case 0:
          Atomics.store(words, at, (seen & 3) + 1);
          break;
        case 1:
          note(Atomics.add(words, at, 1));
          break;
        case 2:
          note(Atomics.compareExchange(words, at, seen & 3, i & 3));
          break;
        case 3:
          note(Atomics.exchange(words, at, i & 7));
          break;
        case 4:
          note(Atomics.or(words, at, 1 << (seen & 7)));
          break;
        case 5:
          note(Number(Atomics.add(wide, 0, BigInt(seen & 1))));
          break;
        case 6:
          Atomics.wait(words, at, seen & 3, 5);
          break;
        case 7:
          note(Atomics.notify(words, at, 1 + (seen & 1)));
          break;
        case 8: {
          const lock = new AbstractLock(words, LOCK_AT);
          lock.lock();
          note(Atomics.load(words, at));
          lock.unlock();
          break;
        }
        case 9:
          // Awaits a change, or gives up after a while.
          for (let k = 0; k < 3 && Atomics.load(words, at) === (seen & 3); k++);
          break;
        case 10:
          if ((seen & 1) === 0) Atomics.sub(words, at, 1);
          break;
        default:
          note(Atomics.load(words, at));
          if (seen === 1_000_003) throw new Error('never');
          if ((seen & 0xff) === 77) throw new Error(`failed after ${i}`);
      }
    }
  };
}

const drawn = (seed: number): Scenario<State> => ({
  name: 'drawn',
  setup: () => ({
    words: new Int32Array(new SharedArrayBuffer(WORDS * 4)),
    wide: new BigInt64Array(new SharedArrayBuffer(8)),
  }),
  threads: { a: program(seed), b: program(seed + 1), c: program(seed + 2) },
});

/** What each of so many schedules was: how it ended, every choice, and the memory at its end. */
function schedules<S>(
  scenario: Scenario<S>,
  make: () => Strategy,
  most: number,
  timeouts: Timeouts,
  direct: boolean,
): { lines: string[]; plain: boolean } {
  return withSimulation(checkScenario(scenario), 1, { maxSteps: 2000, timeouts }, (simulation) => {
    const { simulator } = simulation;
    simulator.tracks.direct = direct;
    const strategy = make();
    const lines: string[] = [];
    for (let i = 0; i < most; i++) {
      const how = simulator.run(strategy, i);
      lines.push(`${how} ${simulator.steps} ${choicesOf(simulation)} ${bytesOf(simulation)}`);
    }
    return { lines, plain: simulator.tracks.plain };
  });
}

function choicesOf({ simulator }: Simulation): string {
  return Array.from(simulator.choices.subarray(0, simulator.choiceCount)).join('');
}

function bytesOf({ memory }: Simulation): string {
  return memory.buffers
    .map((buffer) => Buffer.from(new Uint8Array(buffer).slice()).toString('hex'))
    .join(' ');
}

describe('looking ahead changes nothing', () => {
  test.each([3, 10, 20, 30, 41, 52])('threads drawn from seed %i', (seed) => {
    for (const timeouts of ['late', 'any'] as const) {
      for (const make of [() => new RandomWalk(seed), () => new Pct(seed, 3, 180)]) {
        const fast = schedules(drawn(seed), make, 40, timeouts, false);
        const exact = schedules(drawn(seed), make, 40, timeouts, true);
        expect(fast.lines).toEqual(exact.lines);
        expect(fast.plain).toBe(false);
        expect(new Set(exact.lines).size).toBeGreaterThan(10);
      }
    }
  });

  test.each([1, 2, 3])('a thread that awaits a change in a loop of %i looks, far from its start', (looks) => {
    const awaiting: Scenario<Int32Array> = {
      name: 'awaiting',
      words: WORDS,
      threads: {
        awaiter: (s) => {
          for (let round = 1; round < 12; round++) {
            for (let i = 0; i < 7; i++) Atomics.add(s, 7, 1);
            for (;;) {
              let most = 0;
              for (let k = 0; k < looks; k++) most = Math.max(most, Atomics.load(s, k));
              if (most >= round) break;
            }
          }
        },
        changer: (s) => {
          for (let round = 1; round < 12; round++) {
            for (let i = 0; i < 5; i++) Atomics.add(s, 7, 1);
            Atomics.store(s, round % looks, round);
          }
        },
      },
    };
    const fast = schedules(awaiting, () => new RandomWalk(looks), 60, 'late', false);
    expect(fast).toEqual(schedules(awaiting, () => new RandomWalk(looks), 60, 'late', true));
    // Held while it awaits: else some schedule would look far more often than it has to.
    for (const line of fast.lines) expect(Number(line.split(' ')[1])).toBeLessThan(150 + 11 * 3 * looks * 3);
  });
});
