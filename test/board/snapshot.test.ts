import { describe, expect, test } from 'vitest';
import { gits } from '../../src/arch/registers.ts';
import { IrqError } from '../../src/base/irq-error.ts';
import { DEFAULT_CONFIG } from '../../src/board/config.ts';
import { Machine } from '../../src/board/machine.ts';
import { restoreInto, restoreSnapshot, takeSnapshot } from '../../src/board/snapshot.ts';
import { HALTED, IN_GUEST, OUTSIDE, REQUEST_EXIT } from '../../src/board/vcpu-control.ts';
import { EXISTING_SPIS } from '../../src/gic/interrupt-regions.ts';
import { ItsDriver } from '../../src/guest/its-driver.ts';
import { bootSynthetic, syntheticConfig, syntheticSources } from '../../src/guest/topology.ts';
import { VGIC } from '../../src/kvm/vgic/vgic-state.ts';
import { type Kind, LINE } from '../../src/memory/layout.ts';

const CONFIG = { ...DEFAULT_CONFIG, vcpus: 2, eventfds: 3, events: 64, devices: 16 };
const TIMER = 27;

/** A machine with something in it: a register, an SGI that is pending, bytes of memory. */
function used(): Machine {
  const machine = Machine.create(CONFIG);
  machine.bus.write(CONFIG.gicdBase, 4, 2n);
  machine.gic.cpuInterface(1).priorityMask = 0xf0;
  machine.gic.cpuInterface(1).groupEnable1 = true;
  machine.bus.write(CONFIG.gicrBase + 0x2_0000 + 0x1_0100, 4, 1n << BigInt(TIMER));
  machine.gic.wires.drive(TIMER, true, 1);
  machine.memory.setWord(0x4000_1000, 0x1234);
  return machine;
}

/** The words of a machine but for its clock, and the epochs of its ITSes, which only go forward. */
function contents(machine: Machine): Int32Array {
  const words = machine.words.slice();
  for (const [name, region] of machine.layout.regions())
    if (name === 'clock' || name.endsWith('.epoch')) words.fill(0, region.at, region.at + region.words);
  return words;
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof IrqError && error.code === 'ERR_SNAPSHOT') return error.message;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a snapshot', () => {
  test('is the same machine in another buffer', () => {
    const machine = used();
    const copy = restoreSnapshot(takeSnapshot(machine));
    expect(copy.buffer).not.toBe(machine.buffer);
    expect(copy.config).toEqual(machine.config);
    expect(contents(copy)).toEqual(contents(machine));
    expect(copy.memory.word(0x4000_1000)).toBe(0x1234);
    expect(copy.gic.cpuInterface(1).acknowledge()).toBe(TIMER);
    // The first one knows nothing of that.
    expect(machine.gic.cpuInterface(1).highestPending).toBe(TIMER);
  });

  test('lies anywhere in its bytes, as a file that was read does', () => {
    const bytes = takeSnapshot(used());
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(restoreSnapshot(shifted.subarray(3)).config).toEqual(CONFIG);
  });

  test('lies in the pool of a small Buffer as well, whose slice() copies nothing', () => {
    const bytes = takeSnapshot(used());
    const pooled = Buffer.concat([Buffer.alloc(3), bytes]).subarray(3);
    expect(restoreSnapshot(pooled).config).toEqual(CONFIG);
  });

  test('of a vCPU that sleeps is taken where the caller says so: the copy of the vCPU is outside of its guest', () => {
    const machine = used();
    machine.control(1).mode = HALTED;
    expect(restoreSnapshot(takeSnapshot(machine, 'copy')).control(1).mode).toBe(OUTSIDE);
    machine.control(1).mode = IN_GUEST;
    expect(refusal(() => takeSnapshot(machine, 'copy'))).toContain('vCPU 1');
  });

  test('the clock goes on from the moment of the snapshot', () => {
    const machine = used();
    const before = machine.clock.now();
    const bytes = takeSnapshot(machine);
    const copy = restoreSnapshot(bytes);
    const [mine, its] = [machine.clock.now(), copy.clock.now()];
    expect(its).toBeGreaterThanOrEqual(before);
    expect(its).toBeLessThanOrEqual(mine);
  });

  test('the state of threads is gone: locks, sleepers, readers, requests', () => {
    const machine = used();
    const { words } = machine;
    const ours: string[] = [];
    const mark = (at: number) => {
      words[at] = 1;
      ours.push(machine.layout.nameOf(at));
    };
    for (const [name, region] of machine.layout.regions()) {
      if (/lock$/i.test(name) && name !== 'clock') mark(region.at);
      if (/bell$/.test(name)) mark(region.at + LINE);
      if (/^eventfd\d$/.test(name)) mark(region.at + 2 * LINE);
      if (name === 'readers') for (let at = 1; at < region.words; at += LINE) mark(region.at + at);
      if (name === 'readers') for (let at = LINE; at < region.words; at += LINE) mark(region.at + at);
    }
    machine.control(0).request(REQUEST_EXIT);
    expect(ours.length).toBeGreaterThan(15);
    const copy = restoreSnapshot(takeSnapshot(machine));
    const named = new Map(
      [...copy.layout.regions()].flatMap(([, { at, words: n }]) =>
        Array.from(
          { length: n },
          (_, index) => [copy.layout.nameOf(at + index), copy.words[at + index]] as const,
        ),
      ),
    );
    for (const name of ours) expect([name, named.get(name)]).toEqual([name, 0]);
    expect(copy.control(0).requests).toBe(0);
    // And the copy works: what takes each lock and waits for readers does not wait.
    copy.its.reset();
    copy.vm.setGsiRouting([]);
    copy.bus.write(CONFIG.gicdBase + 0x6100, 8, 1n);
  });

  test.each([
    ['running', IN_GUEST],
    ['asleep', HALTED],
  ])('is not taken while a vCPU is %s', (_, mode) => {
    const machine = used();
    machine.control(1).mode = mode;
    expect(refusal(() => takeSnapshot(machine))).toContain('vCPU 1');
  });
});

