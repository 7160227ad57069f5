/**
 * Classes of schedules by their definition, with nothing of the explorer's own reckoning: two schedules are of one class
 * where they have the same steps, and any two steps that conflict come in the same order.
 */
import { ALL, QUEUE, READ, WRITE } from '../../../src/explore/running/operation.ts';
import type { RunView } from '../../../src/explore/search/strategies/strategy.ts';

type Bytes = { readonly at: number; readonly size: number };
type Done = {
  readonly name: string;
  readonly effect: number;
  readonly bytes: Bytes;
  readonly awaited: readonly Bytes[];
};

/** The class of the schedule that has just run, with its steps recorded. */
export function classKey(run: RunView): string {
  const own = new Array<number>(run.threads).fill(0);
  const steps: Done[] = [];
  const rows: string[] = [];
  for (let i = 0; i < run.steps; i++) {
    const t = run.stepThread[i] as number;
    const point = run.stepPoint[i];
    if (point === undefined) continue;
    const { op, at, size } = point;
    const name = `${t}.${own[t]}`;
    own[t] = (own[t] as number) + 1;
    const step = {
      name,
      effect: run.stepEffect[i] as number,
      bytes: { at, size },
      awaited: run.stepAwaits[i] ?? [],
    };
    const before = steps.filter((other) => conflict(other, step)).map((other) => other.name);
    rows.push(`${name} ${op} ${at} ${step.effect}: ${before.sort()}`);
    steps.push(step);
  }
  return rows.sort().join('\n');
}

function conflict(p: Done, q: Done): boolean {
  if (p.effect === ALL || q.effect === ALL) return true;
  if (meet(p.bytes, q.bytes)) {
    if (p.effect & QUEUE && q.effect & QUEUE) return true;
    if (p.effect & WRITE && q.effect & (READ | WRITE)) return true;
    if (q.effect & WRITE && p.effect & (READ | WRITE)) return true;
  }
  // A thread that a change let out of a loop was waiting for every word that the loop looks at.
  const awaited = (looks: Done, writes: Done): boolean =>
    (writes.effect & WRITE) !== 0 && looks.awaited.some((bytes) => meet(bytes, writes.bytes));
  return awaited(p, q) || awaited(q, p);
}

function meet(a: Bytes, b: Bytes): boolean {
  return a.at < b.at + b.size && b.at < a.at + a.size;
}
