import { IrqError } from '../../base/irq-error.ts';
import { atOnce, type Pieces } from '../../base/turns.ts';
import type { Machine } from '../../board/machine.ts';
import { migrate } from '../../board/migration.ts';
import { peek } from '../../memory/word.ts';
import { type GuestTrace, lineOfEvent } from '../trace/guest-trace.ts';
import { loadReplay, PIECE } from './replay.ts';
import type { TraceReplayResult } from './replay-result.ts';
import { type Difference, emptyTally, type ReplayTally, SHOWN_DIFFERENCES } from './replay-tally.ts';
import { Replayer } from './replayer.ts';

/**
 * Replays a recorded guest event by event, and moves its machine after each of the given numbers of events: saves
 * pending LPIs and the ITS, copies everything into a new buffer, and restores it there. The guest's reads and
 * acknowledges must not differ, and the end must equal that of a machine that was not moved.
 * @throws IrqError `ERR_USAGE` for a place outside the recording
 */
export function replayMoved(trace: GuestTrace, movedAt: readonly number[]): TraceReplayResult {
  return atOnce(movedPieces(trace, movedAt));
}

/**
 * The same in pieces, which yield the events that were replayed, twice those of the recording in all. Where it is stopped, the ends
 * are not compared. @throws IrqError as {@link replayMoved}
 */
export function* movedPieces(trace: GuestTrace, movedAt: readonly number[]): Pieces<TraceReplayResult> {
  const stayed = loadReplay(trace);
  const { packed } = stayed;
  const places = [...new Set(movedAt)].sort((a, b) => a - b);
  for (const place of places) {
    if (place <= packed.count) continue;
    throw new IrqError(
      'ERR_USAGE',
      `the recording has ${packed.count} events: it cannot be moved after ${place}`,
    );
  }
  let isStopped = false;
  let done = 0;
  let end = 0;
  function* run(replayer: Replayer, tally: ReplayTally, from: number, to: number) {
    for (let at = from; at < to && !isStopped; at += PIECE) {
      end = Math.min(at + PIECE, to);
      replayer.run(tally, at, end);
      done += end - at;
      isStopped = yield done;
    }
  }
  yield* run(new Replayer(stayed.machine, packed), emptyTally(), 0, packed.count);

  let { machine } = loadReplay(trace);
  let replayer = new Replayer(machine, packed);
  const tally = emptyTally();
  const start = performance.now();
  let from = 0;
  end = 0;
  for (const place of places) {
    yield* run(replayer, tally, from, place);
    if (isStopped) break;
    from = place;
    machine = migrate(machine);
    replayer = replayer.moveTo(machine);
  }
  yield* run(replayer, tally, from, packed.count);
  const seconds = (performance.now() - start) / 1000;
  const line = lineOfEvent(packed.count - 1);
  const ends = isStopped ? [] : endDifferences(stayed.machine, machine, line);
  const differences = [...tally.differences, ...ends];
  return {
    schemaVersion: 1,
    command: 'replay-guest',
    events: end,
    cpus: trace.header.cpus,
    reads: { checked: tally.reads, differ: tally.readsDiffer },
    acknowledges: { checked: tally.acknowledges, differ: tally.acknowledgesDiffer },
    msis: tally.msis,
    delivered: tally.delivered,
    differences: differences.slice(0, SHOWN_DIFFERENCES),
    seconds,
    eventsPerSecond: end / seconds,
    movedAt: places,
    ...(isStopped ? { interrupted: true as const } : {}),
  };
}

/** The regions that a guest can observe: states of interrupts, registers. */
const STATE = /^(private|spi|lpi|forwarding|gicr|gicd\.routers|vcpu\d+\.icc)$/;

function endDifferences(expected: Machine, got: Machine, line: number): Difference[] {
  const found: Difference[] = [];
  const differ = (place: string, one: string | number, other: string | number) => {
    if (one !== other) found.push({ line, what: 'end', place, expected: one, got: other });
  };
  for (const [name, region] of expected.layout.regions()) {
    if (!STATE.test(name)) continue;
    for (let at = region.at; at < region.at + region.words; at++) {
      const [one, other] = [peek(expected.words, at), peek(got.words, at)];
      if (one !== other) differ(expected.layout.nameOf(at), one, other);
    }
  }
  differ(
    'the mappings of the ITS',
    JSON.stringify(expected.its.mappings()),
    JSON.stringify(got.its.mappings()),
  );
  return found;
}
