import { describe, expect, test } from 'vitest';
import type { TraceEntry } from '../../src/explore/index.ts';
import { shortSite, traceColumns } from '../../src/report/explore-columns.ts';

const site = `${process.cwd()}/src/vcpu.ts:41:7`;

function step(
  thread: string,
  op: TraceEntry['op'],
  value: TraceEntry['value'],
  result: TraceEntry['result'],
  more: Partial<TraceEntry> = {},
): TraceEntry {
  return { thread, op, target: 'vcpu0.pending[2]', value, result, site, ...more };
}

const line = (entry: TraceEntry): string => traceColumns([entry.thread], [entry])[0] ?? '';

describe('a line', () => {
  test('a line names thread, operation, word, the value before, and the place', () => {
    expect(line(step('vcpu0', 'or', 4, 0))).toBe(
      '1   vcpu0  or     vcpu0.pending[2]  |= 0x4  (was 0x0)  src/vcpu.ts:41',
    );
  });

  test.each([
    ['load', null, 3, '= 3'],
    ['store', -1, -1, ':= -1'],
    ['add', 2, 5, '+= 2  (was 5)'],
    ['sub', '2n', '5n', '-= 2n  (was 5n)'],
    ['and', -2, -1, '&= 0xfffffffe  (was 0xffffffff)'],
    ['xor', '1n', '-1n', '^= 0x1n  (was 0xffffffffffffffffn)'],
    ['exchange', 1, 0, ':= 1  (was 0)'],
    ['compareExchange', [0, 1], 0, '0 → 1'],
    ['compareExchange', [0, 1], 2, '0 → 1 failed  (is 2)'],
    ['compareExchange', [-1, 1], 4294967295, '-1 → 1'],
    ['wait', 0, 'ok', 'while 0  (ok)'],
    ['wait', [0, 20], 'timed-out', 'while 0, 20 ms  (timed-out)'],
    ['wait', 0, null, 'while 0  (sleeps for good)'],
    ['notify', null, 2, 'all  (woke 2)'],
    ['notify', 1, 0, 'at most 1  (woke 0)'],
    ['timeout', null, 'timed-out', 'time is up'],
  ] as const)('%s of %j that gave %j', (op, value, result, expected) => {
    expect(line(step('t', op, value, result))).toContain(`vcpu0.pending[2]  ${expected}  src/`);
  });

  test('a line marks a step before which another thread was stopped', () => {
    expect(line(step('t', 'load', null, 1, { preempted: true }))).toMatch(/^1 ▶ t /);
    expect(line(step('t', 'load', null, 1))).toMatch(/^1 {3}t /);
  });

  test('a line names the caller of a small function', () => {
    const callers = [`${process.cwd()}/src/vcpu.ts:90:3`];
    expect(line(step('t', 'load', null, 1, { callers }))).toMatch(/src\/vcpu\.ts:41 ← :90$/);
    expect(line(step('t', 'load', null, 1, { callers: [`${process.cwd()}/src/other.ts:9:3`] }))).toMatch(
      /src\/vcpu\.ts:41 ← src\/other\.ts:9$/,
    );
  });
});

describe('columns', () => {
  const a = step('a', 'load', null, 1);
  const b = step('b', 'store', 2, 2);

  test('columns are one for each thread', () => {
    const [first, second] = traceColumns(['a', 'b'], [a, b]);
    expect(first?.indexOf('a  load')).toBe(4);
    expect(second?.indexOf('b  store')).toBeGreaterThan((first ?? '').indexOf('= 1'));
  });

  test('columns become an indent where they would be too wide', () => {
    const threads = Array.from({ length: 9 }, (_, i) => `t${i}`);
    const lines = traceColumns(
      threads,
      threads.map((name) => step(name, 'add', 1, 0)),
    );
    expect(Math.max(...lines.map((each) => each.length))).toBeLessThan(130);
    expect(lines[8]?.indexOf('t8')).toBe(4 + 8 * 4);
  });

  test('columns fold repeated steps, and no other', () => {
    const spin = [step('a', 'load', null, 0), step('a', 'load', null, 0, { target: 'x' })];
    const lines = traceColumns(['a'], [a, ...spin, ...spin, ...spin, ...spin, b], 7);
    expect(lines).toHaveLength(5);
    expect(lines[3]).toBe('     … those 2 steps 3 more times (10–15)');
    expect(lines[4]).toMatch(/^16 /);
    expect(traceColumns(['a'], [a, a, b])).toHaveLength(3);
    expect(
      traceColumns(
        ['a'],
        Array.from({ length: 40 }, () => a),
      ),
    ).toHaveLength(2);
  });
});

test('a site is short: relative to here, or by its last folders', () => {
  expect(shortSite(site)).toBe('src/vcpu.ts:41');
  expect(shortSite('/elsewhere/far/away/lib/file.mjs:3:1')).toBe('away/lib/file.mjs:3');
  expect(shortSite('')).toBe('');
});
