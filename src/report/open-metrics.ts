import type { StressDetail } from '../stress/index.ts';

/** The counts of a run at a moment. */
export type MetricsSample = { readonly seconds: number; readonly detail: StressDetail };

const QUANTILES = [0.5, 0.9, 0.99, 0.999] as const;

/**
 * A stress run as OpenMetrics text: counters by vCPU and by device, and a summary of the latencies in seconds.
 * @see the OpenMetrics specification, 1.0: a family's samples stand together, counters end in `_total`, `# EOF` ends the text
 */
export function openMetrics({ seconds, detail }: MetricsSample): string {
  const { vcpus, devices, churn, violations } = detail;
  const byVcpu = (read: (vcpu: StressDetail['vcpus'][number]) => number): Sample[] =>
    vcpus.map((vcpu, index) => [{ vcpu: String(index) }, read(vcpu)]);
  const byDevice = (read: (device: StressDetail['devices'][number]) => number): Sample[] =>
    devices.map((device, index) => [{ device: `device${index}` }, read(device)]);
  const byKind = (counts: Readonly<Record<string, number>>): Sample[] =>
    Object.entries(counts).map(([kind, n]) => [{ kind }, n]);
  const lines = [
    ...gauge('irqloom_stress_run_seconds', 'How long the run has lasted.', 'seconds', seconds),
    ...counter(
      'irqloom_interrupts_delivered',
      'Interrupts that a vCPU took.',
      byVcpu((vcpu) => vcpu.delivered),
    ),
    ...counter(
      'irqloom_signals_injected',
      'Signals that a device gave.',
      byDevice((device) => device.injected),
    ),
    ...counter(
      'irqloom_signals_delivered',
      'Deliveries to the handlers of a device.',
      byDevice((device) => device.delivered),
    ),
    ...counter(
      'irqloom_vcpu_halts',
      'Times that a vCPU parked.',
      byVcpu((vcpu) => vcpu.halts),
    ),
    ...counter(
      'irqloom_vcpu_poll_hits',
      'Halts that polling cut short.',
      byVcpu((vcpu) => vcpu.pollHits),
    ),
    ...counter('irqloom_changes', 'Changes of the machine during the run.', byKind(churn)),
    ...counter('irqloom_violations', 'Promises that the machine did not keep.', byKind(violations)),
    ...latency(vcpus),
    '# EOF',
  ];
  return `${lines.join('\n')}\n`;
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

function head(name: string, type: string, help: string, unit?: string): string[] {
  return [`# TYPE ${name} ${type}`, ...(unit ? [`# UNIT ${name} ${unit}`] : []), `# HELP ${name} ${help}`];
}

function gauge(name: string, help: string, unit: string, value: number): string[] {
  return [...head(name, 'gauge', help, unit), line(name, {}, value)];
}

function counter(name: string, help: string, samples: readonly Sample[]): string[] {
  return [
    ...head(name, 'counter', help),
    ...samples.map(([labels, value]) => line(`${name}_total`, labels, value)),
  ];
}

function latency(vcpus: StressDetail['vcpus']): string[] {
  const name = 'irqloom_latency_seconds';
  return [
    ...head(name, 'summary', 'From a signal to its handler.', 'seconds'),
    ...vcpus.flatMap(({ latency: distribution }, index) => {
      const vcpu = String(index);
      const { total } = distribution;
      return [
        ...QUANTILES.filter(() => total > 0).map((quantile) =>
          line(name, { vcpu, quantile: String(quantile) }, distribution.percentile(100 * quantile) / 1e9),
        ),
        line(`${name}_sum`, { vcpu }, total > 0 ? (distribution.mean * total) / 1e9 : 0),
        line(`${name}_count`, { vcpu }, total),
      ];
    }),
  ];
}

function line(name: string, labels: Readonly<Record<string, string>>, value: number): string {
  const written = Object.entries(labels).map(([key, text]) => `${key}="${text}"`);
  return `${name}${written.length > 0 ? `{${written.join(',')}}` : ''} ${value}`;
}
