import { casTook, narrow, valueAt } from './execute.ts';
import {
  ADD,
  AND,
  CAS,
  ENDED,
  EXCHANGE,
  LOAD,
  OR,
  PLAIN_LOAD,
  type Point,
  SUB,
  type Value,
  XOR,
} from './operation.ts';

/** Whether two points are the same operation on the same element with the same operands. */
export function sameOperation(p: Point, q: Point): boolean {
  return p.op === q.op && p.element === q.element && Object.is(p.a, q.a) && Object.is(p.b, q.b);
}

/** Whether two points are the same operation, or the same kind of end of a thread. */
export function isSame(saw: Point, expected: Point): boolean {
  return saw === expected || (saw.op >= ENDED ? saw.op === expected.op : sameOperation(saw, expected));
}

/** Whether the operation may leave everything unchanged, for some answer. */
export function mayOnlyLook({ op, a }: Point): boolean {
  switch (op) {
    case LOAD:
    case PLAIN_LOAD:
    case CAS:
    case EXCHANGE:
    case OR:
    case AND:
      return true;
    case ADD:
    case SUB:
    case XOR:
      return a === 0 || a === 0n;
    default:
      return false;
  }
}

/** Whether an operation with that answer changed nothing: a loop of such operations awaits other threads. */
export function onlyLooked(point: Point, answer: Value): boolean {
  const { op, a, array } = point;
  switch (op) {
    case LOAD:
    case PLAIN_LOAD:
      return true;
    case CAS:
      return !casTook(point, answer) || isWritten(point, point.b, answer);
    case EXCHANGE:
      return isWritten(point, a, answer);
    case OR:
      return typeof answer === 'bigint'
        ? isWritten(point, answer | (a as bigint), answer)
        : narrow(array, (answer as number) | (a as number)) === answer;
    case AND:
      return typeof answer === 'bigint'
        ? isWritten(point, answer & (a as bigint), answer)
        : narrow(array, (answer as number) & (a as number)) === answer;
    default:
      return mayOnlyLook(point);
  }
}

/** Whether an element holds `answer` after a write of `value`. */
function isWritten({ array }: Point, value: Value, answer: Value): boolean {
  return typeof value === 'string' || value === undefined ? false : narrow(array, value) === answer;
}

/** Whether the last `period` operations, which only looked, would get the same answers now. */
export function stillAnswered(
  path: readonly Point[],
  answers: readonly Value[],
  count: number,
  period: number,
): boolean {
  for (let k = count - period; k < count; k++) {
    if (!Object.is(valueAt(path[k] as Point), answers[k])) return false;
  }
  return true;
}

/** Whether the thread's next operation repeats an earlier one, with only looks in between. */
export function repeatsLook(
  path: readonly Point[],
  answers: readonly Value[],
  count: number,
  point: Point,
  longest: number,
): boolean {
  for (let k = count - 1; k >= 0 && k >= count - longest; k--) {
    const before = path[k] as Point;
    if (!onlyLooked(before, answers[k])) return false;
    if (sameOperation(before, point)) return true;
  }
  return false;
}
