import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { IrqError } from '../../src/base/irq-error.ts';
import { buildStress, keepMoment, momentOf, type Plan } from '../../src/stress/index.ts';

const { machine, plan } = buildStress({
  input: { vcpus: 2, devices: 2, events: 3 },
  spis: 4,
  lines: 'resample',
  seconds: 1,
  iterations: 0,
  churn: 'none',
  dispatch: 'main',
  seed: 5,
  fault: 'none',
});
const MOMENT = keepMoment({ machine, plan, command: 'npx irqloom stress' });

/** The moment with another text in place of its plan. */
function withPlan(json: string): Uint8Array {
  const bytes = gunzipSync(MOMENT);
  const at = bytes.indexOf('{"command"');
  const length = bytes.readUInt32LE(at - 4);
  const head = Buffer.from(bytes.subarray(0, at));
  head.writeUInt32LE(Buffer.byteLength(json), at - 4);
  return gzipSync(Buffer.concat([head, Buffer.from(json), bytes.subarray(at + length)]), { level: 1 });
}

const changed = (change: object) => withPlan(JSON.stringify({ command: 'x', plan: { ...plan, ...change } }));

const withSource = (change: object) =>
  changed({ sources: [{ ...plan.sources[0], ...change }, ...plan.sources.slice(1)] });

function refusal(bytes: Uint8Array): string {
  try {
    momentOf(bytes, 'FILE');
  } catch (error) {
    if (error instanceof IrqError && error.code === 'ERR_SNAPSHOT') return error.message;
    throw error;
  }
  throw new Error('the bytes were taken for a moment');
}

describe('a kept moment', () => {
  test('a kept moment gives the machine, the plan and the command back', () => {
    const read = momentOf(MOMENT, 'FILE');
    expect(read.command).toBe('npx irqloom stress');
    expect(read.plan).toEqual(plan);
    expect(read.machine.config).toEqual(machine.config);
  });

  test('a file that is no moment is refused: empty, cut off, another file, a damaged machine', () => {
    const bytes = gunzipSync(MOMENT);
    expect(refusal(new Uint8Array())).toContain('FILE');
    expect(refusal(MOMENT.subarray(0, MOMENT.length - 9))).toContain('cannot be unpacked');
    expect(refusal(gzipSync('{"format":"gicv3-guest-trace/1"}'))).toContain('mark of a kept moment');
    expect(refusal(gzipSync(bytes.subarray(0, 19)))).toContain('mark of a kept moment');
    expect(refusal(gzipSync(bytes.subarray(0, bytes.length - 4)))).toContain('cut off');
    bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
    expect(refusal(gzipSync(bytes))).toContain('damaged');
  });

  test('a moment whose plan claims more bytes than the file has is refused', () => {
    const bytes = gunzipSync(MOMENT);
    bytes.writeUInt32LE(0xffff_ffff, bytes.indexOf('{"command"') - 4);
    expect(refusal(gzipSync(bytes))).toContain('4294967295 bytes');
  });

  test.each([
    ['no JSON', '{', 'not JSON'],
    ['no object', '7', 'not a JSON object'],
    ['no command', JSON.stringify({ plan }), 'command'],
    ['no plan', JSON.stringify({ command: 'x' }), 'its devices'],
  ])('is refused where the plan is %s', (_, json, expected) => {
    expect(refusal(withPlan(json))).toContain(expected);
  });

  test.each([
    ['device', 2],
    ['device', -1],
    ['vcpu', 2],
    ['fd', plan.sources.length + 100],
    ['resamplefd', -2],
    ['intid', 31],
    ['intid', 2 ** 16],
    ['intid', 4000],
    ['intid', 8192.5],
    ['gsi', 2 ** 31],
    ['kind', '__proto__'],
    ['eventId', null],
  ])('is refused where the %s of a source is %s', (field, value) => {
    expect(refusal(withSource({ [field]: value }))).toContain(`its ${field}`);
  });

  test.each<[keyof Plan, unknown]>([
    ['vcpus', 3],
    ['devices', 4000],
    ['slices', 2 ** 20],
    ['slices', 3],
    ['sources', 'none'],
    ['sources', Array.from({ length: 100_000 }, () => plan.sources[0])],
    ['spareLpis', { first: 0, end: 2 ** 30 }],
    ['collections', [2 ** 20]],
    ['churn', 'most'],
  ])('is refused where the %s of its plan are of the wrong number or kind', (field, value) => {
    expect(refusal(changed({ [field]: value }))).toContain(
      field === 'collections' ? 'collections[0]' : field,
    );
  });

  test('a moment whose plan lays out other words than the machine has is refused', () => {
    expect(refusal(changed({ sources: plan.sources.slice(1) }))).toContain('number of words');
  });
});
