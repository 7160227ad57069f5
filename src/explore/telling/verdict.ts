import { readThrown } from '../../base/thrown.ts';
import { inSource } from '../loading/places.ts';
import { valueAt } from '../running/execute.ts';
import { describeOperation, format, NOTIFY, type Point, WAIT, WRITE } from '../running/operation.ts';
import type { Simulation } from '../running/simulation.ts';
import type { RunEnd } from '../search/strategies/strategy.ts';
import { findCycle } from './cycle.ts';
import type { RecordedStep } from './record.ts';
import type { FailureKind, ThreadEnd } from './result.ts';
import { distinctLines, framesOf } from './sites.ts';

/** What is wrong with a schedule, in words. */
export type Explanation = {
  readonly kind: FailureKind;
  readonly message: string;
  readonly sites: readonly string[];
  readonly stack?: string;
};

/** Says what a failed schedule has failed of, and which lines have to do with it. */
export function explainFault(
  simulation: Simulation,
  how: RunEnd,
  steps: readonly RecordedStep[],
  ends: readonly ThreadEnd[],
): Explanation {
  const { simulator, scenario, memory } = simulation;
  const { fault } = simulator;
  if (fault?.kind === 'threw') {
    const name = scenario.threadNames[fault.thread] ?? '';
    return explainThrown(fault.thrown, `${name}: `, lastSites(steps, fault.thread));
  }
  if (fault?.kind === 'finally') return explainThrown(fault.thrown, 'after the last thread has ended: ', []);
  if (fault?.kind === 'outcomes') return explainThrown(fault.thrown, '`outcomes.of`: ', []);
  if (fault?.kind === 'outcome') {
    return {
      kind: 'assertion',
      message: `the outcome ${JSON.stringify(fault.outcome)} is not among those allowed`,
      sites: [],
    };
  }
  if (fault?.kind === 'data-race') {
    const [first, second] = [steps[fault.race.first], steps[fault.race.second]];
    const say = (step: RecordedStep | undefined): string =>
      step === undefined
        ? ''
        : `${scenario.threadNames[step.thread]} ${describeOperation(step.point.op, memory.nameOf(step.point.at, step.point.size), step.point.a, step.point.b)}`;
    return {
      kind: 'data-race',
      message: `${say(first)} and ${say(second)} touch the same bytes, and nothing orders the two: no operation of Atomics on one word that the first thread writes after its access and the second reads before its own`,
      sites: sitesOf([first, second]),
    };
  }
  if (fault?.kind === 'nondeterminism') {
    const say = (point: Point): string =>
      describeOperation(point.op, point.at < 0 ? '' : memory.nameOf(point.at, point.size), point.a, point.b);
    return {
      kind: 'nondeterminism',
      message: `${scenario.threadNames[fault.thread]} did another thing when it was run again with the same answers: its operation ${fault.step + 1} was ${say(fault.expected)}, and then ${say(fault.saw)}. A thread may depend on nothing but shared memory, and shared memory that changes has to be changed with Atomics`,
      sites: [],
    };
  }
  if (how === 'limit') return explainLimit(simulation, steps, ends);
  return explainStuck(simulation, steps, ends);
}

/** Says what was thrown, and from where. `prefix`: which thread threw. */
export function explainThrown(value: unknown, prefix: string, sites: readonly string[]): Explanation {
  const { isError, name, message, stack, isAssertion } = readThrown(value);
  if (!isError) return { kind: 'exception', message: `${prefix}threw ${message}`, sites };
  const thrownAt = framesOf(stack).slice(0, 1);
  return {
    kind: isAssertion ? 'assertion' : 'exception',
    message: `${prefix}${isAssertion || name === 'Error' ? '' : `${name}: `}${message}`,
    sites: distinctLines([...thrownAt, ...sites]),
    ...(stack === '' ? {} : { stack: inSource(stack) }),
  };
}

/** The line of a step, and the line that called it: most operations stand in small functions that serve many callers. */
function responsible({ site, callers }: RecordedStep): string[] {
  return [site, ...callers.slice(0, 1)].filter((place) => place !== '');
}

function lastSites(steps: readonly RecordedStep[], thread: number): string[] {
  const last = steps.findLast((step) => step.thread === thread);
  return last === undefined ? [] : responsible(last);
}

