import { plural } from '../../base/plural.ts';
import { valueAt } from '../running/execute.ts';
import { format, NOTIFY, type Point, WAIT, WRITE } from '../running/operation.ts';
import type { Simulation } from '../running/simulation.ts';
import { findCycle } from './cycle.ts';
import { notifiersOf } from './notifiers.ts';
import type { RecordedStep } from './record.ts';
import type { ThreadEnd } from './result.ts';
import { callersFirst, distinctLines, placeOfEnd, sitesOf } from './sites.ts';
import type { Explanation } from './verdict.ts';

/** Explains a standstill. Tries the kinds in this order: missed notify, lost wake-up, cycle, orphan, stuck spin. */
export function explainStuck(
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
    const passedBy = steps
      .slice(writer === undefined ? 0 : steps.indexOf(writer) + 1)
      .find(({ point: { op, at } }) => op === NOTIFY && at === point.at);
    return {
      kind: 'missed-notify',
      message: `${names[t]} sleeps on ${word(point)} = ${format(point.a)}, and the word is ${format(now)} now: ${writer === undefined ? 'it was changed' : `${names[writer.thread]} changed it`} and ${passedBy === undefined ? 'no thread notified after' : sayPassedBy(passedBy, names, t)}`,
      sites: sitesOf([writer, passedBy, slept]),
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
  const stuck = ends.filter((end) => end.state !== 'ended');
  const spinning = stuck.filter((end) => end.state === 'spinning');
  const list = stuck.map((end) => `${end.name} at ${end.at}`).join('; ');
  const sites = distinctLines(
    ends.flatMap((end, t) => (end.state === 'ended' ? [] : callersFirst(placeOfEnd(t, ends, steps)))),
  );
  if (spinning.length > 0) {
    const who = spinning.map((end) => end.name).join(', ');
    return {
      kind: 'stuck-spin',
      message: `${who} loop${spinning.length === 1 ? 's' : ''} until a word changes that no thread will change: ${list}`,
      sites,
    };
  }
  const ring = findCycle(simulation, steps, ends, true);
  if (ring !== undefined) return { kind: 'deadlock', ...ring };
  return (
    explainOrphans(simulation, steps, waiters, stuck.length) ?? {
      kind: 'deadlock',
      message: `no thread can go on: ${list}`,
      sites,
    }
  );
}

/** Finds sleeping threads that no thread would notify, when all remaining threads sleep. */
function explainOrphans(
  simulation: Simulation,
  steps: readonly RecordedStep[],
  waiters: readonly number[],
  stuck: number,
): Explanation | undefined {
  if (waiters.length < stuck) return undefined;
  const { simulator, memory, scenario } = simulation;
  const { pending } = simulator;
  const live = waiters.reduce((bits, t) => bits | (1 << t), 0);
  const orphans = waiters.filter((t) => {
    const notifiers = notifiersOf(simulation).get((pending[t] as Point).at) ?? 0;
    return (notifiers & live & ~(1 << t)) === 0;
  });
  if (orphans.length === 0) return undefined;
  const list = orphans.map((t) => {
    const point = pending[t] as Point;
    return `${scenario.threadNames[t]} sleeps on ${memory.nameOf(point.at, point.size)} = ${format(point.a)}`;
  });
  return {
    kind: 'orphan-wait',
    message: `${list.join(' and ')}, and every thread that could notify ${orphans.length === 1 ? 'it' : 'them'} has ended`,
    sites: sitesOf(orphans.map((t) => lastWait(steps, t))),
  };
}

/** A notify woke as many threads as its count said, but not thread t, which slept on the same word. */
function sayPassedBy({ thread, point, woke }: RecordedStep, names: readonly string[], t: number): string {
  const woken = names.filter((_, u) => ((woke >>> u) & 1) !== 0);
  const count = point.a === undefined ? '' : ` ${plural(Number(point.a), 'thread')} at most`;
  return `${names[thread]} notified${count}, which woke ${woken.join(', ') || 'no thread'}${woken.length === 0 ? '' : ` and not ${names[t]}`}`;
}

/**
 * Finds a notify on the word on which thread t sleeps that woke another thread instead: a thread that could not use the
 * wake-up, and went back to sleep for good.
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

function lastWait(steps: readonly RecordedStep[], t: number): RecordedStep | undefined {
  return steps.findLast((step) => step.thread === t && step.point.op === WAIT);
}

/**
 * Finds a notify on the word on which thread t sleeps that found too few threads to wake: after t had looked at a word
 * written since, and before t slept; or between the last look of t and its sleep.
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
    // The notify could have woken more threads.
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
