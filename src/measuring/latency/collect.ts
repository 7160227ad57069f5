import type { Machine } from '../../board/machine.ts';
import { STAGE, type StageEvent } from '../../measure/event-ring.ts';
import { INTENDED, type LatencyPlan, RETURNED } from './latency-plan.ts';
import type { Delivery, Signal } from './latency-result.ts';
import { keyOf } from './signalling.ts';

export type Block = {
  readonly deliveries: readonly Delivery[];
  /** Signals without figures, because their stamps are lost or inconsistent. Zero in a valid run. */
  readonly unpaired: number;
};

/** The stages that need a stamp for a signal to be followed all the way. */
const STAGED = [
  STAGE.signal,
  STAGE.routed,
  STAGE.pending,
  STAGE.woken,
  STAGE.acknowledged,
  STAGE.handled,
  STAGE.ended,
  RETURNED,
] as const;
const WHOLE = [STAGE.signal, RETURNED, STAGE.acknowledged] as const;

/** Reads the rings of all measured threads after each block. No thread reads while a block runs. */
export class Collector {
  readonly #machine: Machine;
  readonly #plan: LatencyPlan;
  readonly #next = new Map<number, number>();
  readonly #threads: readonly number[];
  readonly #sinceStart: number;

  /** @param sinceStart - ns from the start of the measurement to the machine's time 0 */
  constructor(machine: Machine, plan: LatencyPlan, sinceStart: number) {
    this.#sinceStart = sinceStart;
    const { vcpus, devices, sender } = plan;
    this.#machine = machine;
    this.#plan = plan;
    this.#threads = [
      0,
      ...Array.from({ length: vcpus }, (_, vcpu) => 1 + vcpu),
      ...(sender < 0 ? [] : [1 + sender]),
      ...Array.from({ length: devices }, (_, device) => machine.otherThread(device)),
    ];
  }

  /** Collects the deliveries of the block that has just ended. */
  collect(source: Signal, staged: boolean): Block {
    const events: StageEvent[] = [];
    let lost = 0;
    for (const thread of this.#threads) {
      const reading = this.#machine.stamps?.ringOf(thread).readFrom(this.#next.get(thread) ?? 0);
      if (!reading) continue;
      this.#next.set(thread, reading.next);
      events.push(...reading.events);
      lost += reading.lost;
    }
    const byKey = groupByKey(events, this.#sinceStart);
    const deliveries: Delivery[] = [];
    let unpaired = lost;
    for (const [line, names] of this.#plan.lines.entries()) {
      // One vCPU sends all SGIs; they count for the first device.
      if (source === 'sgi' && names.device > 0) continue;
      const stages = byKey.get(keyOf(names, source));
      if (!stages) continue;
      const paired = staged ? pairStaged(line, stages) : pairWhole(line, stages);
      if (paired) deliveries.push(...paired);
      else unpaired += stages.get(STAGE.signal)?.length ?? 1;
    }
    deliveries.sort((a, b) => a.due - b.due);
    return { deliveries, unpaired };
  }
}

/** Stamps by interrupt, then by stage; sorted by time, because the rings of several threads are merged. */
function groupByKey(events: readonly StageEvent[], sinceStart: number): Map<number, Map<number, number[]>> {
  const byKey = new Map<number, Map<number, number[]>>();
  for (const { source, kind, ns } of events) {
    const stages = byKey.get(source) ?? new Map<number, number[]>();
    byKey.set(source, stages);
    const times = stages.get(kind) ?? [];
    stages.set(kind, times);
    times.push(ns + sinceStart);
  }
  for (const stages of byKey.values()) for (const times of stages.values()) times.sort((a, b) => a - b);
  return byKey;
}

type Stages = ReadonlyMap<number, readonly number[]>;

/** Row n has the n-th time of each stage; undefined if the stages do not have equally many times. */
function rowsOf(stages: Stages, kinds: readonly number[]): number[][] | undefined {
  const columns = kinds.map((kind) => stages.get(kind) ?? []);
  const length = columns[0]?.length ?? 0;
  if (columns.some((column) => column.length !== length)) return undefined;
  return Array.from({ length }, (_, row) => columns.map((column) => column[row] ?? Number.NaN));
}

function dueOf(stages: Stages, signals: number): readonly number[] | undefined {
  const due = stages.get(INTENDED);
  return due?.length === signals ? due : undefined;
}

function pairWhole(line: number, stages: Stages): Delivery[] | undefined {
  const rows = rowsOf(stages, WHOLE);
  const due = dueOf(stages, rows?.length ?? 0);
  return rows?.map(([signal = 0, returned = 0, acknowledged = 0], row) => ({
    line,
    signal,
    returned,
    due: due?.[row] ?? signal,
    acknowledged,
    ends: [],
  }));
}

/**
 * The stretches of each signal. A vCPU that was awake when the interrupt became pending needed no wake-up: its `woken` stretch is
 * empty. A vCPU may acknowledge the interrupt before the producer has stamped it as pending: then the acknowledge ends the `pending`
 * stretch.
 */
function pairStaged(line: number, stages: Stages): Delivery[] | undefined {
  const rows = rowsOf(stages, STAGED);
  const due = dueOf(stages, rows?.length ?? 0);
  const deliveries: Delivery[] = [];
  for (const [row, times] of (rows ?? []).entries()) {
    const [
      signal = 0,
      routed = 0,
      pending = 0,
      woken = 0,
      acknowledged = 0,
      handled = 0,
      ended = 0,
      returned = 0,
    ] = times;
    const latched = Math.min(pending, acknowledged);
    const ends = [routed, latched, Math.max(latched, woken), acknowledged, handled, ended];
    if (ends.some((end, stretch) => end < (ends[stretch - 1] ?? signal))) return undefined;
    deliveries.push({ line, signal, due: due?.[row] ?? signal, returned, acknowledged, ends });
  }
  return rows && deliveries;
}
