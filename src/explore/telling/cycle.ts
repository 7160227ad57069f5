import { ENDED, OR, type Point, WAIT } from '../running/operation.ts';
import type { Simulation } from '../running/simulation.ts';
import { Holders, unsigned } from './holders.ts';
import { notifiersOf } from './notifiers.ts';
import type { RecordedStep } from './record.ts';
import type { ThreadEnd } from './result.ts';
import { callersFirst, distinctLines, type Placed, placeOfEnd, shortPlace } from './sites.ts';

/** The reason for which one thread waits for another. */
type Edge = {
  readonly from: number;
  readonly to: number;
  /** The word of the wait. */
  readonly point: Point;
  /** `lock`: `to` took the word in `step`. `change`: `to` last wrote the word. `notify`: `to` should notify. */
  readonly why: 'lock' | 'change' | 'notify';
  readonly step: RecordedStep | undefined;
};

/** Threads that wait for each other in a ring. */
export type Cycle = {
  readonly message: string;
  readonly sites: readonly string[];
};

/**
 * Finds a ring of threads, each of which waits for the next: for a lock that the next thread holds; or, in a loop that
 * awaits a change, for the thread that last wrote the word (such as a reader that has not left its section).
 * @param withNotify - a sleeping thread may also wait for a thread that would notify the sleeper if that
 *   thread could go on.
 */
export function findCycle(
  simulation: Simulation,
  steps: readonly RecordedStep[],
  ends: readonly ThreadEnd[],
  withNotify: boolean,
): Cycle | undefined {
  const holders = new Holders(steps);
  const edges = new Map<number, readonly Edge[]>();
  const { simulator } = simulation;
  for (let t = 0; t < simulator.threads; t++) edges.set(t, edgesOf(simulation, holders, t, withNotify));
  let shortest: readonly Edge[] | undefined;
  for (let t = 0; t < simulator.threads; t++) {
    const ring = shortestRing(edges, t);
    if (ring !== undefined && ring.length < (shortest?.length ?? Infinity)) shortest = ring;
  }
  return shortest === undefined ? undefined : describe(simulation, shortest, ends, steps);
}

function edgesOf(simulation: Simulation, holders: Holders, t: number, withNotify: boolean): Edge[] {
  const { simulator } = simulation;
  const pending = simulator.pending[t] as Point;
  if (pending.op >= ENDED || ((simulator.enabled >>> t) & 1) !== 0) return [];
  const done = simulator.done[t] ?? 0;
  const path = simulator.paths[t] ?? [];
  const looks = simulator.loopOf(t);
  const spins = looks > 0;
  // A thread in a loop awaits a change of any word of the loop.
  const points = spins ? path.slice(done - looks, done) : [pending];
  const canGoOn = (u: number): boolean => u >= 0 && (simulator.pending[u] as Point).op < ENDED;
  const edges: Edge[] = [];
  for (const point of points) {
    const held = holders.of(point.at, wantedBits(point)).filter(({ thread }) => canGoOn(thread));
    // Bits of other threads first: a thread that holds one bit of a word and wants another does not wait for itself.
    const others = held.filter(({ thread }) => thread !== t);
    for (const { thread, step } of others.length > 0 ? others : held)
      edges.push({ from: t, to: thread, point, why: 'lock', step });
    if (held.length > 0) continue;
    const writer = holders.lastWriter(point.at);
    if (spins && writer !== undefined && writer.thread !== t && canGoOn(writer.thread))
      edges.push({ from: t, to: writer.thread, point, why: 'change', step: writer });
    if (!withNotify || point.op !== WAIT) continue;
    const notifiers = notifiersOf(simulation).get(point.at) ?? 0;
    for (let u = 0; u < simulator.threads; u++) {
      if (u !== t && ((notifiers >>> u) & 1) !== 0 && canGoOn(u))
        edges.push({ from: t, to: u, point, why: 'notify', step: undefined });
    }
  }
  return edges;
}

/** The bits that an operation tries to take; undefined for the whole word. */
function wantedBits({ op, a, size }: Point): bigint | undefined {
  return op === OR ? unsigned(a, size) : undefined;
}

/** The bits that an operation sets: `bit 4`, or `bits 0x30`. */
function bitsOf(a: Point['a'], size: number): string {
  const bits = unsigned(a, size) ?? 0n;
  const isOne = bits !== 0n && (bits & (bits - 1n)) === 0n;
  return isOne ? `bit ${bits.toString(2).length - 1}` : `bits 0x${bits.toString(16)}`;
}

/** The shortest path along the edges from a thread back to itself. */
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

function describe(
  simulation: Simulation,
  ring: readonly Edge[],
  ends: readonly ThreadEnd[],
  steps: readonly RecordedStep[],
): Cycle {
  const { memory, scenario } = simulation;
  const name = (t: number): string => scenario.threadNames[t] ?? '';
  const word = ({ at, size, op, a }: Point): string =>
    `${op === OR ? `${bitsOf(a, size)} of ` : ''}${memory.nameOf(at, size)}`;
  const sites: string[] = [];
  const place = (step: Placed): string => {
    const [first] = callersFirst(step);
    if (first === undefined) return '';
    sites.push(...callersFirst(step));
    return ` (${shortPlace(first)})`;
  };
  const parts = ring.map((edge, i) => {
    const { from, to, point, why } = edge;
    const before = ring[(i + ring.length - 1) % ring.length] as Edge;
    const holds =
      before.step === undefined
        ? ''
        : `${before.why === 'lock' ? 'holds' : 'last wrote'} ${word(before.why === 'lock' ? before.step.point : before.point)}${place(before.step)} and `;
    const where = place(placeOfEnd(from, ends, steps));
    if (why === 'notify')
      return `${name(from)} ${holds}sleeps on ${word(point)}${where} until ${name(to)} notifies`;
    if (why === 'change')
      return `${name(from)} ${holds}loops until ${word(point)}${where} changes, which ${name(to)} wrote last`;
    return `${name(from)} ${holds}waits for ${word(point)}${where}, held by ${to === from ? 'itself' : name(to)}`;
  });
  return { message: parts.join('; '), sites: distinctLines(sites) };
}
