import type { VcpuId } from '../arch/intid.ts';
import type { Delivery, Measured, Path } from '../measuring/index.ts';
import { intidOf, pathName } from '../measuring/latency/latency-result.ts';
import { TraceEvents, type TraceFile } from './trace-events.ts';

const MAIN = 1;

/**
 * Some of the signals of each path as a trace: a track for each thread, nested slices in the track, and an arrow from each
 * signal to its handler, by way of the main thread where the main thread dispatched the signal.
 */
export function latencyTrace(
  plan: Measured,
  paths: readonly Path[],
  deliveries: ReadonlyArray<readonly Delivery[]>,
): TraceFile {
  const vcpuTrack = (vcpu: VcpuId) => MAIN + 1 + vcpu;
  const deviceTrack = (device: number) => MAIN + 1 + plan.vcpus + (plan.sender < 0 ? 0 : 1) + device;
  const traced = paths.map((path, index) => ({ path, followed: deliveries[index] ?? [] }));
  const first = traced
    .flatMap(({ followed }) => followed)
    .reduce((least, { signal }) => Math.min(least, signal), Number.POSITIVE_INFINITY);
  const events = new TraceEvents(first);
  events.track(MAIN, 'main thread');
  for (let vcpu: VcpuId = 0; vcpu < plan.vcpus; vcpu++) events.track(vcpuTrack(vcpu), `vCPU ${vcpu}`);
  if (plan.sender >= 0) events.track(vcpuTrack(plan.sender), `vCPU ${plan.sender}, sends SGIs`);
  for (let device = 0; device < plan.devices; device++) events.track(deviceTrack(device), `device ${device}`);

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
      const intid = intidOf(names, path.source);
      const inline = path.dispatch === 'inline';
      const called = inline ? Math.max(pending, delivery.returned) : delivery.returned;
      events.slice(from, `signal: ${path.source}`, delivery.signal, called, { path: pathName(path), intid });
      if (inline) {
        events.slice(from, 'route', delivery.signal, routed);
        events.slice(from, 'set pending', routed, pending);
        events.arrow([from, delivery.signal], [to, acknowledged]);
      } else {
        events.slice(MAIN, `dispatch: ${path.source}`, routed, pending, { intid });
        events.arrow([from, delivery.signal], [MAIN, routed], [to, acknowledged]);
      }
      // One that became pending while the vCPU was at another is taken when that has ended.
      const begin = Math.max(woken, freeFrom.get(to) ?? 0);
      freeFrom.set(to, ended);
      events.slice(to, `interrupt ${intid}`, begin, ended, { path: pathName(path), device: names.device });
      events.slice(to, 'acknowledge', begin, acknowledged);
      events.slice(to, 'handler', acknowledged, handled);
      events.slice(to, 'EOI', handled, ended);
    }
  }
  events.counter(
    'pending',
    traced.flatMap(({ followed }) =>
      followed.map(({ signal, acknowledged }) => [signal, acknowledged] as const),
    ),
  );
  return events.file({ command: 'irqloom latency', paths: paths.map(pathName), arrows: events.arrows });
}
