import type { IrqError } from '../../base/irq-error.ts';
import { untilAborted } from '../../base/until-aborted.ts';
import type { Fault } from '../../board/config.ts';
import { Machine } from '../../board/machine.ts';
import { LINE, type Region } from '../../memory/layout.ts';
import { load, store } from '../../memory/word.ts';
import { type Cast, Harness } from '../../threads/harness.ts';
import { silentThreads } from '../../threads/silent.ts';
import { guestMemory } from '../trace/guest-memory.ts';
import { type GuestTrace, lineOfEvent } from '../trace/guest-trace.ts';
import { loadReplay } from './replay.ts';
import { replayConfig } from './replay-config.ts';
import { Planner } from './replay-plan.ts';
import type { ThreadedRun, TraceReplayResult } from './replay-result.ts';
import { type Difference, SHOWN_DIFFERENCES } from './replay-tally.ts';
import { ACTION, DONE, KEPT_EXTRAS, type ReplayScript, scriptPlaces, scriptWords } from './script.ts';
import { scriptDeviceProgram } from './script-device.ts';
import { scriptGuestProgram } from './script-guest.ts';

export type ThreadedOptions = {
  /** Seed of the first run; later runs count up. */
  readonly seed: number;
  readonly runs: number;
  /** An injected fault of the machine, to show that the replay notices. */
  readonly fault?: Fault;
  /** The replay is abandoned after this long without progress, ms. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
  /** Called while a run goes on, with its number, from 1; several times a second. */
  readonly each?: (run: number) => void;
};

const PATIENCE_MS = 5_000;
/** Interval of checks for progress; and time for threads to end when the replay is abandoned, ms. */
const LOOK_MS = 20;
const LAST_WAIT_MS = 5_000;

/**
 * Replays a recorded guest on real threads: each vCPU's part in its worker, messages and wires from device threads, in
 * any order that the recording's causes allow. Every interrupt must be delivered as often, and to the same vCPU, as in
 * the recording. Runs several times, with consecutive seeds.
 * @throws IrqError `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`
 */
export async function replayThreaded(
  trace: GuestTrace,
  options: ThreadedOptions,
): Promise<TraceReplayResult> {
  const { seed, runs, signal } = options;
  const { machine, packed } = loadReplay(trace);
  const { script, tally, leftOut } = new Planner(machine, trace, packed).plan();
  const results: ThreadedRun[] = [];
  if (tally.differences.length === 0) {
    for (let run = 0; run < runs && !signal?.aborted; run++) {
      const own = { ...script, seed: (seed + run) | 0 };
      const result = await runOnce(trace, own, options, () => options.each?.(run + 1));
      // The run under way when Ctrl-C came has no verdict.
      if (result !== undefined) results.push(result);
    }
  }
  const worst = results.find(({ differences }) => differences.length > 0) ?? results[0];
  const seconds = results.map((result) => result.seconds).toSorted((a, b) => a - b)[results.length >> 1] ?? 0;
  return {
    schemaVersion: 1,
    command: 'replay-guest',
    events: packed.count,
    cpus: trace.header.cpus,
    reads: worst?.reads ?? { checked: tally.reads, differ: tally.readsDiffer },
    acknowledges: worst?.acknowledges ?? { checked: tally.acknowledges, differ: tally.acknowledgesDiffer },
    msis: tally.msis,
    delivered: worst?.delivered ?? tally.delivered,
    differences: worst?.differences ?? tally.differences,
    seconds,
    eventsPerSecond: seconds > 0 ? packed.count / seconds : 0,
    threads: { vcpus: script.vcpus, devices: script.devices, leftOut },
    runs: results,
    ...(signal?.aborted ? { interrupted: true as const } : {}),
  };
}

async function runOnce(
  trace: GuestTrace,
  script: ReplayScript,
  { fault = 'none', patienceMs = PATIENCE_MS, signal }: ThreadedOptions,
  each: () => void,
): Promise<ThreadedRun | undefined> {
  const machine = Machine.create({
    ...replayConfig(trace),
    fault,
    otherThreads: script.devices,
    scenarioWords: scriptWords(script),
  });
  for (const { address, value } of guestMemory(trace).presets) machine.memory.setDoubleWord(address, value);
  const { at, bells } = scriptPlaces(machine, script);
  store(machine.words, at.remaining.at, script.items);
  const harness = await Harness.boot(machine, castOf(script), undefined, signal);
  const stop = () => {
    store(machine.words, at.abort.at, 1);
    for (const bell of bells) bell.signal();
    // A vCPU may keep taking an interrupt that it should not get.
    harness.kickAll();
  };
  const watch = new Watch(
    () => load(machine.words, at.remaining.at),
    patienceMs,
    stop,
    () =>
      silentThreads(
        `no thread got on for ${patienceMs + LAST_WAIT_MS} ms, ${LAST_WAIT_MS} ms of these after all were told to end`,
        harness.threads,
      ),
    each,
  );
  try {
    if (signal?.aborted) return undefined;
    const start = performance.now();
    const devices = [...harness.programs.values()].map((thread) => thread.run());
    await untilAborted(Promise.race([Promise.all([harness.runVcpus(), ...devices]), watch.silence]), signal);
    if (signal?.aborted) return undefined;
    return resultOf(machine, script, (performance.now() - start) / 1000);
  } finally {
    watch.stop();
    stop();
    await (signal?.aborted ? harness.destroy() : harness.close());
  }
}

