import { LATENCY } from '../measure/buckets.ts';
import { Distribution } from '../measure/distribution.ts';
import type { StressDetail } from '../stress/index.ts';
import { table } from './table.ts';
import { count, rate, time } from './units.ts';

/** A moment of a run: its length so far, and the counts so far. */
export type WatchedMoment = { readonly seconds: number; readonly detail: StressDetail };

const SPARKS = '▁▂▃▄▅▆▇█';
/** vCPUs that have a line of their own; more are summed up in the last. */
const SHOWN = 16;

/**
 * A live view of a stress run: for each vCPU its rate and latencies since the moment before, and a stroke of its recent
 * rates. Lines without ends.
 * @param history - by vCPU, deliveries a second of the moments before, oldest first
 */
export function watchLines(
  now: WatchedMoment,
  before: WatchedMoment | undefined,
  history: ReadonlyArray<readonly number[]>,
): string[] {
  const seconds = now.seconds - (before?.seconds ?? 0);
  const highest = Math.max(1, ...history.flat());
  const rows = now.detail.vcpus.slice(0, SHOWN).map((vcpu, index) => {
    const last = before?.detail.vcpus[index];
    const recent = vcpu.latency.since(last?.latency ?? new Distribution(LATENCY));
    return [
      String(index),
      rate((vcpu.delivered - (last?.delivered ?? 0)) / seconds),
      time(recent.percentile(50)),
      time(recent.percentile(99)),
      time(recent.max),
      count(vcpu.halts - (last?.halts ?? 0)),
      (history[index] ?? []).map((value) => sparkOf(value / highest)).join(''),
    ];
  });
  const sum = (read: (detail: StressDetail) => number) =>
    read(now.detail) - (before ? read(before.detail) : 0);
  const delivered = sum(({ vcpus }) => vcpus.reduce((total, vcpu) => total + vcpu.delivered, 0));
  const injected = sum(({ devices }) => devices.reduce((total, device) => total + device.injected, 0));
  const violations = Object.values(now.detail.violations).reduce((total, n) => total + n, 0);
  const changes = sum(({ churn }) => Object.values(churn).reduce((total, n) => total + n, 0));
  const hidden = now.detail.vcpus.length - rows.length;
  return [
    `${now.seconds.toFixed(1)} s   injected ${rate(injected / seconds)}   delivered ${rate(delivered / seconds)}   changes ${rate(changes / seconds)}   violations ${count(violations)}`,
    ...table(['vCPU', 'delivered', 'p50', 'p99', 'max', 'halts', 'rate'], rows).split('\n'),
    ...(hidden > 0 ? [`and ${count(hidden)} more`] : []),
  ];
}

function sparkOf(share: number): string {
  return SPARKS[Math.min(SPARKS.length - 1, Math.floor(share * SPARKS.length))] ?? ' ';
}
