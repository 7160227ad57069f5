import { describe, expect, test } from 'vitest';
import { exploreChecked, type Failure, type Step } from '../../../src/explore/index.ts';
import { exploreInLockstep, replayInLockstep } from '../../../src/explore/real/confirm.ts';
import { Lockstep } from '../../../src/explore/real/lockstep.ts';
import { replayChecked } from '../../../src/explore/telling/replay.ts';
import { fixture, litmus, race, type Sourced } from './sources.ts';

function failureOf({ scenario }: Sourced, seed = 3): Failure {
  const { failure } = exploreChecked(scenario, { seed, strategy: 'random', shrink: false, seconds: 20 });
  if (failure === undefined) throw new Error(`${scenario.name} should fail`);
  return failure;
}

/** The first failure that says so, over some seeds. */
function failureWith(sourced: Sourced, message: RegExp): Failure {
  for (let seed = 0; seed < 50; seed++) {
    const failure = failureOf(sourced, seed);
    if (message.test(failure.message)) return failure;
  }
  throw new Error(`no failure of ${sourced.scenario.name} says ${message}`);
}

/** A step as it stands in a trace, whatever the place that it is called from is named in this runner. */
const plain = (trace: Failure['trace']) => trace.map(({ site: _, callers: __, ...step }) => step);

describe('a failing schedule in real threads, one operation at a time', () => {
  const programs = [
    'lost-update-2x3',
    'reorder-3+1',
    'bluetooth',
    'deadlock01',
    'futex-lost-wakeup',
    'lost-update-3x1',
  ];
  test.each(programs)('%s: fails alike, with the same trace', async (name) => {
    const sourced = litmus(name);
    const failure = failureOf(sourced);
    const again = await replayInLockstep(failure.token, sourced.scenario, sourced.source);
    expect(again.diverged).toBeUndefined();
    expect(again.failure).toMatchObject({
      kind: failure.kind,
      message: failure.message,
      token: failure.token,
    });
    expect(plain(again.trace)).toEqual(plain(failure.trace));
    expect(again.trace.length).toBeGreaterThan(1);
    expect(again.trace.filter(({ preempted }) => preempted)).toHaveLength(failure.preemptions);
  });

  test.each([
    'check-then-halt.buggy',
    'clear-after-drain.buggy',
    'torn-route-entry.buggy',
    'flush-under-lock.buggy',
  ])('the race %s too, which runs the code of the machine', async (name) => {
    const sourced = race(name);
    const failure = failureOf(sourced);
    const again = await replayInLockstep(failure.token, sourced.scenario, sourced.source);
    expect(again.failure?.kind).toBe(failure.kind);
    expect(plain(again.trace)).toEqual(plain(failure.trace));
  });

  test('every operation on every kind of array, with plain accesses between', async () => {
    const sourced = await fixture('every-operation.mjs');
    for (const seed of [1, 2]) {
      const failure = failureOf(sourced, seed);
      expect(failure.steps).toBe(176);
      const again = await replayInLockstep(failure.token, sourced.scenario, sourced.source);
      expect(again.sameTrace).toBe(true);
      expect(again.failure?.message).toBe(failure.message);
    }
  });

  test('waits that are woken, time out, or are not slept in; clock and chance are the same', async () => {
    const sourced = await fixture('sleepers.mjs');
    const failure = failureWith(sourced, /both were woken/);
    const again = await replayInLockstep(failure.token, sourced.scenario, sourced.source);
    expect(again.sameTrace).toBe(true);
    expect(again.trace.map(({ op }) => op)).toContain('timeout');
    expect(again.trace.find(({ op }) => op === 'notify')).toMatchObject({ result: 2 });
    expect(again.failure?.message).toMatch(/both were woken/);
  });

  test('a scenario in TypeScript, by the lines and names of its own', async () => {
    const sourced = await fixture('lost-update.ts');
    const failure = failureOf(sourced);
    const again = await replayInLockstep(failure.token, sourced.scenario, sourced.source);
    expect(again.trace[0]).toMatchObject({ op: 'load', target: 'count' });
    expect(again.trace[0]?.site).toMatch(/test\/fixtures\/explore\/lost-update\.ts:6:33$/);
    expect(plain(again.trace)).toEqual(plain(failure.trace));
  });
});

