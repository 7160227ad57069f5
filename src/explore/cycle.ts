import { casTook, valueAt } from './execute.ts';
import { notifiersOf } from './notifiers.ts';
import { CAS, ENDED, EXCHANGE, LOCK, OR, type Point, type Value, WAIT } from './operation.ts';
import type { RecordedStep } from './record.ts';
import type { ThreadEnd } from './result.ts';
import type { Simulation } from './simulation.ts';

/** Why one thread waits for another. */
type Edge = {
  readonly from: number;
  readonly to: number;
  /** At the word. */
  readonly point: Point;
  /** The step in which `to` took the word, where that is a lock; else `to` is to notify. */
  readonly taken: RecordedStep | undefined;
};

/** Threads that wait for each other in a ring. */
export type Cycle = {
  readonly message: string;
  readonly sites: readonly string[];
};

/**
 * A ring of threads each of which waits for a lock that the next one holds: whoever took the word last, from free to
 * taken, and has not ended.
 * @param withNotify - a thread that sleeps may also wait for one to notify it which was seen to do so when it could.
 */
export function findCycle(
  simulation: Simulation,
  steps: readonly RecordedStep[],
  ends: readonly ThreadEnd[],
  withNotify: boolean,
): Cycle | undefined {
  const edges = new Map<number, readonly Edge[]>();
  const { simulator } = simulation;
  for (let t = 0; t < simulator.threads; t++) edges.set(t, edgesOf(simulation, steps, t, withNotify));
  let shortest: readonly Edge[] | undefined;
  for (let t = 0; t < simulator.threads; t++) {
    const ring = shortestRing(edges, t);
    if (ring !== undefined && ring.length < (shortest?.length ?? Infinity)) shortest = ring;
  }
  return shortest === undefined ? undefined : describe(simulation, shortest, ends);
}

function edgesOf(
  simulation: Simulation,
  steps: readonly RecordedStep[],
  t: number,
  withNotify: boolean,
): Edge[] {
  const { simulator } = simulation;
  const pending = simulator.pending[t] as Point;
  if (pending.op >= ENDED || ((simulator.enabled >>> t) & 1) !== 0) return [];
  const done = simulator.done[t] ?? 0;
  const path = simulator.paths[t] ?? [];
  // A thread in a loop awaits a change of any word that it looks at.
  const points = pending.spin > 0 ? path.slice(done - pending.spin, done) : [pending];
  const edges: Edge[] = [];
  for (const point of points) {
    const taken = steps.findLast((step) => step.point.at === point.at && takes(step));
    if (taken !== undefined && isTruthy(valueAt(point))) {
      if ((simulator.pending[taken.thread] as Point).op !== ENDED)
        edges.push({ from: t, to: taken.thread, point, taken });
    } else if (withNotify && point.op === WAIT) {
      const notifiers = notifiersOf(simulation).get(point.at) ?? 0;
      for (let u = 0; u < simulator.threads; u++) {
        const could = u !== t && ((notifiers >>> u) & 1) !== 0;
        if (could && (simulator.pending[u] as Point).op !== ENDED)
          edges.push({ from: t, to: u, point, taken: undefined });
      }
    }
  }
  return edges;
}

/** The shortest way along the edges from a thread back to itself. */
function shortestRing(edges: ReadonlyMap<number, readonly Edge[]>, start: number): Edge[] | undefined {
  const ways: Edge[][] = (edges.get(start) ?? []).map((edge) => [edge]);
  const seen = new Set<number>();
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    const at = (way.at(-1) as Edge).to;
    if (at === start) return way;
    if (seen.has(at)) continue;
    seen.add(at);
    for (const edge of edges.get(at) ?? []) ways.push([...way, edge]);
  }
  return undefined;
}

function describe(simulation: Simulation, ring: readonly Edge[], ends: readonly ThreadEnd[]): Cycle {
  const { memory, scenario } = simulation;
  const name = (t: number): string => scenario.threadNames[t] ?? '';
  const word = ({ at, size }: Point): string => memory.nameOf(at, size);
  const sites: string[] = [];
  const place = (site: string | undefined): string => {
    if (site === undefined || site === '') return '';
    sites.push(site);
    return ` (${shortPlace(site)})`;
  };
  const parts = ring.map((edge, i) => {
    const { from, to, point, taken } = edge;
    const before = ring[(i + ring.length - 1) % ring.length] as Edge;
    const holds =
      before.taken === undefined ? '' : `holds ${word(before.point)}${place(before.taken.site)} and `;
    const where = place(ends[from]?.site);
    if (taken === undefined)
      return `${name(from)} ${holds}sleeps on ${word(point)}${where} until ${name(to)} notifies`;
    return `${name(from)} ${holds}waits for ${word(point)}${where}, held by ${to === from ? 'itself' : name(to)}`;
  });
  return { message: parts.join('; '), sites: [...new Set(sites)] };
}

/** File and line of a site, without the path. */
function shortPlace(site: string): string {
  const [, file = site, line = ''] = /([^/\\]+):(\d+):\d+$/.exec(site) ?? [];
  return line === '' ? file : `${file}:${line}`;
}

/**
 * Whether a step takes a lock, as far as can be seen: the lock operation, or a word that goes from 0 to another value by
 * compareExchange or exchange, or a bit of it by or. Marking a lock that is held, as waiters do, takes nothing.
 */
function takes({ point, answer }: RecordedStep): boolean {
  const { op, a, b } = point;
  if (op === LOCK) return true;
  if (op === CAS) return !isTruthy(a) && isTruthy(b) && casTook(point, answer);
  if (op === OR)
    return isTruthy(a) && typeof a === 'number' && typeof answer === 'number' && (answer & a) === 0;
  return op === EXCHANGE && isTruthy(a) && !isTruthy(answer);
}

function isTruthy(value: Value): boolean {
  return value !== undefined && Boolean(value);
}
