import { Machine } from '../../board/machine.ts';
import { guestMemory } from '../trace/guest-memory.ts';
import type { GuestTrace } from '../trace/guest-trace.ts';
import { type PackedTrace, packTrace } from '../trace/packed-trace.ts';
import { replayConfig } from './replay-config.ts';
import type { ReplayResult } from './replay-result.ts';
import { emptyTally, type ReplayTally } from './replay-tally.ts';
import { Replayer } from './replayer.ts';

/** At least this many passes and this much time in total, ms; never more than the second bounds. */
const LEAST = { passes: 24, ms: 400 } as const;
const MOST = { passes: 64, ms: 3_000 } as const;

/** Makes a machine for a replay from the start, and packs the recording. */
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
export function replayGuest(trace: GuestTrace): ReplayResult {
  const { machine, packed } = loadReplay(trace);
  const reset = machine.words.slice();
  const seconds: number[] = [];
  let tally: ReplayTally;
  let total = 0;
  do {
    if (seconds.length > 0) machine.words.set(reset);
    const replayer = new Replayer(machine, packed);
    tally = emptyTally();
    const start = performance.now();
    replayer.run(tally, 0, packed.count);
    const took = performance.now() - start;
    seconds.push(took / 1000);
    total += took;
  } while (tally.differences.length === 0 && wantsMore(seconds.length, total));
  const median = seconds.toSorted((a, b) => a - b)[seconds.length >> 1] ?? 0;
  return {
    schemaVersion: 1,
    command: 'replay-guest',
    events: packed.count,
    cpus: trace.header.cpus,
    reads: { checked: tally.reads, differ: tally.readsDiffer },
    acknowledges: { checked: tally.acknowledges, differ: tally.acknowledgesDiffer },
    msis: tally.msis,
    delivered: tally.delivered,
    differences: tally.differences,
    seconds: median,
    eventsPerSecond: packed.count / median,
    passes: seconds.length,
    firstPassSeconds: seconds[0] ?? 0,
  };
}

function wantsMore(passes: number, ms: number): boolean {
  if (passes >= MOST.passes || ms >= MOST.ms) return false;
  return passes < LEAST.passes || ms < LEAST.ms;
}
