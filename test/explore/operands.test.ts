/** Odd operands: what the controlled Atomics make of them is judged by the engine's own. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as plain from '../../src/explore/control/plain.ts';
import { explore } from '../../src/explore/index.ts';

const KINDS = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
  DataView,
] as unknown as (new (
  buffer: SharedArrayBuffer,
) => Int32Array)[];

const OPERATIONS = [
  'load',
  'store',
  'add',
  'sub',
  'and',
  'or',
  'xor',
  'exchange',
  'compareExchange',
  'wait',
  'notify',
  'read',
  'write',
] as const;

/** An operand by a recipe, since objects have to be made anew for each side. */
type Operand = { readonly make: (log: string[]) => unknown; readonly name: string };

const constant = (value: unknown): Operand => ({ make: () => value, name: String(value) });
const NUMBERS = [
  0,
  1,
  2,
  3,
  4,
  7,
  8,
  15,
  16,
  -0,
  -1,
  0.5,
  1.5,
  -0.5,
  NaN,
  Infinity,
  -Infinity,
  255,
  256,
  2 ** 31,
];
const OTHERS = [
  2 ** 32 + 1,
  2 ** 53,
  1e300,
  '01',
  '1',
  '1.5',
  'x',
  '',
  true,
  false,
  null,
  undefined,
  0n,
  1n,
  -1n,
];
const OPERANDS: readonly Operand[] = [
  ...[...NUMBERS, ...OTHERS, 2n ** 64n + 5n, '0x2', Symbol('s')].map(constant),
  { make: () => [], name: '[]' },
  { make: () => [1], name: '[1]' },
  { make: () => ({}), name: '{}' },
  ...[0, 1, 2, 9, 1n].map((value, i) => ({
    make: (log: string[]) => ({
      valueOf() {
        log.push(`valueOf ${String(value)}`);
        return value;
      },
    }),
    name: `object ${i}`,
  })),
  {
    make: (log) => ({
      [Symbol.toPrimitive]() {
        log.push('throws');
        throw new RangeError('mine');
      },
    }),
    name: 'an object that throws',
  },
];

type Call = {
  readonly op: (typeof OPERATIONS)[number];
  readonly kind: number;
  readonly index: Operand;
  readonly a: Operand;
  readonly b: Operand;
};

const operand = fc.constantFrom(...OPERANDS);
const inRange = fc.constantFrom(...OPERANDS.slice(0, 2));
const call: fc.Arbitrary<Call> = fc.record({
  op: fc.constantFrom(...OPERATIONS),
  kind: fc.nat(KINDS.length - 1),
  // Half of the calls come past the index.
  index: fc.oneof(operand, inRange),
  a: operand,
  b: operand,
});

/** Does the calls; each as a line of text: conversions in their order, and the result or the error. */
function perform(buffer: SharedArrayBuffer, calls: readonly Call[]): string[] {
  return calls.map(({ op, kind, index, a, b }) => {
    const log: string[] = [];
    const view = new (KINDS[kind] as (typeof KINDS)[number])(buffer);
    const operands = [index, a, b].map(({ make }) => make(log)) as [number, number, number];
    // A wait that sleeps would be over at once.
    if (op === 'wait') operands[2] = 0;
    try {
      if (op === 'read') return `${log.join()} ${String(plain.get(view, operands[0]))}`;
      if (op === 'write') return `${log.join()} ${String(plain.set(view, operands[0], operands[1]))}`;
      const method = Atomics[op] as (...args: unknown[]) => unknown;
      return `${log.join()} ${typeof method(view, ...operands)} ${String(method(view, ...operands))}`;
    } catch (error) {
      // To stop the thread is no error of the call.
      if (!(error instanceof Error)) throw error;
      return `${log.join()} ${error.name}`;
    }
  });
}

describe('operands of every kind', () => {
  test('operands of every kind are converted in the order of ECMAScript, and errors are thrown into the thread', () => {
    const errors = new Set<string>();
    fc.assert(
      fc.property(fc.array(call, { minLength: 1, maxLength: 8 }), (calls) => {
        const native = new SharedArrayBuffer(16);
        const expected = perform(native, calls);
        for (const line of expected) errors.add(/\w*Error$/.exec(line)?.[0] ?? 'none');
        let seen: string[] = [];
        let bytes: number[] = [];
        explore<Uint8Array>(
          {
            setup: () => new Uint8Array(new SharedArrayBuffer(16)),
            threads: {
              only: (state) => {
                seen = perform(state.buffer as SharedArrayBuffer, calls);
              },
            },
            finally: (state) => {
              bytes = [...state];
            },
          },
          { strategy: 'dfs' },
        );
        expect(seen).toEqual(expected);
        expect(bytes).toEqual([...new Uint8Array(native)]);
      }),
      { numRuns: 1500, seed: 20150102 },
    );
    expect([...errors].sort()).toEqual(['RangeError', 'SyntaxError', 'TypeError', 'none']);
  });

  test('the comparison notices an index that is not converted', () => {
    const words = new Int32Array(new SharedArrayBuffer(16));
    expect(Atomics.add(words, '01' as unknown as number, 1)).toBe(0);
    expect([words[0], words[1]]).toEqual([0, 1]);
  });
});
