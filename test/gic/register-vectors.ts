/**
 * Sequences of register accesses, signals and acknowledges as conformance vectors, and what the plain model answers to
 * them: so that a sequence on which machine and model differ is a file for `irqloom conform`.
 */
import fc from 'fast-check';
import { answersTo } from '../../src/conformance/conform.ts';
import {
  compareAnswers,
  formatAnswer,
  type Profile,
  type VectorAnswer,
} from '../../src/conformance/vectors/vector-answers.ts';
import { parseVector } from '../../src/conformance/vectors/vector-language.ts';
import type { RegisterPlace } from '../../src/conformance/vectors/vector-registers.ts';
import {
  type Bits,
  observes,
  type Vector,
  type VectorAction,
} from '../../src/conformance/vectors/vector-step.ts';
import { writeVector } from '../../src/conformance/vectors/vector-writer.ts';
import { freeNowAndThen } from '../collected.ts';
import { ModelMachine } from './model-machine.ts';
import { PlainGic } from './plain-model.ts';

/** The plain model has none. */
const NO_LIST_REGISTERS = 0;
const CPUS = 2;
const SPIS = [32, 33, 34, 63, 64];
const PRIVATES = [0, 1, 16, 20];
const LPIS = [8192, 8193, 8200];
const DEVICE = 1;
const SGI_FRAME = 0x1_0000;

const cpu = fc.nat({ max: CPUS - 1 });
const spi = fc.constantFrom(...SPIS);
const eventId = fc.nat({ max: LPIS.length - 1 });
const priority = fc.constantFrom(0x00, 0x10, 0x60, 0x80, 0x88, 0xa0, 0xf0);
const wired = fc.oneof(
  spi.map((intid) => ({ cpu: 0, intid })),
  fc.record({ cpu, intid: fc.constantFrom(...PRIVATES) }),
);

/** The register at `base` of an interrupt: of the distributor, or of a redistributor's SGI frame. */
function placeOf(cpu: number, intid: number, base: number, offset: number): RegisterPlace {
  return intid < 32
    ? { frame: 'GICR', cpu, offset: SGI_FRAME + base + offset }
    : { frame: 'GICD', offset: base + offset };
}

const write = (place: RegisterPlace, bits: Bits, value: bigint): VectorAction => ({
  op: 'write',
  bits,
  place,
  value,
});

/** What is done at a time: mostly one step. */
type Deed = readonly VectorAction[];