describe('what is not as it was', () => {
  test('an operation that is not in the schedule: says at which step, and what was expected', async () => {
    const { scenario, source } = litmus('lost-update-2x1');
    const lockstep = await Lockstep.start(scenario, source);
    try {
      const { schedule } = replayChecked(failureOf({ scenario, source }).token, scenario);
      const changed = schedule.map((step, i): Step => (i === 2 ? { ...step, op: 'add' } : step));
      expect(lockstep.run(changed).diverged).toEqual({ step: 3, expected: 'add', saw: 'store' });
      const elsewhere = schedule.map((step, i): Step => (i === 2 ? { ...step, byteOffset: 4 } : step));
      expect(lockstep.run(elsewhere).diverged).toEqual({
        step: 3,
        expected: 'store on another word',
        saw: 'store',
      });
      const longer = [...schedule, { ...(schedule[0] as Step) }];
      expect(lockstep.run(longer).diverged).toMatchObject({
        step: 5,
        saw: expect.stringMatching(/^the end of t/),
      });
      // The session goes on after a divergence.
      expect(lockstep.run(schedule)).toMatchObject({ steps: 4, failure: { kind: 'assertion' } });
    } finally {
      await lockstep.close();
    }
  });

  test('code that was changed: the token says at which step', async () => {
    const { token } = failureOf(await fixture('lost-update.ts'));
    const { scenario, source } = await fixture('lost-update-mended.ts');
    const again = await replayInLockstep(token, scenario, source);
    expect(again.diverged).toEqual({ step: 1, expected: 'load', saw: 'add' });
    expect(again.failure).toBeUndefined();
  });

  test('a thread that never ends in real threads is stopped, and named', async () => {
    const { scenario, source } = await fixture('endless.mjs');
    const again = await replayInLockstep(failureOf({ scenario, source }).token, scenario, source, {
      hangSeconds: 0.5,
    });
    expect(again.failure).toMatchObject({
      kind: 'livelock',
      message: expect.stringMatching(/^a has come to no operation for 0\.5 s/),
    });
  });

  test('a state that cannot be sent to a thread is refused, with its path', async () => {
    const refused = async (name: string) => {
      const { scenario, source } = await fixture(name);
      return Lockstep.start(scenario, source);
    };
    await expect(refused('with-function.mjs')).rejects.toMatchObject({
      code: 'ERR_SCENARIO',
      message: expect.stringMatching(/with-function\): state\.bump is a function, which cannot be sent/),
    });
    await expect(refused('with-class.mjs')).rejects.toMatchObject({
      code: 'ERR_SCENARIO',
      message: expect.stringMatching(/state\.counters\[0\] is an object of class Counter/),
    });
  });
});

describe('a search confirmed in real threads', () => {
  test('agrees where the program is the same in both', async () => {
    const { scenario, source } = litmus('futex-mutex-2');
    expect(await exploreInLockstep(scenario, source, { runs: 60 })).toMatchObject({
      executor: 'lockstep',
      verdict: 'pass',
      confirmed: { schedules: 60, agreed: 60 },
    });
    const failing = litmus('lost-update-2x2');
    expect(await exploreInLockstep(failing.scenario, failing.source)).toMatchObject({
      verdict: 'fail',
      failure: { kind: 'assertion', minimal: 'proved' },
      confirmed: { schedules: 1, agreed: 1 },
    });
  });

  test('a confirmed search fails if real threads end in another way', async () => {
    const { scenario, source } = await fixture('only-real.mjs');
    expect(exploreChecked(scenario).verdict).toBe('pass');
    const result = await exploreInLockstep(scenario, source);
    expect(result).toMatchObject({ verdict: 'fail', confirmed: { schedules: 1, agreed: 0 } });
    expect(result.failure?.message).toMatch(
      /in real threads, .* another way than in simulation: a has failed/,
    );
  });
});
