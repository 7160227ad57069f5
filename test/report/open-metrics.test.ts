import { describe, expect, test } from 'vitest';
import { LATENCY } from '../../src/measure/buckets.ts';
import { Distribution } from '../../src/measure/distribution.ts';
import { openMetrics } from '../../src/report/open-metrics.ts';
import { watchLines } from '../../src/report/stress-watch.ts';
import { CHURN_COUNTS, type StressDetail } from '../../src/stress/stress-result.ts';

const NO_CHURN = Object.fromEntries(CHURN_COUNTS.map((name) => [name, 0])) as StressDetail['churn'];

function detailOf(delivered: readonly number[]): StressDetail {
  return {
    vcpus: delivered.map((n) => {
      const latency = new Distribution(LATENCY);
      if (n > 0) latency.record(1_000_000, n);
      return { delivered: n, halts: n / 10, pollHits: 1, latency, devices: [{ delivered: n, latency }] };
    }),
    devices: [{ injected: 500, delivered: 300 }],
    churn: { ...NO_CHURN, moves: 7 },
    stillPhases: 3,
    violations: { lost: 0, misrouted: 2, spurious: 0, stranded: 0 },
  } as StressDetail;
}

/** Checks the rules of the text format that irqloom uses: undefined, or the first fault. */
function faultOf(text: string): string | undefined {
  if (!text.endsWith('# EOF\n')) return 'it does not end with # EOF';
  let family: { name: string; type: string } | undefined;
  const closed = new Set<string>();
  for (const line of text.split('\n').slice(0, -2)) {
    const [, kind, name = '', rest = ''] = /^# (TYPE|UNIT|HELP) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'TYPE') {
      if (family) closed.add(family.name);
      if (closed.has(name)) return `family ${name} is split`;
      family = { name, type: rest };
    } else if (kind === 'UNIT') {
      if (!name.endsWith(`_${rest}`)) return `${name} does not end with its unit`;
    } else if (kind === undefined) {
      const [, sample = '', labels = '', value = ''] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (!family || !sample.startsWith(family.name)) return `${line}: not of its family`;
      if (family.type === 'counter' && sample !== `${family.name}_total`) return `${sample}: no _total`;
      if (labels !== '' && !/^([a-z]+="[^"\\]*")(,[a-z]+="[^"\\]*")*$/.test(labels)) return `${line}: labels`;
      if (!Number.isFinite(Number(value))) return `${line}: value`;
    }
  }
  return undefined;
}

describe('OpenMetrics text', () => {
  const text = openMetrics({ seconds: 2.5, detail: detailOf([100, 0]) });

  test('OpenMetrics text is well formed, and a malformed text is found faulty', () => {
    expect(faultOf(text)).toBeUndefined();
    expect(faultOf(text.replace('# EOF\n', ''))).toBeDefined();
    expect(faultOf(text.replace('irqloom_vcpu_halts_total', 'irqloom_vcpu_halts'))).toBeDefined();
    expect(faultOf(text.replace('vcpu="0"', 'vcpu=0'))).toBeDefined();
    expect(faultOf(`# TYPE irqloom_changes counter\n${text}`)).toBeDefined();
  });

  test('OpenMetrics text has the counts of each vCPU and device, and latencies in seconds', () => {
    expect(text).toContain('irqloom_stress_run_seconds 2.5\n');
    expect(text).toContain('irqloom_interrupts_delivered_total{vcpu="0"} 100\n');
    expect(text).toContain('irqloom_signals_injected_total{device="device0"} 500\n');
    expect(text).toContain('irqloom_violations_total{kind="misrouted"} 2\n');
    expect(text).toMatch(/irqloom_latency_seconds\{vcpu="0",quantile="0.99"\} 0.00100/);
    expect(text).toContain('irqloom_latency_seconds_count{vcpu="1"} 0\n');
    // Nothing is known of the latencies of a vCPU that took nothing.
    expect(text).not.toContain('vcpu="1",quantile');
  });
});

describe('the live view', () => {
  test('the live view shows the rates since the moment before', () => {
    const before = { seconds: 1, detail: detailOf([100, 50]) };
    const now = { seconds: 3, detail: detailOf([300, 50]) };
    const lines = watchLines(now, before, [
      [50, 100],
      [50, 0],
    ]);
    expect(lines[0]).toContain('delivered 100 /s');
    expect(lines[0]).toContain('violations 2');
    expect(lines[2]).toMatch(/^ +0 +100 \/s +1.00 ms +1.00 ms .*▅█$/);
    expect(lines[3]).toMatch(/^ +1 +0.00 \/s +– +– .*▅▁$/);
  });

  test('the live view sums up the lines that do not fit', () => {
    const lines = watchLines(
      { seconds: 1, detail: detailOf(Array.from({ length: 20 }, () => 1)) },
      undefined,
      [],
    );
    expect(lines).toHaveLength(2 + 16 + 1);
    expect(lines.at(-1)).toBe('and 4 more');
  });
});
