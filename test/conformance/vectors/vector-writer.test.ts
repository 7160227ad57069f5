import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseVector, readVector } from '../../../src/conformance/vectors/vector-language.ts';
import { namePlace, parsePlace } from '../../../src/conformance/vectors/vector-registers.ts';
import { observes } from '../../../src/conformance/vectors/vector-step.ts';
import { formatAction, writeVector } from '../../../src/conformance/vectors/vector-writer.ts';
import { action, MACHINE, mark } from './vector-arbitrary.ts';

const FIXTURES = new URL('../../fixtures/vectors/', import.meta.url).pathname;
/** Those that make calls of userland. */
const CALLS = new URL('../../data/kvm/vectors/', import.meta.url).pathname;
const VECTORS = [
  ...readdirSync(FIXTURES).map((name) => FIXTURES + name),
  ...readdirSync(CALLS).flatMap((name) => (name.startsWith('vm-') ? [CALLS + name] : [])),
].filter((name) => name.endsWith('.vec'));

describe('a written vector', () => {
  test('parses to the same steps and marks', () => {
    const step = fc
      .record({ action, marks: fc.array(mark, { maxLength: 2 }) })
      .map(({ action, marks }) => ({ action, marks: observes(action) ? marks : [] }));
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const text = writeVector(steps, { title: 'found by a property', ...MACHINE });
        const vector = parseVector(text, 'x');
        expect(vector).toMatchObject({ title: 'found by a property', ...MACHINE });
        expect(vector.steps.map(({ action, marks }) => ({ action, marks }))).toEqual(steps);
      }),
      { numRuns: 500 },
    );
  });

  test.each(VECTORS)('for %s', (name) => {
    const vector = readVector(name);
    const again = parseVector(writeVector(vector.steps, vector), name);
    expect(again.steps.map(({ action, marks }) => [action, marks])).toEqual(
      vector.steps.map(({ action, marks }) => [action, marks]),
    );
  });

  test('parses to other steps after a change of one word', () => {
    const steps = [{ action: { op: 'msi', deviceId: 1, eventId: 2 } as const }];
    const text = writeVector(steps).replace('event=2', 'event=3');
    expect(parseVector(text, 'x').steps[0]?.action).not.toEqual(steps[0]?.action);
  });
});

test('steps are written in the words of the specification', () => {
  const gicr = (offset: number) => ({ frame: 'GICR', cpu: 2, offset }) as const;
  expect([
    formatAction({ op: 'read', bits: 32, place: { frame: 'GICD', offset: 0x104 } }),
    formatAction({ op: 'write', bits: 64, place: { frame: 'GICD', offset: 0x6140 }, value: 3n }),
    formatAction({ op: 'read', bits: 32, place: gicr(0x1_0100) }),
    formatAction({ op: 'read', bits: 8, place: { frame: 'ITS', offset: 0x99 } }),
    formatAction({
      op: 'queue',
      times: 3,
      command: { name: 'MAPD', deviceId: 16, size: 4, ittAddr: 0x4154_0000, valid: false },
    }),
    formatAction({ op: 'cpu', cpu: 1, verb: 'sgi', intid: 4, to: [0, 2] }),
  ]).toEqual([
    'r32 GICD.ISENABLER[1]',
    'w64 GICD.IROUTER[40] 0x3',
    'r32 SGI2.ISENABLER0',
    'r8 ITS+0x99',
    'queue*3 MAPD dev=0x10 bits=5 valid=0',
    'cpu 1 sgi 4 to=0,2',
  ]);
});

test('every offset of every frame has a name that parses to that offset', () => {
  for (const [frame, bytes] of [
    ['GICD', 0x1_0000],
    ['ITS', 0x2_0000],
  ] as const) {
    for (let offset = 0; offset < bytes; offset++) {
      const place = { frame, offset };
      const back = parsePlace(namePlace(place), 1, 1);
      if (typeof back === 'string' || back.offset !== offset) expect([place, back]).toEqual('the same');
    }
  }
});