/** Checks for progress, and abandons the replay after a while without any. */
class Watch {
  /** Rejects if threads go on, or sleep on, after the replay was abandoned. */
  readonly silence: Promise<never>;
  readonly #interval: NodeJS.Timeout;

  constructor(
    remaining: () => number,
    patienceMs: number,
    giveUp: () => void,
    silence: () => Promise<IrqError>,
    each: () => void,
  ) {
    let before = remaining();
    let since = performance.now();
    let silent: (error: IrqError) => void = () => undefined;
    this.silence = new Promise((_, reject) => {
      silent = reject;
    });
    this.silence.catch(() => undefined);
    this.#interval = setInterval(() => {
      each();
      const now = remaining();
      const waited = performance.now() - since;
      if (now !== before) {
        before = now;
        since = performance.now();
      } else if (waited > patienceMs + LAST_WAIT_MS) {
        clearInterval(this.#interval);
        void silence().then(silent);
      } else if (waited > patienceMs) giveUp();
    }, LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#interval);
  }
}

function castOf(script: ReplayScript): Cast {
  const devices = Array.from({ length: script.devices }, (_, device) => {
    return [`device${device}`, scriptDeviceProgram({ script, device })] as const;
  });
  return {
    guest: scriptGuestProgram(script),
    programs: Object.fromEntries(devices),
  };
}

function resultOf(machine: Machine, script: ReplayScript, seconds: number): ThreadedRun {
  const { words } = machine;
  const { at } = scriptPlaces(machine, script);
  const sumOf = ({ at }: Region) =>
    Array.from({ length: script.vcpus }, (_, vcpu) => load(words, at + vcpu * LINE)).reduce(
      (a, b) => a + b,
      0,
    );
  const isDone = (item: number) => load(words, at.done.at + item) === DONE;
  const differences: Difference[] = [];
  const reads = { checked: 0, differ: 0 };
  const acknowledges = { checked: 0, differ: 0 };
  /** By vCPU and INTID: deliveries expected, deliveries missing, and the line of the first missing one. */
  const deliveries = new Map<string, { expected: number; missing: number; line: number }>();
  for (let item = 0; item < script.items; item++) {
    const line = lineOfEvent(script.row[item] ?? 0);
    if (script.action[item] === ACTION.acknowledge) {
      const key = `vcpu${script.thread[item]} INTID ${script.a[item]}`;
      const entry = deliveries.get(key) ?? { expected: 0, missing: 0, line };
      if (!isDone(item)) {
        if (entry.missing === 0) entry.line = line;
        entry.missing++;
        acknowledges.differ++;
      }
      entry.expected++;
      acknowledges.checked++;
      deliveries.set(key, entry);
    } else if (script.action[item] === ACTION.read && isDone(item) && !isVolatile(machine, script, item)) {
      reads.checked++;
      const got = gotBy(words, at.got.at + 2 * item);
      const expected = script.value[item] ?? 0n;
      if (got === expected) continue;
      reads.differ++;
      const place = `0x${(script.address[item] ?? 0).toString(16)} (${script.a[item]} bytes)`;
      differences.push({ line, what: 'read', place, expected: hex(expected), got: hex(got) });
    }
  }
  const extras = load(words, at.extras.at);
  for (let index = 0; index < Math.min(extras, KEPT_EXTRAS); index++) {
    const word = (field: number) => load(words, at.extras.at + LINE + 2 * index + field);
    const key = `vcpu${word(0)} INTID ${word(1)}`;
    const entry = deliveries.get(key) ?? { expected: 0, missing: 0, line: 0 };
    entry.missing--;
    deliveries.set(key, entry);
  }
  for (const [place, { expected, missing, line }] of deliveries) {
    if (missing !== 0)
      differences.push({ line, what: 'deliveries', place, expected, got: expected - missing });
  }
  const missing = acknowledges.differ;
  acknowledges.differ += extras;
  return {
    seed: script.seed,
    seconds,
    reads,
    acknowledges,
    delivered: acknowledges.checked - missing + extras,
    extras,
    apart: sumOf(at.apart),
    reordered: sumOf(at.reordered),
    undone: load(words, at.remaining.at),
    differences: differences.sort((a, b) => a.line - b.line).slice(0, SHOWN_DIFFERENCES),
  };
}

/** Whether a register shows momentary pending or active state: its value does not follow from causes. */
function isVolatile(machine: Machine, script: ReplayScript, item: number): boolean {
  const { gicdBase, gicrBase } = machine.config;
  const address = script.address[item] ?? 0;
  const offset = address >= gicrBase ? (address - gicrBase) % 0x2_0000 : address - gicdBase;
  const inFrame = address >= gicrBase ? offset - 0x1_0000 : offset;
  return inFrame >= 0x200 && inFrame < 0x400;
}

function gotBy(words: Machine['words'], at: number): bigint {
  return (BigInt(load(words, at + 1) >>> 0) << 32n) | BigInt(load(words, at) >>> 0);
}

const hex = (value: bigint) => `0x${value.toString(16)}`;