const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({ wired, base: fc.constantFrom(0x100, 0x180, 0x200, 0x280, 0x300, 0x380) })
      .map(({ wired: { cpu, intid }, base }) => [
        write(placeOf(cpu, intid, base, 4 * (intid >>> 5)), 32, 1n << BigInt(intid & 31)),
      ]),
  },
  {
    weight: 3,
    arbitrary: fc.oneof(
      fc
        .record({ wired, one: fc.boolean() })
        .map(({ wired: { cpu, intid }, one }) => [
          write(placeOf(cpu, intid, 0x80, 4 * (intid >>> 5)), 32, one ? 0xffff_ffffn : 0n),
        ]),
      fc
        .record({ wired, priority })
        .map(({ wired: { cpu, intid }, priority }) => [
          write(placeOf(cpu, intid, 0x400, intid), 8, BigInt(priority)),
        ]),
      fc
        .record({ spi, edge: fc.boolean() })
        .map(({ spi, edge }) => [
          write({ frame: 'GICD', offset: 0xc00 + 4 * (spi >>> 4) }, 32, edge ? 0xaaaa_aaaan : 0n),
        ]),
      fc
        .record({ spi, target: fc.constantFrom(0, 1, 9) })
        .map(({ spi, target }) => [write({ frame: 'GICD', offset: 0x6000 + 8 * spi }, 64, BigInt(target))]),
      fc.constantFrom(0n, 1n, 2n, 3n).map((enables) => [write({ frame: 'GICD', offset: 0 }, 32, enables)]),
    ),
  },
  {
    weight: 8,
    arbitrary: fc.oneof(
      fc
        .record({ spi, level: fc.constantFrom<0 | 1>(0, 1) })
        .map(({ spi, level }): Deed => [{ op: 'line', wire: { spi }, level }]),
      fc
        .record({ ppi: fc.constantFrom(16, 20), cpu, level: fc.constantFrom<0 | 1>(0, 1) })
        .map(({ ppi, cpu, level }): Deed => [{ op: 'line', wire: { ppi, cpu }, level }]),
      fc
        .record({
          cpu,
          intid: fc.constantFrom(0, 1),
          to: fc.constantFrom([0], [1], [0, 1], 'others' as const),
        })
        .map(({ cpu, intid, to }): Deed => [{ op: 'cpu', cpu, verb: 'sgi', intid, to }]),
      eventId.map((eventId): Deed => [{ op: 'msi', deviceId: DEVICE, eventId }]),
      fc
        .record({ eventId, name: fc.constantFrom('CLEAR' as const, 'INT' as const) })
        .map(({ eventId, name }): Deed => [{ op: 'cmd', command: { name, deviceId: DEVICE, eventId } }]),
      fc.record({ eventId, cpu }).map(({ eventId, cpu: collectionId }): Deed => {
        return [{ op: 'cmd', command: { name: 'MOVI', deviceId: DEVICE, eventId, collectionId } }];
      }),
      fc.record({ eventId, enabled: fc.boolean(), priority }).map(
        ({ eventId, enabled, priority }): Deed => [
          { op: 'lpi-config', lpi: LPIS[eventId] ?? 0, enabled, priority },
          { op: 'cmd', command: { name: 'INV', deviceId: DEVICE, eventId } },
        ],
      ),
    ),
  },
  {
    weight: 8,
    arbitrary: fc.oneof(
      cpu.map((cpu): Deed => [{ op: 'cpu', cpu, verb: 'ack' }]),
      fc
        .record({
          cpu,
          verb: fc.constantFrom('eoi' as const, 'eoi' as const, 'dir' as const),
          intid: fc.constantFrom(...SPIS, ...PRIVATES, ...LPIS),
        })
        .map(({ cpu, verb, intid }): Deed => [{ op: 'cpu', cpu, verb, intid }]),
      fc
        .record({ cpu, value: fc.constantFrom(0, 0x60, 0x88, 0xf0, 0xff) })
        .map(({ cpu, value }): Deed => [{ op: 'cpu', cpu, verb: 'pmr', value }]),
      fc
        .record({ cpu, mode: fc.constantFrom<0 | 1>(0, 1) })
        .map(({ cpu, mode }): Deed => [{ op: 'cpu', cpu, verb: 'eoimode', mode }]),
      fc
        .record({ cpu, verb: fc.constantFrom('on' as const, 'off' as const) })
        .map(({ cpu, verb }): Deed => [{ op: 'cpu', cpu, verb }]),
    ),
  },
);

/** A sequence; after some of the deeds everything that can be seen is looked at, and after the last one always. */
export const sequence: fc.Arbitrary<readonly (readonly [Deed, boolean])[]> = fc.array(
  fc.tuple(deed, fc.boolean()),
  { minLength: 1, maxLength: 40, size: 'max' },
);

const SETUP: readonly VectorAction[] = [
  { op: 'setup-dist' },
  { op: 'setup-lpis', idBits: 16, cpus: [0, 1] },
  { op: 'setup-its', queuePages: 16 },
  ...[0, 1].map((cpu): VectorAction => ({ op: 'cpu', cpu, verb: 'on' })),
  ...[0, 1].map(
    (cpu): VectorAction => ({
      op: 'cmd',
      command: { name: 'MAPC', collectionId: cpu, rdbase: cpu, valid: true },
    }),
  ),
  // Enabled from the start: else most of what is drawn would reach no vCPU.
  ...[
    ...SPIS.map((intid) => ({ cpu: 0, intid })),
    ...PRIVATES.flatMap((intid) => [0, 1].map((cpu) => ({ cpu, intid }))),
  ].map(({ cpu, intid }) =>
    write(placeOf(cpu, intid, 0x100, 4 * (intid >>> 5)), 32, 1n << BigInt(intid & 31)),
  ),
  { op: 'cmd', command: { name: 'MAPD', deviceId: DEVICE, size: 2, ittAddr: 0x4150_0000, valid: true } },
  ...LPIS.flatMap((lpi, eventId): VectorAction[] => [
    { op: 'lpi-config', lpi, enabled: true, priority: 0xa0 },
    { op: 'cmd', command: { name: 'MAPTI', deviceId: DEVICE, eventId, lpi, collectionId: 0 } },
  ]),
];

