import fc from 'fast-check';
import type { ItsCommand } from '../../../src/arch/its-command.ts';
import type {
  Bits,
  Mark,
  VectorAction,
  VectorCommand,
} from '../../../src/conformance/vectors/vector-step.ts';

/** The machine of the arbitrary vectors. */
export const CPUS = 4;
export const MACHINE = { cpus: CPUS, itses: 2, vms: 2 } as const;

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const bit = fc.constantFrom<0 | 1>(0, 1);
const cpu = fc.integer({ min: 0, max: CPUS - 1 });
const rdbase = fc.integer({ min: 0, max: 2 ** 36 - 1 });
const bits = fc.constantFrom<Bits>(8, 16, 32, 64);
const intid = fc.integer({ min: 0, max: 0xff_ffff });

const ofEvent = { deviceId: u32, eventId: u32 };
const name = <const Name extends ItsCommand['name']>(...names: Name[]) => fc.constantFrom(...names);

const command: fc.Arbitrary<VectorCommand> = fc.oneof(
  fc.record({
    name: name('MAPD'),
    deviceId: u32,
    size: fc.integer({ min: 0, max: 31 }),
    ittAddr: fc.integer({ min: 0, max: 2 ** 44 - 1 }).map((page) => page * 256),
    valid: fc.boolean(),
  }),
  fc.record({ name: name('MAPC'), collectionId: u16, rdbase, valid: fc.boolean() }),
  fc.record({ name: name('MAPTI'), ...ofEvent, lpi: u32, collectionId: u16 }),
  fc.record({ name: name('MAPI', 'MOVI'), ...ofEvent, collectionId: u16 }),
  fc.record({ name: name('INT', 'CLEAR', 'DISCARD', 'INV'), ...ofEvent }),
  fc.record({ name: name('INVALL'), collectionId: u16 }),
  fc.record({ name: name('SYNC'), rdbase }),
  fc.record({ name: name('MOVALL'), rdbase, rdbase2: rdbase }),
  fc.record({ name: fc.constant('RAW' as const), words: fc.tuple(u64, u64, u64, u64) }),
);

const offset = (frameBytes: number) => fc.integer({ min: 0, max: frameBytes - 8 });
const place = fc.oneof(
  fc.record({ frame: fc.constant('GICD' as const), offset: offset(0x1_0000) }),
  fc.record({ frame: fc.constant('ITS' as const), offset: offset(0x2_0000) }),
  // A GICR place is written as GICRn or SGIn, which end where their frame does.
  fc.record({
    frame: fc.constant('GICR' as const),
    cpu,
    offset: fc.oneof(offset(0x1_0000), offset(0x2_0000)),
  }),
  fc.record({ frame: fc.constant('RAM' as const), offset: offset(0x800_0000) }),
);

const address = fc.integer({ min: 0x4000_0000, max: 0x47f0_0000 });
const verb = <const Verb extends string>(...verbs: Verb[]) => fc.constantFrom(...verbs);
const op = <const Op extends VectorAction['op']>(...ops: Op[]) => fc.constantFrom(...ops);

/** Any step of the language. */
export const action: fc.Arbitrary<VectorAction> = fc.oneof(
  fc.record({ op: op('read'), bits, place }),
  bits.chain((width) =>
    fc.record({
      op: op('write'),
      bits: fc.constant(width),
      place,
      value: u64.map((value) => BigInt.asUintN(width, value)),
    }),
  ),
  fc.record({ op: op('fill'), address, bytes: u16, value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ op: op('mem64'), address, value: u64 }),
  fc.record({ op: op('setup-dist', 'kick', 'lpi-pending-all', 'carry-ram') }),
  fc.record({ op: op('vm', 'its'), number: bit }),
  fc.record({
    op: op('carry'),
    device: fc.constantFrom('vgic' as const, 'its' as const),
    group: u16,
    attr: u64,
  }),
  fc.record({
    op: op('setup-lpis'),
    idBits: fc.integer({ min: 1, max: 32 }),
    cpus: fc.array(cpu, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ op: op('setup-its'), queuePages: fc.integer({ min: 1, max: 256 }) }),
  fc.record({ op: op('zero-itt'), deviceId: u32 }),
  fc.record({ op: op('cmd'), command }),
  fc.record({ op: op('queue'), command, times: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ op: op('msi'), deviceId: u32, eventId: u32 }),
  fc.record({
    op: op('line'),
    wire: fc.oneof(
      fc.record({ spi: fc.integer({ min: 32, max: 1019 }) }),
      fc.record({ ppi: fc.integer({ min: 16, max: 31 }), cpu }),
    ),
    level: bit,
  }),
  fc.record({
    op: op('lpi-config'),
    lpi: fc.integer({ min: 8192, max: 73_727 }),
    enabled: fc.boolean(),
    priority: fc.integer({ min: 0, max: 255 }),
  }),
  fc.record({ op: op('lpi-pending'), lpi: u32, cpu }),
  fc.record({ op: op('cpu'), cpu, verb: verb('on', 'off', 'hppi', 'ack', 'irq', 'rpr', 'pmr?') }),
  fc.record({ op: op('cpu'), cpu, verb: verb('pmr'), value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ op: op('cpu'), cpu, verb: verb('eoimode'), mode: bit }),
  fc.record({ op: op('cpu'), cpu, verb: verb('eoi', 'dir'), intid }),
  fc.record({ op: op('cpu'), cpu, verb: verb('drain', 'take'), most: fc.integer({ min: 1, max: 5 }) }),
  fc.record({
    op: op('cpu'),
    cpu,
    verb: verb('sgi'),
    intid: fc.integer({ min: 0, max: 15 }),
    to: fc.oneof(
      fc.constant('others' as const),
      fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 1, maxLength: 4 }),
    ),
  }),
);

/** A mark whose reason is words, and whose answer may have braces and quotes in it. */
export const mark: fc.Arbitrary<Mark> = fc
  .record({
    who: fc.constantFrom('kvm', 'arch', 'gem5'),
    answer: fc.option(
      fc.dictionary(
        fc.constantFrom('value', 'intid', 'pending'),
        // A blank followed by # begins a comment, wherever it stands.
        fc.oneof(
          fc.integer(),
          fc.string().filter((text) => !/\s#/.test(text)),
          fc.constant([[0, 8192]]),
        ),
      ),
      { nil: undefined },
    ),
    why: fc.array(fc.stringMatching(/^[a-zA-Z0-9.,'"{}=()-]+$/), { minLength: 1, maxLength: 4 }),
  })
  .map(({ who, answer, why }) => ({ who, ...(answer ? { answer } : {}), why: why.join(' ') }));
