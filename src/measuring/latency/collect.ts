import type { Machine } from '../../board/machine.ts';
import { STAGE, type StageEvent } from '../../measure/event-ring.ts';
import { INTENDED, type LatencyPlan, RETURNED } from './latency-plan.ts';
import type { Delivery, Signal } from './latency-result.ts';
import { keyOf } from './signalling.ts';

export type Block = {
  readonly deliveries: readonly Delivery[];
  /** Signals whose stamps do not fit together, or are lost: not to be counted. Zero in a run that can be believed. */
  readonly unpaired: number;
};

/** What each stage needs to have for a signal to be followed all the way. */
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

/** Reads the rings of all threads that take part, block after block; while a block runs, no thread reads. */
export class Collector {
  readonly #machine: Machine;
  readonly #plan: LatencyPlan;
  readonly #next = new Map<number, number>();
  readonly #threads: readonly number[];
  readonly #sinceStart: number;

  /** @param sinceStart - what is added to the machine's times, ns */
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

  /** What the block that has just ended has left in the rings. */
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
      // All SGIs have one sender, and count for the first device.
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

/** Times by stage, by the interrupt that they are of; in the order of time, because rings of several threads are mixed. */
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

/** The n-th time of each stage, as a row; undefined where the stages do not have equally many. */
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
 * A vCPU that was awake when the interrupt became pending, or was at another one, did not have to be woken: the stretch
 * is empty then. One that looks at the interrupt's word itself may take it before it is told: then it was pending when it
 * was acknowledged, at the latest.
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
