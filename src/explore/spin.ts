import { casTook, valueAt } from './execute.ts';
import { AND, CAS, EXCHANGE, LOAD, OR, PLAIN_LOAD, type Point, type Value } from './operation.ts';

/** Loops of at most that many operations are recognised as waiting. */
const LONGEST_SPIN = 8;
/** Operations that may change nothing. */
const MAY_SPIN = new Set([LOAD, PLAIN_LOAD, CAS, EXCHANGE, OR, AND]);

/** Whether two points ask for the same: the same operation on the same bytes with the same operands. */
export function sameOperation(p: Point, q: Point): boolean {
  return (
    p.op === q.op &&
    p.at === q.at &&
    Object.is(p.a, q.a) &&
    Object.is(p.b, q.b) &&
    p.array.BYTES_PER_ELEMENT === q.array.BYTES_PER_ELEMENT
  );
}

/**
 * The length of the next longer loop of mere reads that a thread may be about to repeat.
 * @param count - how many operations it has done; `point` is its next.
 * @param period - loops longer than this are looked for.
 * @returns 0 where there is none.
 */
export function nextPeriod(
  path: readonly Point[],
  answers: readonly Value[],
  count: number,
  point: Point,
  period: number,
): number {
  if (!MAY_SPIN.has(point.op)) return 0;
  for (let p = 1; p <= LONGEST_SPIN && p <= count; p++) {
    const last = path[count - p] as Point;
    if (!isQuiet(last, answers[count - p])) return 0;
    if (p > period && sameOperation(last, point)) return p;
  }
  return 0;
}

/** Whether the last `period` operations, which only looked, would be answered now as they were. */
export function stillAnswered(
  path: readonly Point[],
  answers: readonly Value[],
  count: number,
  period: number,
): boolean {
  for (let k = count - period; k < count; k++) {
    if (valueAt(path[k] as Point) !== answers[k]) return false;
  }
  return true;
}

/** Whether an operation, answered so, changed nothing: a loop of such operations awaits what others do. */
function isQuiet(point: Point, answer: Value): boolean {
  const { op, words, a } = point;
  if (op === LOAD || op === PLAIN_LOAD) return true;
  if (op === CAS) return !casTook(point, answer);
  if (words === undefined || typeof answer !== 'number' || typeof a !== 'number') return false;
  if (op === EXCHANGE) return answer === a;
  if (op === OR) return (answer | a) === answer;
  return op === AND && (answer & a) === answer;
}
