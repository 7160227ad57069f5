import type { Plan, Role, Slice, StressResult, Track } from '../stress/index.ts';
import { VIOLATIONS } from '../stress/index.ts';
import { TraceEvents, type TraceFile } from './trace-events.ts';
import { count } from './units.ts';

/**
 * The last actions of each thread of a stress run, as a trace: a track for each thread, and an arrow from a signal to its
 * handler. Signals that coalesced with a later signal have no arrow: the arrow begins at the last of them.
 */
export function stressTrace(
  kept: readonly Track[],
  plan: Plan,
  result: { readonly config: TracedConfig },
): TraceFile {
  const tracks = equallyFar(kept);
  const first = tracks.reduce(
    (least, { slices }) => slices.reduce((so, { from }) => Math.min(so, from), least),
    Number.POSITIVE_INFINITY,
  );
  const events = new TraceEvents(first);
  for (const [index, { role }] of tracks.entries()) events.track(1 + index, nameOf(role));
  for (const [index, { slices }] of tracks.entries()) {
    for (const slice of slices) {
      // An arrow ends at this slice, within a handler.
      if (slice.name === 'saw') continue;
      if (slice.name === 'violation') {
        const { subject, intid } = slice;
        const kind = VIOLATIONS[slice.which] ?? 'violation';
        events.moment(1 + index, `violation: ${kind}`, slice.from, { source: subject, intid });
        continue;
      }
      const { name, args } = shownAs(slice, plan);
      events.slice(1 + index, name, slice.from, slice.to, args);
    }
  }
  const { unmatched, pending } = drawArrows(events, tracks);
  events.counter('pending', pending);
  events.counter(
    'parked',
    tracks.flatMap(({ slices }) =>
      slices.flatMap(({ name, from, to }) => (name === 'parked' ? [[from, to] as const] : [])),
    ),
  );
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

/**
 * The tracks from the moment on that all rings reach back to: the ring of a device may have overwritten the signal of an
 * older handler. After a violation, up to the moment in which the first ring had come to its end. A slice that is left out
 * counts as dropped.
 */
function equallyFar(tracks: readonly Track[]): Track[] {
  const since = Math.max(
    Number.NEGATIVE_INFINITY,
    ...tracks.flatMap(({ slices, dropped }) => (dropped > 0 && slices[0] ? [slices[0].to] : [])),
  );
  const until = Math.min(
    Number.POSITIVE_INFINITY,
    ...tracks.flatMap(({ slices, ended }) => (ended ? [slices.at(-1)?.to ?? 0] : [])),
  );
  return tracks.map((track) => {
    const slices = track.slices.filter(({ name, from, to }) =>
      name === 'violation' ? true : to >= since && from <= until,
    );
    return { ...track, slices, dropped: track.dropped + track.slices.length - slices.length };
  });
}

/** The settings of a run that its trace names. */
type TracedConfig = Pick<StressResult['config'], 'seed' | 'dispatch' | 'churn' | 'abi' | 'fault' | 'source'>;

/** The slices that the file leaves out, in a sentence. */
export function traceNote(all: readonly Track[], { slices }: Pick<Plan, 'slices'>): string {
  const tracks = equallyFar(all);
  const kept = tracks.reduce((sum, track) => sum + track.slices.length, 0);
  const short = tracks.filter(({ dropped }) => dropped > 0);
  if (short.length === 0) return `trace: all ${count(kept)} slices`;
  const dropped = short.map((track) => `${nameOf(track.role)} ${count(track.dropped)}`);
  return `trace: the last ${count(kept)} slices, as far back as all threads reach, at most ${count(slices)} a thread; dropped before them: ${dropped.join(', ')}`;
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

type Drawn = {
  readonly unmatched: number;
  readonly pending: readonly (readonly [from: number, to: number])[];
};

/** A handler's view of a source: the source, and the number of the source's signals so far. */
type Sight = { readonly track: number; readonly slice: Slice };

/**
 * Draws an arrow for each handler that was the first to see a signal, from the last signal that the handler saw. Returns the
 * number of arrows without a signal left in the rings; and the span in which each interrupt was pending: from the first
 * signal that its handler saw until the handler began.
 */
function drawArrows(events: TraceEvents, tracks: readonly Track[]): Drawn {
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
  const pending: (readonly [from: number, to: number])[] = [];
  for (const { track, slice } of sights) {
    const { subject, which } = slice;
    const before = seen.get(subject) ?? Math.max(0, which - 1);
    // A handler may run for a signal that an earlier handler has seen begin already.
    if (((which - before) | 0) <= 0) continue;
    seen.set(subject, which);
    const signal = signals.get(`${subject}/${which}`);
    const first = signals.get(`${subject}/${(before + 1) >>> 0}`) ?? signal;
    if (first && first.slice.from < slice.from) pending.push([first.slice.from, slice.from]);
    if (!signal) unmatched++;
    // A level may have been raised when its handler was running already.
    else events.arrow([signal.track, signal.slice.from], [track, Math.max(slice.from, signal.slice.from)]);
  }
  return { unmatched, pending };
}
