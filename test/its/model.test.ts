import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ItsCommand } from '../../src/arch/its-command.ts';
import { gits } from '../../src/arch/registers.ts';
import type { VectorAction } from '../../src/conformance/vectors/vector-step.ts';
import { writeVector } from '../../src/conformance/vectors/vector-writer.ts';
import { Board, COLLECTION_TABLE, DEVICE_TABLE, ITT, NO_VCPU, QUEUE } from './board.ts';
import { PlainModel } from './plain-model.ts';

const VCPUS = 3;
const VALID = 1n << 63n;

type Op =
  | { readonly op: 'command'; readonly command: ItsCommand }
  | { readonly op: 'inject'; readonly deviceId: number; readonly eventId: number }
  | { readonly op: 'lpis'; readonly vcpu: number; readonly on: boolean }
  | { readonly op: 'enable'; readonly on: boolean }
  | { readonly op: 'config'; readonly lpi: number; readonly value: number }
  | { readonly op: 'migrate' };

// Few numbers, so that commands meet: and a few just past what there is.
const deviceId = fc.constantFrom(1, 1, 2, 2, 3, 8192);
const eventId = fc.constantFrom(0, 0, 1, 1, 2, 3, 4);
const collectionId = fc.constantFrom(0, 1, 2, 8192);
const rdbase = fc.nat({ max: VCPUS });
const lpi = fc.constantFrom(8191, 8192, 8193, 8194, 8195, 65_536);
const event = { deviceId, eventId };

const command: fc.Arbitrary<ItsCommand> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      name: fc.constant('MAPD' as const),
      deviceId,
      size: fc.constantFrom(0, 1, 16),
      ittAddr: fc.constant(0),
      valid: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ name: fc.constant('MAPC' as const), collectionId, rdbase, valid: fc.boolean() }),
  },
  { weight: 8, arbitrary: fc.record({ name: fc.constant('MAPTI' as const), ...event, lpi, collectionId }) },
  {
    weight: 5,
    arbitrary: fc.record({
      name: fc.constantFrom('MAPI' as const, 'MOVI' as const, 'MOVI' as const),
      ...event,
      collectionId,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      name: fc.constantFrom('INT' as const, 'CLEAR' as const, 'DISCARD' as const, 'INV' as const),
      ...event,
    }),
  },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('INVALL' as const), collectionId }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('SYNC' as const), rdbase }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('MOVALL' as const), rdbase, rdbase2: rdbase }) },
);

const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ op: fc.constant('command' as const), command }) },
  { weight: 8, arbitrary: fc.record({ op: fc.constant('inject' as const), ...event }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('lpis' as const),
      vcpu: fc.nat({ max: VCPUS - 1 }),
      on: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('enable' as const), on: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('config' as const), lpi, value: fc.nat({ max: 255 }) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('migrate' as const) }) },
);

/** Every sequence starts from a guest that has something mapped: else most commands would only fail. */
const START: readonly ItsCommand[] = [
  { name: 'MAPC', collectionId: 0, rdbase: 0, valid: true },
  { name: 'MAPC', collectionId: 1, rdbase: 1, valid: true },
  { name: 'MAPD', deviceId: 1, size: 1, ittAddr: 0, valid: true },
  { name: 'MAPD', deviceId: 2, size: 1, ittAddr: 0, valid: true },
  { name: 'MAPTI', deviceId: 1, eventId: 0, lpi: 8192, collectionId: 0 },
  { name: 'MAPTI', deviceId: 2, eventId: 1, lpi: 8193, collectionId: 1 },
];

/** Puts the ITT where save and restore find it, whatever number the device has. */
const placed = (given: ItsCommand): ItsCommand =>
  given.name === 'MAPD' ? { ...given, ittAddr: ITT + (given.deviceId & 0xff) * 0x1000 } : given;

/** Saves, resets and restores, as a migration on the spot. */
function migrate({ its }: Board): void {
  expect(its.saveTables()).toBeUndefined();
  const enabled = its.enabled;
  its.reset();
  its.write(gits.CBASER, 8, VALID | BigInt(QUEUE) | 15n);
  its.write(gits.BASER0, 8, VALID | BigInt(DEVICE_TABLE));
  its.write(gits.BASER1, 8, VALID | BigInt(COLLECTION_TABLE));
  expect(its.restoreTables()).toBeUndefined();
  if (enabled) its.write(gits.CTLR, 4, 1n);
}

/** The events that are in the translation cache. */
function cached({ its, readers }: Board): string[] {
  readers.enter(0);
  const hits = its.mappings().filter((event) => its.lookup(event.deviceId, event.eventId) === event.lpi);
  readers.leave(0);
  return hits.map((event) => `${event.deviceId}:${event.eventId}`).sort();
}

