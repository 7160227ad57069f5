import { atOnce, type Pieces } from '../../base/turns.ts';
import { Machine } from '../../board/machine.ts';
import { guestMemory } from '../trace/guest-memory.ts';
import type { GuestTrace } from '../trace/guest-trace.ts';
import { type PackedTrace, packTrace } from '../trace/packed-trace.ts';
import { replayConfig } from './replay-config.ts';
import type { TraceReplayResult } from './replay-result.ts';
import { emptyTally } from './replay-tally.ts';
import { Replayer } from './replayer.ts';

/** At least this many passes and this much time in total, ms; never more than the second bounds. */
const LEAST = { passes: 24, ms: 400 } as const;
const MOST = { passes: 64, ms: 3_000 } as const;

/** Events of one piece: a millisecond or two. */
export const PIECE = 8_192;

/** A machine that a recording can be replayed on from its start, and the recording as the replay wants it. */
export function loadReplay(
  trace: GuestTrace,
  otherThreads = 1,
  scenarioWords = 0,
): { machine: Machine; packed: PackedTrace } {
  const machine = Machine.create({ ...replayConfig(trace), otherThreads, scenarioWords });
  for (const { address, value } of guestMemory(trace).presets) machine.memory.setDoubleWord(address, value);
  return { machine, packed: packTrace(trace) };
}

/**
 * Replays a recorded guest, event by event, on the calling thread, and compares every answer with the guest's.
 *
 * Repeats the replay, each time from the machine's reset state, until there is enough to measure: the first pass is
 * mostly Node compiling the code. Every pass is compared. The first pass with a difference ends the replay and is
 * reported; otherwise the counts are those of any pass, and the time is the median.
 */
export function replayTrace(trace: GuestTrace): TraceReplayResult {
  return atOnce(replayPieces(trace));
}

/** The same in pieces, which yield the events that were replayed, of all passes. One that is stopped has no more passes, or only a part of the first. */
export function* replayPieces(trace: GuestTrace): Pieces<TraceReplayResult> {
  const { machine, packed } = loadReplay(trace);
  const reset = machine.words.slice();
  const seconds: number[] = [];
  let tally = emptyTally();
  let total = 0;
  let done = 0;
  let isStopped = false;
  do {
    if (seconds.length > 0) machine.words.set(reset);
    const replayer = new Replayer(machine, packed);
    const pass = emptyTally();
    let took = 0;
    for (let from = 0; from < packed.count && !isStopped; from += PIECE) {
      const start = performance.now();
      replayer.run(pass, from, Math.min(from + PIECE, packed.count));
      took += performance.now() - start;
      done += Math.min(PIECE, packed.count - from);
      isStopped = yield done;
    }
    // A pass that was stopped counts where it is the first, or has found something.
    if (isStopped && seconds.length > 0 && pass.differences.length === 0) break;
    tally = pass;
    seconds.push(took / 1000);
    total += took;
  } while (!isStopped && tally.differences.length === 0 && wantsMore(seconds.length, total));
  const median = seconds.toSorted((a, b) => a - b)[seconds.length >> 1] ?? 0;
  return {
    schemaVersion: 1,
    command: 'replay-guest',
    events: Math.min(done, packed.count),
    cpus: trace.header.cpus,
    reads: { checked: tally.reads, differ: tally.readsDiffer },
    acknowledges: { checked: tally.acknowledges, differ: tally.acknowledgesDiffer },
    msis: tally.msis,
    delivered: tally.delivered,
    differences: tally.differences,
    seconds: median,
    eventsPerSecond: Math.min(done, packed.count) / median,
    passes: seconds.length,
    firstPassSeconds: seconds[0] ?? 0,
    ...(isStopped ? { interrupted: true as const } : {}),
  };
}

function wantsMore(passes: number, ms: number): boolean {
  if (passes >= MOST.passes || ms >= MOST.ms) return false;
  return passes < LEAST.passes || ms < LEAST.ms;
}
