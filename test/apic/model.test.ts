/** Random sequences on the IOAPIC and the local APICs, against a model that shares no code with them. */
import { describe, expect, test } from 'vitest';
import { msiTarget } from '../../src/apic/message.ts';
import { Chance } from '../../src/base/chance.ts';
import { loadMutated } from '../mutate.ts';
import { type Message, PlainApic } from './plain-model.ts';
import { type ApicModule, LEVEL, MASK, madeApic, REMOTE, readRegister, writeRegister } from './rig.ts';

const VCPUS = 3;
/** Few, so that sources share vectors, classes and destinations; one of a class that nothing outranks, and an illegal one. */
const VECTORS = [0x08, 0x21, 0x2f, 0x31, 0x80, 0xef, 0xff];
const DESTINATIONS = [0, 1, 2, 3, 5, 0x11, 0x12, 0x13, 0xff];
const PINS = [0, 1, 2, 8, 23];

const lowOf = ({ vector, mode, logical, level }: Message, masked: boolean, activeLow: boolean) =>
  vector +
  mode * 0x100 +
  (logical ? 0x800 : 0) +
  (activeLow ? 0x2000 : 0) +
  (level ? LEVEL : 0) +
  (masked ? MASK : 0);

function pick<T>(chance: Chance, values: readonly T[]): T {
  const value = values[chance.below(values.length)];
  if (value === undefined) throw new RangeError('there is nothing to pick');
  return value;
}

function randomMessage(chance: Chance): Message {
  return {
    vector: pick(chance, VECTORS),
    mode: pick(chance, [0, 0, 0, 1, 1, 2, 4]),
    logical: chance.below(2) === 1,
    level: chance.below(2) === 1,
    destination: pick(chance, DESTINATIONS),
    hint: chance.below(4) === 0,
  };
}

/** Runs one sequence; what both say at each step has to be the same. */
function runSequence(seed: number, steps: number, module?: ApicModule): number {
  const chance = new Chance(seed);
  chance.begin(0);
  const { apic, ended } = madeApic(VCPUS, module);
  const plain = new PlainApic(VCPUS);
  for (const local of plain.locals) local.enabled = true;
  let taken = 0;
  for (let step = 0; step < steps; step++) {
    const pin = pick(chance, PINS);
    const vcpu = chance.below(VCPUS);
    const local = apic.cpu(vcpu);
    const plainLocal = plain.locals[vcpu];
    if (!plainLocal) throw new Error('a vCPU has a local APIC');
    const act = chance.below(16);
    const label = `seed ${seed}, step ${step}, act ${act}, pin ${pin}, vCPU ${vcpu}`;
    if (act < 5) {
      const [source, level] = [chance.below(2), chance.below(3) > 0];
      expect(apic.ioapic.drive(pin, level, source), label).toBe(plain.drive(pin, source, level));
    } else if (act < 7) {
      const [message, masked, low] = [randomMessage(chance), chance.below(4) === 0, chance.below(2) === 1];
      const { destination, hint: _, ...half } = message;
      writeRegister(apic, 0x11 + 2 * pin, destination * 2 ** 24);
      plain.program(pin, { destination });
      // With the read-only bits set: they must not be taken over.
      writeRegister(apic, 0x10 + 2 * pin, lowOf(message, masked, low) + chance.below(2) * REMOTE);
      plain.program(pin, { ...half, masked, low });
    } else if (act < 9) {
      const message = randomMessage(chance);
      const address =
        0xfee0_0000 + message.destination * 0x1000 + (message.hint ? 8 : 0) + (message.logical ? 4 : 0);
      const sent = apic.message(msiTarget(address), lowOf({ ...message, logical: false }, false, false));
      expect(sent, label).toBe(plain.send(message));
    } else if (act < 12) {
      const vector = local.acknowledge();
      if (vector >= 0) taken++;
      expect(vector, label).toBe(plain.acknowledge(vcpu));
    } else if (act < 14) {
      expect(apic.endOfInterrupt(vcpu), label).toBe(plain.endOfInterrupt(vcpu));
    } else if (act === 14) {
      const priority = pick(chance, [0, 0, 0x20, 0x80]);
      local.taskPriority = priority;
      plainLocal.taskPriority = priority;
      const logicalId = pick(chance, [1, 2, 4, 0x11, 0x12, 0x21]);
      local.logicalId = logicalId;
      plainLocal.logicalId = logicalId;
      const flat = chance.below(2) === 1;
      local.flat = flat;
      plainLocal.flat = flat;
    } else {
      const enabled = chance.below(3) > 0;
      local.spuriousVector = enabled ? 0x1ff : 0xff;
      plainLocal.enabled = enabled;
      if (chance.below(2) === 1) {
        apic.ioapic.watch(pin);
        plain.watched.add(pin);
      } else {
        apic.ioapic.unwatch(pin);
        plain.watched.delete(pin);
      }
    }
    compare(apic, plain, label);
    expect(ended, label).toEqual(plain.ended);
  }
  return taken;
}

function compare(apic: ReturnType<typeof madeApic>['apic'], plain: PlainApic, label: string): void {
  for (const pin of PINS) {
    const model = plain.pins[pin];
    if (!model) continue;
    const { entry, remoteIrr } = model;
    const low = lowOf(entry, entry.masked, entry.low) + (remoteIrr ? REMOTE : 0);
    expect(readRegister(apic, 0x10 + 2 * pin), `${label}: entry of pin ${pin}`).toBe(low);
    expect(readRegister(apic, 0x11 + 2 * pin), `${label}: destination`).toBe(entry.destination * 2 ** 24);
    const pending = Math.floor(apic.ioapic.pending / 2 ** pin) % 2 === 1;
    expect(pending, `${label}: pending`).toBe(model.up && !model.edgeSent);
  }
  for (const [vcpu, model] of plain.locals.entries()) {
    const local = apic.cpu(vcpu);
    const requested = VECTORS.filter((vector) => local.isRequested(vector));
    expect(requested, `${label}: IRR of vCPU ${vcpu}`).toEqual([...model.requested].sort((a, b) => a - b));
    const inService = VECTORS.filter((vector) => local.isInService(vector));
    expect(inService, `${label}: ISR of vCPU ${vcpu}`).toEqual([...model.inService].sort((a, b) => a - b));
  }
}

describe('an IOAPIC with local APICs', () => {
  test('answers as the plain model does in 150 random sequences of 120 steps', () => {
    let taken = 0;
    for (let seed = 1; seed <= 150; seed++) taken += runSequence(seed, 120);
    expect(taken).toBeGreaterThan(500);
  });

  test.each([
    {
      title: 'one source that lowers the line for all',
      mistake: 'line-joins-sources: follows the last',
    },
    {
      title: 'an edge that forgets that it was delivered',
      mistake: 'sent-edge-is-noted: not noted',
    },
    {
      title: 'read-only bits that can be written',
      mistake: 'read-only-bits-stay: written',
    },
    {
      title: 'a lowest-priority message that always goes to the first vCPU',
      mistake: 'lowest-priority-goes-round: the first only',
    },
    {
      title: 'a task priority that holds nothing back',
      mistake: 'task-priority-holds-back: holds nothing',
    },
    {
      title: 'a cluster that is not looked at',
      mistake: 'cluster-is-compared: any cluster',
    },
  ] as const)('not so with $title', ({ mistake }) => {
    const module = loadMutated<{ apic: ApicModule }>({ apic: 'apic/apic.ts' }, mistake).apic;
    expect(() => {
      for (let seed = 1; seed <= 150; seed++) runSequence(seed, 120, module);
    }).toThrow(/seed \d+, step \d+/);
  });
});