/** Everything that can be seen of the interrupts. */
const LOOK: readonly VectorAction[] = [0, 1].flatMap((cpu): VectorAction[] => [
  ...(['hppi', 'irq', 'rpr'] as const).map((verb): VectorAction => ({ op: 'cpu', cpu, verb })),
  ...[0x100, 0x200, 0x300].map(
    (offset): VectorAction => ({
      op: 'read',
      bits: 32,
      place: { frame: 'GICR', cpu, offset: SGI_FRAME + offset },
    }),
  ),
  ...[0x104, 0x108, 0x204, 0x208, 0x304, 0x308].flatMap((offset): VectorAction[] =>
    cpu === 0 ? [{ op: 'read', bits: 32, place: { frame: 'GICD', offset } }] : [],
  ),
  ...LPIS.map((lpi): VectorAction => ({ op: 'lpi-pending', lpi, cpu })),
]);

/** A sequence as two files: the vector, and the model's answers to it. */
export type RegisterCase = {
  readonly vector: Vector;
  readonly text: string;
  readonly answers: VectorAnswer[];
};

/** Writes a sequence down as a vector, and has a new model answer it. */
export function caseOf(
  deeds: readonly (readonly [Deed, boolean])[],
  profile: 'kvm' | 'qemu',
  Model: typeof PlainGic = PlainGic,
): RegisterCase {
  const actions = deeds.flatMap(([deed, looks], index) =>
    looks || index === deeds.length - 1 ? [...deed, ...LOOK] : deed,
  );
  const title = 'found by the property test of the registers';
  const text = writeVector(
    [...SETUP, ...actions].map((action) => ({ action })),
    { title, cpus: CPUS },
  );
  const vector = parseVector(text, 'found.vec');
  const model = new Model(profile === 'kvm', CPUS, SPIS, LPIS);
  for (const irq of model.all()) irq.group = 1;
  model.forwards = profile === 'kvm' ? [true, true] : [false, true];
  for (const cpu of model.cpus) cpu.lpis = true;
  const machine = new ModelMachine(model, LPIS);
  const answers: VectorAnswer[] = [];
  for (const { line, text: step, action } of vector.steps) {
    const [op = '', ...words] = step.split(/\s+/);
    const fields = machine.step(action, words);
    if (observes(action)) answers.push({ i: answers.length, line, op, fields: fields ?? {}, marks: [] });
  }
  return { vector, text, answers };
}

/** Fails where the machine of a profile and the model differ: with both files, for `irqloom conform`. */
export function compareOrTell({ vector, text, answers }: RegisterCase, profile: Profile): void {
  freeNowAndThen();
  const { differences } = compareAnswers(answersTo(vector, profile, NO_LIST_REGISTERS), answers, profile);
  const [first] = differences;
  if (!first) return;
  const { line, expected, got } = first;
  throw new Error(
    [
      `line ${line}: the model answers ${JSON.stringify(expected)}, the machine ${JSON.stringify(got)}.`,
      `To run it again: irqloom conform --profile ${profile} found.vec`,
      '--- found.vec',
      text.trimEnd(),
      '--- found.expected.jsonl',
      ...answers.map(formatAnswer),
      '---',
    ].join('\n'),
  );
}

/** The two files in the message of {@link compareOrTell}. */
export function filesIn(message: string): { readonly vector: string; readonly expected: string } {
  const [, vector = '', expected = ''] =
    /^--- found\.vec\n(.*?)^--- found\.expected\.jsonl\n(.*?)^---$/ms.exec(message) ?? [];
  return { vector, expected };
}
