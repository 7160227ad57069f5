import type { Plan, Role, Slice, StressResult, Track } from '../stress/index.ts';
import { TraceEvents, type TraceFile } from './trace-events.ts';
import { count } from './units.ts';

/**
 * What each thread of a stress run did last, as a trace: a track for each thread, and an arrow from a signal to the
 * handler that it led to. Signals that were one with a later one have none: the arrow begins at the last of them.
 */
export function stressTrace(
  tracks: readonly Track[],
  plan: Plan,
  result: { readonly config: TracedConfig },
): TraceFile {
  const first = tracks.reduce(
    (least, { slices }) => slices.reduce((so, { from }) => Math.min(so, from), least),
    Number.POSITIVE_INFINITY,
  );
  const events = new TraceEvents(first);
  for (const [index, { role }] of tracks.entries()) events.track(1 + index, nameOf(role));
  for (const [index, { slices }] of tracks.entries()) {
    for (const slice of slices) {
      // It is where an arrow ends, within a handler.
      if (slice.name === 'saw') continue;
      const { name, args } = shownAs(slice, plan);
      events.slice(1 + index, name, slice.from, slice.to, args);
    }
  }
  const unmatched = drawArrows(events, tracks);
  const { seed, dispatch, churn, abi, fault, source } = result.config;
  return events.file({
    command: 'irqloom stress',
    ...{ seed, dispatch, churn, abi, fault, input: source },
    slicesKeptByThread: plan.slices,
    slicesDropped: Object.fromEntries(tracks.map(({ role, dropped }) => [nameOf(role), dropped])),
    arrows: events.arrows,
    handlersWhoseSignalWasDropped: unmatched,
  });
}

/** The settings of a run that its trace names. */
type TracedConfig = Pick<StressResult['config'], 'seed' | 'dispatch' | 'churn' | 'abi' | 'fault' | 'source'>;

/** What is not in the file, in a sentence. */
export function traceNote(tracks: readonly Track[], { slices }: Pick<Plan, 'slices'>): string {
  const kept = tracks.reduce((sum, track) => sum + track.slices.length, 0);
  const short = tracks.filter(({ dropped }) => dropped > 0);
  if (short.length === 0) return `trace: all ${count(kept)} slices`;
  const dropped = short.map((track) => `${nameOf(track.role)} ${count(track.dropped)}`);
  return `trace: the last ${count(kept)} slices, at most ${count(slices)} a thread; dropped before them: ${dropped.join(', ')}`;
}

function nameOf(role: Role): string {
  if ('vcpu' in role) return `vCPU ${role.vcpu}`;
  if ('device' in role) return `device ${role.device}`;
  return 'driver' in role ? 'driver' : 'main thread';
}

type Shown = { readonly name: string; readonly args: Readonly<Record<string, unknown>> };

function shownAs({ name, subject, which, intid }: Slice, plan: Plan): Shown {
  const source = plan.sources[subject];
  const vector = { source: subject, deviceId: source?.deviceId, eventId: source?.eventId };
  switch (name) {
    case 'signal':
      return { name: `signal ${subject}`, args: { ...vector, kind: source?.kind, sequence: which } };
    case 'handler':
      return {
        name: `interrupt ${intid}`,
        args: { intid, ...(source ? { source: subject, sawSignal: which } : {}) },
      };
    case 'dispatch':
      return { name, args: { served: subject } };
    case 'mask':
    case 'unmask':
    case 'masked':
    case 'remap':
    case 'route update':
      return { name, args: vector };
    case 'MOVI':
    case 'DISCARD':
    case 'INV':
    case 'MAPTI':
      return { name, args: { deviceId: subject, eventId: which, ...(intid > 0 ? { lpi: intid } : {}) } };
    case 'GICD_IROUTER':
      return { name, args: { intid, affinity: which } };
    default:
      return { name, args: {} };
  }
}

/** Something that a handler saw: of which source, and how many signals of it there had been. */
type Sight = { readonly track: number; readonly slice: Slice };

/**
 * Draws an arrow for each handler that was the first to see a signal, from the last signal that it saw. Returns how
 * many could not be drawn, because their signal is no longer there.
 */
function drawArrows(events: TraceEvents, tracks: readonly Track[]): number {
  const signals = new Map<string, Sight>();
  const sights: Sight[] = [];
  for (const [index, { slices }] of tracks.entries()) {
    for (const slice of slices) {
      const sight = { track: 1 + index, slice };
      if (slice.name === 'signal') signals.set(`${slice.subject}/${slice.which}`, sight);
      if (slice.name === 'handler' || slice.name === 'saw') sights.push(sight);
    }
  }
  sights.sort((a, b) => a.slice.from - b.slice.from);
  const seen = new Map<number, number>();
  let unmatched = 0;
  for (const { track, slice } of sights) {
    const { subject, which } = slice;
    const before = seen.get(subject) ?? Math.max(0, which - 1);
    // A handler may run for a signal that one before it has seen begin already.
    if (((which - before) | 0) <= 0) continue;
    seen.set(subject, which);
    const signal = signals.get(`${subject}/${which}`);
    if (!signal) unmatched++;
    // A level may have been raised when its handler was running already.
    else events.arrow([signal.track, signal.slice.from], [track, Math.max(slice.from, signal.slice.from)]);
  }
  return unmatched;
}
