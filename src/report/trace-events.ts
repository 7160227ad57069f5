import type { Delivery } from '../scenarios/latency/collect.ts';
import { type LatencyPlan, type Path, pathName } from '../scenarios/latency/plan.ts';
import { keyOf } from '../scenarios/latency/signalling.ts';

/**
 * One event of Chrome's trace-event format, as Perfetto and chrome://tracing read it. Times in µs.
 * @see "Trace Event Format", the document of the Chromium project
 */
export type TraceEvent = {
  readonly name: string;
  /** X: a slice; s, t, f: the beginning, a step and the end of an arrow; M: a name. */
  readonly ph: 'X' | 's' | 't' | 'f' | 'M';
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly id?: number;
  /** `e`: the arrow ends at the slice that it lies in. */
  readonly bp?: 'e';
  readonly args?: Readonly<Record<string, unknown>>;
};

export type TraceFile = { readonly displayTimeUnit: 'ns'; readonly traceEvents: readonly TraceEvent[] };

const PID = 1;
const MAIN = 1;

/**
 * Some of the signals of each path as a trace: a track for each thread, slices in them that nest, and an arrow from each
 * signal to its handler, by way of the main thread where that dispatched.
 */
export function traceFile(
  plan: LatencyPlan,
  paths: readonly Path[],
  deliveries: ReadonlyArray<readonly Delivery[]>,
): TraceFile {
  const vcpuTrack = (vcpu: number) => MAIN + 1 + vcpu;
  const deviceTrack = (device: number) => MAIN + 1 + plan.vcpus + (plan.sender < 0 ? 0 : 1) + device;
  const traced = paths.map((path, index) => ({ path, followed: deliveries[index] ?? [] }));
  const first = Math.min(...traced.flatMap(({ followed }) => followed.map(({ signal }) => signal)));
  const us = (ns: number) => (ns - first) / 1000;
  const events: TraceEvent[] = [];
  let arrows = 0;

  const slice = (tid: number, name: string, from: number, to: number, args?: TraceEvent['args']) =>
    events.push({
      name,
      ph: 'X',
      cat: 'interrupt',
      pid: PID,
      tid,
      ts: us(from),
      dur: us(to) - us(from),
      ...(args ? { args } : {}),
    });
  const arrow = (ph: 's' | 't' | 'f', id: number, tid: number, at: number) =>
    events.push({
      name: 'signal',
      ph,
      cat: 'signal',
      id,
      pid: PID,
      tid,
      ts: us(at),
      ...(ph === 'f' ? { bp: 'e' } : {}),
    });

  for (const { path, followed } of traced) {
    const freeFrom = new Map<number, number>();
    // In the order in which they were taken, which need not be that in which they were signalled.
    for (const delivery of [...followed].sort((a, b) => a.acknowledged - b.acknowledged)) {
      const names = plan.lines[delivery.line];
      const [routed = 0, pending = 0, woken = 0, acknowledged = 0, handled = 0, ended = 0] = delivery.ends;
      if (!names || delivery.ends.length === 0) continue;
      const bySgi = path.source === 'sgi';
      const from = bySgi ? vcpuTrack(plan.sender) : deviceTrack(names.device);
      const to = vcpuTrack(names.vcpu);
      const intid = keyOf(names, path.source) & 0xffff;
      const inline = path.dispatch === 'inline';
      const called = inline ? Math.max(pending, delivery.returned) : delivery.returned;
      slice(from, `signal: ${path.source}`, delivery.signal, called, { path: pathName(path), intid });
      const id = ++arrows;
      arrow('s', id, from, delivery.signal);
      if (inline) {
        slice(from, 'route', delivery.signal, routed);
        slice(from, 'set pending', routed, pending);
      } else {
        slice(MAIN, `dispatch: ${path.source}`, routed, pending, { intid });
        arrow('t', id, MAIN, routed);
      }
      // One that became pending while the vCPU was at another is taken when that has ended.
      const begin = Math.max(woken, freeFrom.get(to) ?? 0);
      freeFrom.set(to, ended);
      slice(to, `interrupt ${intid}`, begin, ended, { path: pathName(path), device: names.device });
      slice(to, 'acknowledge', begin, acknowledged);
      slice(to, 'handler', acknowledged, handled);
      slice(to, 'EOI', handled, ended);
      arrow('f', id, to, acknowledged);
    }
  }
  return { displayTimeUnit: 'ns', traceEvents: [...names(plan, vcpuTrack, deviceTrack), ...events] };
}

function names(
  plan: LatencyPlan,
  vcpuTrack: (vcpu: number) => number,
  deviceTrack: (device: number) => number,
): TraceEvent[] {
  const track = (tid: number, name: string): TraceEvent[] => [
    { name: 'thread_name', ph: 'M', pid: PID, tid, args: { name } },
    { name: 'thread_sort_index', ph: 'M', pid: PID, tid, args: { sort_index: tid } },
  ];
  return [
    { name: 'process_name', ph: 'M', pid: PID, tid: MAIN, args: { name: 'irqloom' } },
    ...track(MAIN, 'main thread'),
    ...Array.from({ length: plan.vcpus }, (_, vcpu) => track(vcpuTrack(vcpu), `vCPU ${vcpu}`)).flat(),
    ...(plan.sender < 0 ? [] : track(vcpuTrack(plan.sender), `vCPU ${plan.sender}, sends SGIs`)),
    ...Array.from({ length: plan.devices }, (_, device) =>
      track(deviceTrack(device), `device ${device}`),
    ).flat(),
  ];
}