describe('a snapshot that is refused', () => {
  const bytes = takeSnapshot(used());

  test.each([
    ['nothing', new Uint8Array(0), /0 bytes/],
    ['something else', new TextEncoder().encode('{"format":"gicv3-guest-trace/1","cpus":2}'), /mark/],
    ['one cut off', bytes.subarray(0, bytes.length - 4), /cut off/],
    ['one cut off within its header', bytes.subarray(0, 10), /header/],
    ['one that has grown', Uint8Array.from([...bytes.subarray(0, 64), ...bytes]), /cut off or grown|damaged/],
  ])('%s', (_, given, why) => {
    expect(refusal(() => restoreSnapshot(given))).toMatch(why);
  });

  test('one with any single bit changed', () => {
    for (let at = 1; at < bytes.length; at = at * 2 + 7) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      expect(refusal(() => restoreSnapshot(damaged))).toMatch(/damaged|mark|version|cut off/);
    }
  });

  test('another version', () => {
    const other = bytes.slice();
    other[4] = 99;
    expect(refusal(() => restoreSnapshot(other))).toContain('99');
  });
});

describe('a snapshot whose counts no machine has, though its checksum is right', () => {
  /** A machine whose region of a kind has its word at `offset` changed, as a file can have. */
  function counting(offset: number, count: number, kind: Kind = VGIC): Machine {
    const machine = used();
    const [region] = machine.layout.ofKind(kind);
    machine.words[(region?.at ?? 0) + offset] = count;
    return machine;
  }

  test.each([
    ['ITSes', 3, 5],
    ['redistributor regions', 4, 17],
    ['redistributor regions', 4, -1],
    ['vCPUs created', LINE, 3],
    ['vCPUs complete', LINE + 1, 2 ** 30],
    ['vCPUs inside KVM_RUN', LINE + 2, -1],
    ['SPIs', 0, CONFIG.spis + 1, EXISTING_SPIS],
    ['SPIs', 0, -1, EXISTING_SPIS],
  ])('%s (word %i): %i', (what, offset, count, kind = VGIC) => {
    const bytes = takeSnapshot(counting(offset, count, kind));
    expect(refusal(() => restoreSnapshot(bytes))).toContain(`${count} ${what}`);
    const machine = used();
    const before = contents(machine);
    expect(refusal(() => restoreInto(machine, bytes))).toContain(`${count} ${what}`);
    expect(contents(machine)).toEqual(before);
  });

  test('a snapshot with the greatest counts that a machine has is taken', () => {
    expect(restoreSnapshot(takeSnapshot(counting(LINE, 2))).config).toEqual(CONFIG);
  });
});

describe('into a machine that is there', () => {
  test('brings it back to where it was', () => {
    const machine = used();
    const bytes = takeSnapshot(machine);
    const before = contents(machine);
    expect(machine.gic.cpuInterface(1).acknowledge()).toBe(TIMER);
    expect(contents(machine)).not.toEqual(before);
    restoreInto(machine, bytes);
    expect(contents(machine)).toEqual(before);
  });

  test('translations that threads knew before the restore count no more, whichever epoch comes again', () => {
    const topology = { vcpus: 1, devices: 1, events: 1, spis: 0 };
    const config = syntheticConfig(topology);
    const machine = Machine.create(config);
    const sources = syntheticSources(topology, config.spis);
    bootSynthetic(machine, topology, sources);
    const { deviceId = 0, eventId = 0, intid = 0 } = sources[0] ?? {};
    const { its, vm } = machine;
    const itsDriver = new ItsDriver(machine.bus, machine.memory, config.itsBase);
    const { lpis } = machine.gic;
    const signal = () =>
      vm.signalMsi({ address: config.itsBase + gits.TRANSLATER, data: eventId, flags: 1, deviceId });
    signal();
    const bytes = takeSnapshot(machine);

    // Another LPI, known to this thread under the epoch that now is.
    const spare = intid + 1;
    itsDriver.send({ name: 'DISCARD', deviceId, eventId });
    itsDriver.send({ name: 'MAPTI', deviceId, eventId, lpi: spare, collectionId: 0 });
    for (let n = 0; n < 2; n++) signal();
    expect(lpis.isPending(spare)).toBe(true);
    const known = its.epoch;

    restoreInto(machine, bytes);
    expect([lpis.isPending(intid), lpis.isPending(spare)]).toEqual([true, false]);
    lpis.clear(intid);
    for (let tries = 0; its.epoch !== known && tries < 100; tries++) its.invalidate();
    signal();
    expect([lpis.isPending(intid), lpis.isPending(spare)]).toEqual([true, false]);
  });

  test('refused, it leaves the machine as it was', () => {
    const machine = used();
    const before = contents(machine);
    const damaged = takeSnapshot(used());
    damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 0x10;
    const foreign = takeSnapshot(Machine.create({ ...CONFIG, spis: 64 }));
    expect(refusal(() => restoreInto(machine, damaged))).toContain('damaged');
    expect(refusal(() => restoreInto(machine, foreign))).toContain('another configuration');
    expect(contents(machine)).toEqual(before);
  });
});