/** A schedule that did not end within the limit, though in its second half every thread had its turn. */
function explainLimit(
  simulation: Simulation,
  steps: readonly RecordedStep[],
  ends: readonly ThreadEnd[],
): Explanation {
  const running = ends.flatMap((end, t) => (end.state === 'runnable' ? [t] : []));
  const sites = running.flatMap((t) => lastSites(steps, t));
  const names = running.map((t) => simulation.scenario.threadNames[t]).join(', ');
  const loops = running.every((t) =>
    repeats(steps.filter((step) => step.thread === t).map((step) => step.point)),
  );
  if (loops && running.length > 0) {
    return {
      kind: 'livelock',
      message: `${names} repeat${running.length === 1 ? 's' : ''} the same operations without end, though every thread has its turn (${steps.length} steps)`,
      sites,
    };
  }
  return {
    kind: 'step-limit',
    message: `not at its end after ${steps.length} steps; still going: ${names || 'none'}`,
    sites,
  };
}

/** Whether the last operations are the same ones again and again. */
function repeats(points: readonly Point[]): boolean {
  const last = points.slice(-64);
  if (last.length < 64) return false;
  for (let period = 1; period <= 16; period++) {
    if (
      last.every(
        (point, i) => i < period || (point.op === last[i - period]?.op && point.at === last[i - period]?.at),
      )
    )
      return true;
  }
  return false;
}

/** Nobody can go on. The kinds are tried in this order: missed notify, lost wake-up, cycle, orphan, stuck spin. */
function explainStuck(
  simulation: Simulation,
  steps: readonly RecordedStep[],
  ends: readonly ThreadEnd[],
): Explanation {
  const { simulator, memory, scenario } = simulation;
  const names = scenario.threadNames;
  const waiters = names.flatMap((_, t) => ((simulator.waiting & (1 << t)) !== 0 ? [t] : []));
  const word = (point: Point): string => memory.nameOf(point.at, point.size);
  for (const t of waiters) {
    const point = simulator.pending[t] as Point;
    const now = valueAt(point);
    if (now === point.a) continue;
    const slept = lastWait(steps, t);
    const misdirected = findMisdirected(simulation, steps, t);
    if (misdirected !== undefined) {
      const { notify, woken, again } = misdirected;
      return {
        kind: 'misdirected-notify',
        message: `${names[notify.thread]} notified ${word(point)} while ${names[t]} slept on it, and the notify woke ${names[woken]}, which went to sleep again: ${names[t]} was not woken, and sleeps for good`,
        sites: sitesOf([notify, again, slept]),
      };
    }
    const writer = steps.findLast((step) => step.point.at === point.at && (step.effect & WRITE) !== 0);
    return {
      kind: 'missed-notify',
      message: `${names[t]} sleeps on ${word(point)} = ${format(point.a)}, and the word is ${format(now)} now: ${writer === undefined ? 'it was changed' : `${names[writer.thread]} changed it`} and nobody notified after`,
      sites: sitesOf([writer, slept]),
    };
  }
  for (const t of waiters) {
    const lost = findLostNotify(steps, t);
    if (lost === undefined) continue;
    const point = simulator.pending[t] as Point;
    const look = lost.look === undefined ? '' : ` after ${names[t]} looked at ${word(lost.look.point)}`;
    return {
      kind: 'lost-wakeup',
      message: `${names[lost.notify.thread]} notified ${word(point)}${look} and before ${names[t]} slept on it: it was not there to be woken, and sleeps for good`,
      sites: sitesOf([lost.notify, lost.look, lastWait(steps, t)]),
    };
  }
  const cycle = findCycle(simulation, steps, ends, false);
  if (cycle !== undefined) return { kind: 'deadlock', ...cycle };
  for (const t of waiters) {
    const misdirected = findMisdirected(simulation, steps, t);
    if (misdirected === undefined) continue;
    const { notify, woken, again } = misdirected;
    return {
      kind: 'misdirected-notify',
      message: `${names[notify.thread]} notified ${word(simulator.pending[t] as Point)} while ${names[t]} slept on it, and the notify woke ${names[woken]}, which went to sleep again: ${names[t]} was not woken, and sleeps for good`,
      sites: sitesOf([notify, again, lastWait(steps, t)]),
    };
  }
  const t = waiters[0];
  const others = ends.filter((end, u) => u !== t && end.state !== 'ended');
  if (t !== undefined && others.length === 0) {
    const point = simulator.pending[t] as Point;
    return {
      kind: 'orphan-wait',
      message: `${names[t]} sleeps on ${word(point)} = ${format(point.a)}, and every thread that could notify it has ended`,
      sites: sitesOf([lastWait(steps, t)]),
    };
  }
  const stuck = ends.filter((end) => end.state !== 'ended');
  const spinning = stuck.filter((end) => end.state === 'spinning');
  const list = stuck.map((end) => `${end.name} at ${end.at}`).join('; ');
  const sites = stuck.flatMap((end) => (end.site === undefined ? [] : [end.site]));
  if (spinning.length > 0) {
    const who = spinning.map((end) => end.name).join(', ');
    return {
      kind: 'stuck-spin',
      message: `${who} loop${spinning.length === 1 ? 's' : ''} until a word changes that nobody will change: ${list}`,
      sites,
    };
  }
  return {
    kind: 'deadlock',
    ...(findCycle(simulation, steps, ends, true) ?? { message: `no thread can go on: ${list}`, sites }),
  };
}

