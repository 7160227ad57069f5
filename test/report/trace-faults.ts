import type { TraceEvent } from '../../src/report/trace-events.ts';

/** Rounding of sums of times that are written in µs. */
const SLACK_US = 1e-5;

type Slices = ReadonlyMap<number, readonly TraceEvent[]>;

/**
 * The faults of a trace, as its readers would see them: tracks without a name, or not in the order of time; slices that
 * overlap without nesting; arrows without an end, going back, or outside of a slice.
 */
export function traceFaults(events: readonly TraceEvent[]): string[] {
  const slices = new Map<number, TraceEvent[]>();
  for (const event of events) {
    if (event.ph !== 'X') continue;
    const own = slices.get(event.tid);
    if (own) own.push(event);
    else slices.set(event.tid, [event]);
  }
  return [
    ...orderFaults(events),
    ...nameFaults(events, slices),
    ...nestFaults(slices),
    ...arrowFaults(events, slices),
  ];
}

function orderFaults(events: readonly TraceEvent[]): string[] {
  const last = new Map<number, number>();
  return events.flatMap(({ tid, ts, name }) => {
    if (ts === undefined) return [];
    const before = last.get(tid) ?? 0;
    last.set(tid, ts);
    return ts >= before ? [] : [`${name} in track ${tid} is written after what came later`];
  });
}

function nameFaults(events: readonly TraceEvent[], slices: Slices): string[] {
  const named = new Set(events.filter(({ name }) => name === 'thread_name').map(({ tid }) => tid));
  return [...slices.keys()].filter((tid) => !named.has(tid)).map((tid) => `track ${tid} has no name`);
}

function nestFaults(slices: Slices): string[] {
  const found: string[] = [];
  for (const track of slices.values()) {
    const open: number[] = [];
    for (const { name, ts = 0, dur = -1 } of track) {
      if (!(dur >= 0)) found.push(`${name} ends before it begins`);
      while (open.length > 0 && (open.at(-1) ?? 0) <= ts + SLACK_US) open.pop();
      if (ts + dur > (open.at(-1) ?? Number.POSITIVE_INFINITY) + SLACK_US)
        found.push(`${name} outlasts its parent`);
      open.push(ts + dur);
    }
  }
  return found;
}

function arrowFaults(events: readonly TraceEvent[], slices: Slices): string[] {
  const found: string[] = [];
  const arrows = new Map<number, TraceEvent[]>();
  for (const event of events.filter(({ ph }) => 'stf'.includes(ph)))
    arrows.set(event.id ?? -1, [...(arrows.get(event.id ?? -1) ?? []), event]);
  for (const [id, parts] of arrows) {
    // The writer goes track by track; time orders the parts, and a beginning comes before an end.
    const steps = parts.sort((a, b) => 'stf'.indexOf(a.ph) - 'stf'.indexOf(b.ph));
    const order = steps.map(({ ph }) => ph).join('');
    if (order !== 'sf' && order !== 'stf') found.push(`arrow ${id} is ${order}`);
    for (const [index, { ts = 0, tid }] of steps.entries()) {
      if (ts < (steps[index - 1]?.ts ?? 0)) found.push(`arrow ${id} goes back`);
      const lies = slices
        .get(tid)
        ?.some((slice) => (slice.ts ?? 0) <= ts && ts <= (slice.ts ?? 0) + (slice.dur ?? 0) + SLACK_US);
      if (!lies) found.push(`arrow ${id} begins or ends in no slice`);
    }
  }
  return found;
}