/** Does `op` to both, and compares what can be seen of them. */
function step(board: Board, model: PlainModel, done: Op): void {
  switch (done.op) {
    case 'command':
      if (!model.enabled) return; // it would wait in the queue: test/its/queue.test.ts
      // A guest hands over an ITT of zeros; what lies in it otherwise would be restored after a migration.
      if (done.command.name === 'MAPD')
        board.memory.fill(ITT + (done.command.deviceId & 0xff) * 0x1000, 0x1000, 0);
      expect(board.run(placed(done.command))).toEqual([model.command(done.command)].filter(Boolean));
      break;
    case 'inject':
      expect(board.inject(done.deviceId, done.eventId)).toBe(model.inject(done.deviceId, done.eventId));
      break;
    case 'lpis':
      if (done.on) board.lpis.off.delete(done.vcpu);
      else {
        board.lpis.off.add(done.vcpu);
        board.its.invalidate();
      }
      model.setLpis(done.vcpu, done.on);
      break;
    case 'enable':
      board.its.write(gits.CTLR, 4, done.on ? 1n : 0n);
      model.setEnabled(done.on);
      break;
    case 'config':
      board.lpis.config.set(done.lpi, done.value);
      model.config.set(done.lpi, done.value);
      break;
    case 'migrate':
      migrate(board);
      board.tail = 0;
      model.saveAndRestore();
      break;
  }
  expect(board.its.mappings()).toEqual(model.mappings());
  expect(cached(board)).toEqual([...model.cache].sort());
  const real = [...board.lpis.lpis].map(([number, { target, ...rest }]) => ({ number, target, ...rest }));
  const plain = [...model.lpis].map(([number, { target, ...rest }]) => ({
    number,
    target: target ?? NO_VCPU,
    ...rest,
  }));
  const byNumber = (a: { number: number }, b: { number: number }) => a.number - b.number;
  expect(real.sort(byNumber)).toEqual(plain.sort(byNumber));
}

function play(ops: readonly Op[], model = new PlainModel(VCPUS)): void {
  const board = new Board({ vcpus: VCPUS, config: { devices: 8, events: 16, collections: 8 } }).boot();
  for (const done of START) step(board, model, { op: 'command', command: done });
  for (const done of ops) step(board, model, done);
}

/** The sequence as a vector, for `irqloom conform`; what the language has no word for is left out. */
function asVector(ops: readonly Op[]): string {
  const action = (done: Op): VectorAction[] => {
    switch (done.op) {
      case 'command':
        return [{ op: 'cmd', command: placed(done.command) }, { op: 'lpi-pending-all' }];
      case 'inject':
        return [{ op: 'msi', deviceId: done.deviceId, eventId: done.eventId }, { op: 'lpi-pending-all' }];
      case 'lpis': {
        const place = { frame: 'GICR', cpu: done.vcpu, offset: 0 } as const;
        return [{ op: 'write', bits: 32, place, value: done.on ? 1n : 0n }];
      }
      case 'enable':
        return [{ op: 'write', bits: 32, place: { frame: 'ITS', offset: 0 }, value: done.on ? 1n : 0n }];
      case 'config':
        return [
          { op: 'lpi-config', lpi: done.lpi, enabled: (done.value & 1) === 1, priority: done.value & 0xfc },
        ];
      case 'migrate':
        return [];
    }
  };
  const setup: VectorAction[] = [
    { op: 'setup-dist' },
    { op: 'setup-lpis', idBits: 16, cpus: [0, 1, 2] },
    { op: 'setup-its', queuePages: 16 },
  ];
  const start = START.map((done): Op => ({ op: 'command', command: done }));
  const steps = [...setup, ...[...start, ...ops].flatMap(action)].map((done) => ({ action: done }));
  return writeVector(steps, { title: 'found by the property test of the ITS', cpus: VCPUS });
}

/** Plays `ops`; what fails says so as a vector. */
function playOrTell(ops: readonly Op[], model?: PlainModel): void {
  try {
    play(ops, model);
  } catch (error) {
    throw new Error(`the ITS and the plain model differ after:\n${asVector(ops)}`, { cause: error });
  }
}

describe('the ITS and the plain model', () => {
  test('agree after every step of any sequence', () => {
    fc.assert(
      fc.property(fc.array(op, { minLength: 5, maxLength: 60, size: 'max' }), (ops) => playOrTell(ops)),
      { numRuns: 400, seed: 20_150_618 },
    );
  });

  test('agree after sequences never tried before', () => {
    fc.assert(
      fc.property(fc.array(op, { minLength: 5, maxLength: 60, size: 'max' }), (ops) => playOrTell(ops)),
      { numRuns: 100 },
    );
  });

  // Companions: a model with one thing wrong must be found out, and the failure must come as a short vector.
  const wrong: Record<string, (model: PlainModel) => void> = {
    'MOVI leaves the cache alone': (model) => {
      const right = model.command.bind(model);
      model.command = (given) => {
        const cached = [...model.cache];
        const outcome = right(given);
        if (given.name === 'MOVI') for (const key of cached) model.cache.add(key);
        return outcome;
      };
    },
    'MAPTI replaces a mapping': (model) => {
      const right = model.command.bind(model);
      model.command = (given) => {
        if (given.name === 'MAPTI') right({ ...given, name: 'DISCARD' });
        return right(given);
      };
    },
    'MAPC V=1 finds old events again': (model) => {
      const right = model.command.bind(model);
      model.command = (given) => {
        if (given.name !== 'MAPC' || given.valid) return right(given);
        const collection = model.collections.get(given.collectionId);
        if (collection) collection.target = undefined;
        model.cache.clear();
        return undefined;
      };
    },
  };

  test.each(Object.entries(wrong))('disagree if in the model %s', (_, spoil) => {
    const spoiled = () => {
      const model = new PlainModel(VCPUS);
      spoil(model);
      return model;
    };
    const result = fc.check(
      fc.property(fc.array(op, { minLength: 1, maxLength: 60, size: 'max' }), (ops) =>
        playOrTell(ops, spoiled()),
      ),
      { numRuns: 400, seed: 1 },
    );
    expect(result.failed).toBe(true);
    expect(result.counterexample?.[0].length).toBeLessThanOrEqual(5);
    expect(String(result.errorInstance)).toContain('setup-its queue=16\ncmd MAPC');
  });
});
