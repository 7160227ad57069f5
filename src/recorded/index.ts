/**
 * Recorded guests: a file of everything that a real guest asked its interrupt controller, with the answers.
 *
 * `trace/` reads such a file and works out the guest's setup. `replay/` repeats every event and compares every answer:
 * event by event (`replayTrace`), with the machine moved on the way (`replayMoved`), on real threads
 * (`replayThreaded`). `recordedWorkload` gives the guest's devices to the load generator.
 */
export { movedPieces } from './replay/moved-replay.ts';
export { replayPieces } from './replay/replay.ts';
export { isFaithful, type TraceReplayResult } from './replay/replay-result.ts';
export { replayThreaded } from './replay/threaded-replay.ts';
export { isGuestRecording, readGuestTrace } from './trace/guest-trace.ts';
export { recordedWorkload, shapeOf } from './workload.ts';
