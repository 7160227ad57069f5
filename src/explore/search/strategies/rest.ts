import { LOCK, type Point, TIMEOUT, UNLOCK } from '../../running/operation.ts';
import type { Step } from '../dependence.ts';
import type { Cut, Trace } from './trace.ts';

/**
 * Whether the steps of a complete trace that are not in `cut` follow in the same way if, after the cut, the
 * first thread that can go on always does: then a schedule that begins with the cut comes to the trace by
 * itself.
 * @param cut - the call changes this array.
 */
export function followsByItself(trace: Trace, cut: Cut): boolean {
  let left = trace.length;
  for (let t = 0; t < trace.threads; t++) left -= cut[t] as number;
  for (; left > 0; left--) {
    const t = firstAble(trace, cut);
    if (t < 0) return false;
    cut[t] = (cut[t] as number) + 1;
  }
  return true;
}

/**
 * Adds to a cut all steps that every greater cut needs from which the rest may follow by itself.
 *
 * A thread leaves no turn to later threads up to the next step before which the thread may be unable to go
 * on. So the cut has all steps of later threads that happen before these steps.
 * @param most - the steps that the cut may hold.
 * @returns whether it holds no others.
 */
export function addNeeded(trace: Trace, cut: Cut, most: Cut): boolean {
  const { threads, at, past } = trace;
  for (;;) {
    let isComplete = true;
    for (let t = 0; t < threads; t++) {
      const mine = at[t] as number[];
      const done = cut[t] as number;
      const stop = trace.stopOf(t, done);
      if (stop === done) continue;
      const last = (mine[stop - 1] as number) * threads;
      for (let u = t + 1; u < threads; u++) {
        const need = past[last + u] as number;
        if (need <= (cut[u] as number)) continue;
        trace.addPast(cut, (at[u] as number[])[need - 1] as number);
        isComplete = false;
      }
    }
    if (isComplete) break;
    if (!isWithin(cut, most)) return false;
    // Where no thread may stop, more steps in the cut need no others.
    if (trace.stopping === 0) break;
  }
  return true;
}

/** Whether all steps of a cut are in another. */
export function isWithin(cut: Cut, most: Cut): boolean {
  for (let t = 0; t < cut.length; t++) if ((cut[t] as number) > (most[t] as number)) return false;
  return true;
}

/**
 * The first thread that can go on after the steps of a cut; -1 if that thread does another step then than in
 * the trace.
 */
function firstAble(trace: Trace, cut: Cut): number {
  for (let t = 0; t < trace.threads; t++) {
    const done = cut[t] as number;
    if (done === trace.count[t]) {
      if (isAble(trace, cut, t, trace.left[t])) return -1;
      continue;
    }
    const k = (trace.at[t] as number[])[done] as number;
    const step = trace.steps[k] as Step;
    if (isNext(trace, cut, t, k)) {
      // Time has gone on only because no thread could go on: the first thread whose time was up comes first.
      if (trace.late && step.point.op === TIMEOUT && isBefore(trace.able[k] as number, t)) return -1;
      return t;
    }
    if (isAble(trace, cut, t, step)) return -1;
  }
  return -1;
}

/** Whether all that happens before step k is in the cut. */
function isNext(trace: Trace, cut: Cut, t: number, k: number): boolean {
  const { past, threads } = trace;
  for (let u = 0; u < threads; u++)
    if (u !== t && (past[k * threads + u] as number) > (cut[u] as number)) return false;
  return true;
}

function isBefore(able: number, t: number): boolean {
  return (able & ((1 << t) - 1)) !== 0;
}

/**
 * Whether thread `t` could go on after the steps of a cut. With `late` timeouts a sleeper counts as unable.
 * @param step - the thread's next step if the thread is awake; undefined if the thread has ended.
 */
export function isAble(trace: Trace, cut: Cut, t: number, step: Step | undefined): boolean {
  if (trace.sleeps(t, cut)) {
    if (trace.late) return false;
    const last = (trace.at[t] as number[])[(cut[t] as number) - 1] as number;
    return (trace.steps[last] as Step).point.b !== undefined && trace.timesOut;
  }
  if (step === undefined) return false;
  if (step.point.op === LOCK) return !isTaken(trace, cut, step.point);
  return step.awaits === undefined || !isHeld(trace, cut, t, step.awaits.length);
}

function isTaken(trace: Trace, cut: Cut, { at }: Point): boolean {
  for (let k = trace.length - 1; k >= 0; k--) {
    const { point } = trace.steps[k] as Step;
    if (point.at === at && (point.op === LOCK || point.op === UNLOCK) && trace.has(cut, k))
      return point.op === LOCK;
  }
  return false;
}

/**
 * Whether memory, after the steps of a cut, would give thread `t` the same answers to its last `period`
 * looks.
 */
function isHeld(trace: Trace, cut: Cut, t: number, period: number): boolean {
  const mine = trace.at[t] as number[];
  const done = cut[t] as number;
  for (let i = done - period; i < done; i++) {
    const k = mine[i] as number;
    const { point } = trace.steps[k] as Step;
    for (let at = point.at; at < point.at + point.size; at++) {
      if (trace.byteAt(cut, at) !== trace.byteBefore(k, at)) return false;
    }
  }
  return true;
}