/**
 * A notify on the word that thread t sleeps on, which woke another thread in its place: one that could not use it, and
 * went to sleep again for good.
 */
function findMisdirected(
  { simulator }: Simulation,
  steps: readonly RecordedStep[],
  t: number,
): { notify: RecordedStep; woken: number; again: RecordedStep | undefined } | undefined {
  const slept = steps.findLastIndex((step) => step.thread === t && step.point.op === WAIT);
  const at = steps[slept]?.point.at;
  for (let n = steps.length - 1; n > slept && at !== undefined; n--) {
    const notify = steps[n];
    if (notify?.point.op !== NOTIFY || notify.point.at !== at || notify.woke === 0) continue;
    for (let rest = notify.woke; rest !== 0; rest &= rest - 1) {
      const woken = 31 - Math.clz32(rest & -rest);
      const again = steps.findLast((step, i) => i > n && step.thread === woken && step.point.op === WAIT);
      if (again !== undefined && ((simulator.waiting >>> woken) & 1) !== 0) return { notify, woken, again };
    }
  }
  return undefined;
}

function sitesOf(steps: readonly (RecordedStep | undefined)[]): string[] {
  return distinctLines(steps.flatMap((step) => (step === undefined ? [] : responsible(step))));
}

function lastWait(steps: readonly RecordedStep[], t: number): RecordedStep | undefined {
  return steps.findLast((step) => step.thread === t && step.point.op === WAIT);
}

/**
 * A notify on the word that thread t sleeps on which found too few to wake, after t had looked at something that has been
 * written since, and before it slept; or between the last look of t and its sleep.
 */
function findLostNotify(
  steps: readonly RecordedStep[],
  t: number,
): { notify: RecordedStep; look: RecordedStep | undefined } | undefined {
  const slept = steps.findLastIndex((step) => step.thread === t && step.point.op === WAIT);
  const wait = steps[slept];
  if (wait === undefined) return undefined;
  const earlier = steps.findLastIndex((step, i) => i < slept && step.thread === t && step.point.op === WAIT);
  for (let n = slept - 1; n > earlier; n--) {
    const notify = steps[n];
    if (
      notify === undefined ||
      notify.point.op !== NOTIFY ||
      notify.point.at !== wait.point.at ||
      notify.thread === t
    )
      continue;
    // It could have woken more than it did.
    if (Number(notify.answer) >= Number(notify.point.a ?? Infinity)) continue;
    const looks = steps.flatMap((step, r) => (r > earlier && r < n && step.thread === t ? [r] : []));
    const stale = looks.findLast((r) => {
      const look = steps[r];
      return steps
        .slice(r + 1, slept)
        .some((step) => step.thread !== t && step.point.at === look?.point.at && (step.effect & WRITE) !== 0);
    });
    if (stale !== undefined) return { notify, look: steps[stale] };
    const looksLater = steps.some((step, r) => r > n && r < slept && step.thread === t);
    if (!looksLater) return { notify, look: steps[looks.at(-1) ?? -1] };
  }
  return undefined;
}
