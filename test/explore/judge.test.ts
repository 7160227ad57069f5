/**
 * The explorer and an independent brute force on random programs: numbers of schedules and failures with and without
 * bounds, everything that can come out, and the smallest failure. More of them with `npm run bench -- soundness`.
 */
import { describe, expect, test } from 'vitest';
import { Dfs } from '../../src/explore/search/strategies/dfs.ts';
import { Dpor } from '../../src/explore/search/strategies/dpor.ts';
import { States } from '../../src/explore/search/strategies/states.ts';
import { judge, type Limits } from './judge/brute-force.ts';
import { compare, type Searches } from './judge/compare.ts';
import { show } from './judge/javascript.ts';
import type { Program, Statement } from './judge/program.ts';
import { hasLoop, randomProgram } from './judge/random-program.ts';

const LIMITS: Limits = { schedules: 2000, steps: 3000, work: 60_000 };
const A_TEST = 26;
const TESTS = 6;

/** What is wrong with the first program from a seed on that has a difference. */
function firstDifference(from: number, count: number, searches?: Searches): string | undefined {
  for (let seed = from, done = 0; done < count; seed++) {
    const program = randomProgram(seed);
    const compared = compare(program, LIMITS, searches);
    if (compared === undefined) continue;
    done++;
    if (compared.differences.length > 0)
      return `seed ${seed}:\n${compared.differences.join('\n')}\n${show(program)}`;
  }
  return undefined;
}

describe('on random programs the explorer finds what a brute force finds', () => {
  test.each(Array.from({ length: TESTS }, (_, i) => 1 + i * 1000))(
    `${A_TEST} programs from seed %i`,
    (seed) => {
      expect(firstDifference(seed, A_TEST)).toBeUndefined();
    },
    240_000,
  );

  test.each([
    [5147, 'a thread that has thrown never came back when it was run on the views themselves'],
    [21453, 'two threads throw at the end of the smallest failure'],
  ])(
    'program %i, where %s',
    (seed) => {
      const compared = compare(randomProgram(seed), { schedules: 20_000, steps: 3000, work: 2_000_000 });
      expect(compared?.differences).toEqual([]);
    },
    120_000,
  );

  test('half of the programs have loops, and sleepers, locks and views of all kinds are among them', () => {
    const programs = Array.from({ length: 400 }, (_, i) => randomProgram(i + 1));
    const withLoops = programs.filter(hasLoop).length;
    expect(withLoops).toBeGreaterThan(120);
    const text = programs.map(show).join('\n');
    for (const word of [
      'wait(i32',
      'wait(i64',
      'notify',
      'lock()',
      'u8, 3',
      'u64, 0',
      '>= 1000',
      '>= Infinity',
    ])
      expect(text).toContain(word);
  });
});

describe('a search that is wrong is found out', () => {
  const right: Searches = {
    dfs: (bound) => new Dfs(bound),
    dpor: () => new Dpor(),
    states: () => new States(),
  };

  test('the judge finds a search that leaves out a schedule, by the number of schedules', () => {
    class Hasty extends Dfs {
      override begin(...args: Parameters<Dfs['begin']>): boolean {
        // Skips the second schedule.
        return super.begin(...args) && (args[0].index !== 1 || super.begin(...args));
      }
    }
    expect(firstDifference(1, 10, { ...right, dfs: (bound) => new Hasty(bound) })).toMatch(
      /schedules of dfs/,
    );
  });

  test('the judge finds a search that takes conflicting steps for independent ones, by the outcomes', () => {
    expect(
      firstDifference(1, 10, { ...right, dpor: () => new Dfs({ kind: 'preemptions', most: 0 }) }),
    ).toMatch(/outcomes that dpor, as classes, loses/);
  });

  test('the judge finds a search that takes different states for one, by the outcomes', () => {
    expect(
      firstDifference(1, 10, { ...right, states: () => new Dfs({ kind: 'preemptions', most: 0 }) }),
    ).toMatch(/outcomes that states loses/);
  });
});

describe('the judge by itself', () => {
  const thread = (...statements: Statement[]): readonly Statement[] => statements;
  const add: Statement = { kind: 'do', operation: { kind: 'add', view: 'i32', index: 0, a: 1, to: 0 } };
  const load: Statement = { kind: 'do', operation: { kind: 'load', view: 'i32', index: 0, to: 0 } };
  const lostUpdate: readonly Statement[] = thread(load, {
    kind: 'do',
    operation: { kind: 'store', view: 'i32', index: 0, a: { reg: 0, plus: 1 }, to: 1 },
  });
  const of = (...threads: (readonly Statement[])[]): Program => ({ seed: 0, threads });

  test.each([
    ['2 x 5 adds', of(thread(add, add, add, add, add), thread(add, add, add, add, add)), 252],
    ['3 x 2 adds', of(thread(add, add), thread(add, add), thread(add, add)), 90],
    ['a lost update', of(lostUpdate, lostUpdate), 6],
  ])('counts what can be counted on paper: %s', (_, program, schedules) => {
    expect(judge(program, 'late', LIMITS)?.counts.schedules).toBe(schedules);
  });

  test('the judge holds a thread in a loop without end, and no thread in a loop that ends', () => {
    const again = { reg: 0, equal: true, to: 0 };
    const loop = (times: number): Statement => ({ kind: 'loop', times, body: [load], again });
    expect(judge(of(thread(loop(Infinity)), thread(add)), 'late', LIMITS)?.counts).toEqual({
      schedules: 2,
      threw: 0,
      stuck: 0,
    });
    // The add comes before, between or after three looks at most.
    expect(judge(of(thread(loop(3)), thread(add)), 'late', LIMITS)?.counts.schedules).toBe(4);
  });
});
