import { describe, expect, test } from 'vitest';
import { PCI_WINDOW } from '../../src/platform/memory-map.ts';
import { configOf, makePlatform, RAM, type Rig } from './rig.ts';

const BAR = PCI_WINDOW.base;
const MSIX = PCI_WINDOW.base + 0x1_0000;
const DESCRIPTORS = RAM + 0x1_0000;
const DRIVER = RAM + 0x1_1000;
const DEVICE = RAM + 0x1_2000;
const BUFFERS = RAM + 0x2_0000;
const DRIVER_OK = 0xf;
const NEXT = 1;
const WRITE = 2;
/** Where a message goes: GITS_TRANSLATER. */
const DOORBELL = 0x0809_0040;

/** Brings the device of slot 1 up as a driver does, its queue 0 on vector 1. */
function bringUp(rig: Rig, queue = 0) {
  const { read, write } = rig;
  const config = configOf(1);
  write(config + 0x10, BAR);
  write(config + 0x14, MSIX);
  write(config + 4, 6, 2);
  write(BAR + 0x14, 0, 1);
  rig.platform.devices[0]?.serve();
  write(BAR + 0x08, 1);
  write(BAR + 0x0c, 1);
  write(BAR + 0x14, 0xb, 1);
  write(BAR + 0x16, queue, 2);
  write(BAR + 0x1a, 1, 2);
  for (const [offset, address] of [
    [0x20, DESCRIPTORS],
    [0x28, DRIVER],
    [0x30, DEVICE],
  ] as const)
    write(BAR + offset, address, 8);
  write(BAR + 0x1c, 1, 2);
  write(BAR + 0x14, DRIVER_OK, 1);
  return read(BAR + 0x14, 1);
}

/** Offers a chain of buffers as request `index`, notifies, and lets the device work. */
function request(
  rig: Rig,
  index: number,
  buffers: readonly { at: number; bytes: number; flags: number }[],
): void {
  const { memory } = rig.machine;
  for (const [which, { at, bytes, flags }] of buffers.entries()) {
    const descriptor = DESCRIPTORS + 16 * which;
    const more = which < buffers.length - 1 ? NEXT : 0;
    memory.setDoubleWord(descriptor, BigInt(at));
    memory.setWord(descriptor + 8, bytes);
    memory.setWord(descriptor + 12, flags | more | ((which + 1) << 16));
  }
  memory.setWord(DRIVER + 4, 0);
  memory.setWord(DRIVER, ((index + 1) & 0xffff) << 16);
  rig.write(BAR + 0x3000, 0, 2);
  rig.platform.devices[0]?.serve();
}

const returned = ({ machine }: Rig) => machine.memory.word(DEVICE) >>> 16;

describe('a PCI function', () => {
  test('is found in its slot and nowhere else, and sizes its BARs as the specification wants it', () => {
    const { read, write } = makePlatform([{ kind: 'rng' }]);
    expect(read(configOf(0))).toBe(0x0008_1b36);
    expect(read(configOf(1))).toBe(0x1044_1af4);
    expect(read(configOf(2))).toBe(0xffff_ffff);
    expect(read(configOf(1) + 2, 2)).toBe(0x1044);
    write(configOf(1) + 0x10, 0xffff_ffff);
    expect(read(configOf(1) + 0x10)).toBe(0xffff_c000);
    write(configOf(1) + 0x18, 0xffff_ffff);
    expect(read(configOf(1) + 0x18)).toBe(0);
  });

  test('has its capabilities in a list: MSI-X, and where the structures of virtio are', () => {
    const { read } = makePlatform([{ kind: 'rng' }]);
    const found: number[] = [];
    for (
      let at = read(configOf(1) + 0x34, 1);
      at !== 0 && found.length < 10;
      at = read(configOf(1) + at + 1, 1)
    )
      found.push(read(configOf(1) + at, 1));
    expect(found).toEqual([0x11, 9, 9, 9]);
  });

  test('answers in its BARs only while its memory is on', () => {
    const { read, write } = makePlatform([{ kind: 'rng' }]);
    write(configOf(1) + 0x10, BAR);
    expect(read(BAR + 0x12, 2)).toBe(0xffff);
    write(configOf(1) + 4, 2, 2);
    expect(read(BAR + 0x12, 2)).toBe(1);
  });
});

describe('MSI-X', () => {
  /** Unmasks vector 1, with MSI-X enabled. */
  const program = ({ write }: Rig, masked: number) => {
    write(MSIX + 0x10, DOORBELL);
    write(MSIX + 0x18, 5);
    write(MSIX + 0x1c, masked);
  };
  const enable = ({ write }: Rig) => write(configOf(1) + 0x42, 0x8000, 2);

  test('a vector has a route and an irqfd while it is unmasked, with the DeviceID of its slot', () => {
    const rig = makePlatform([{ kind: 'rng' }]);
    bringUp(rig);
    enable(rig);
    const gsi = rig.machine.config.spis + 1;
    const route = () => rig.machine.vm.routing.entries().find((each) => each.gsi === gsi);
    program(rig, 1);
    expect(route()).toBeUndefined();
    program(rig, 0);
    expect(route()).toMatchObject({ type: 'msi', address: DOORBELL, data: 5, deviceId: 8 });
    program(rig, 1);
    expect(route()).toBeUndefined();
  });

  test('a signal on a masked vector is pending, until the vector is unmasked', () => {
    const rig = makePlatform([{ kind: 'rng' }]);
    bringUp(rig);
    enable(rig);
    program(rig, 1);
    request(rig, 0, [{ at: BUFFERS, bytes: 64, flags: WRITE }]);
    const pending = () => rig.read(MSIX + 2 * 16) & 2;
    expect(pending()).toBe(2);
    program(rig, 0);
    expect(pending()).toBe(0);
  });
});

describe('a virtio device', () => {
  test('comes up by the handshake, and refuses features that it does not have', () => {
    const rig = makePlatform([{ kind: 'rng' }]);
    expect(bringUp(rig)).toBe(DRIVER_OK);
    rig.write(BAR + 0x08, 0);
    rig.write(BAR + 0x0c, 1 << 7);
    rig.write(BAR + 0x14, 0xb, 1);
    expect(rig.read(BAR + 0x14, 1) & 8).toBe(0);
  });

  test('is reset by its own thread: the status reads 0 when it has been', () => {
    const rig = makePlatform([{ kind: 'rng' }]);
    bringUp(rig);
    rig.write(BAR + 0x14, 0, 1);
    expect(rig.read(BAR + 0x14, 1)).toBe(DRIVER_OK);
    rig.platform.devices[0]?.serve();
    expect(rig.read(BAR + 0x14, 1)).toBe(0);
    expect(rig.read(BAR + 0x1c, 2)).toBe(0);
  });

  test('rng fills buffers from the seed', () => {
    const [rig, again] = [makePlatform([{ kind: 'rng' }]), makePlatform([{ kind: 'rng' }])];
    for (const each of [rig, again]) {
      bringUp(each);
      request(each, 0, [{ at: BUFFERS, bytes: 64, flags: WRITE }]);
    }
    expect(returned(rig)).toBe(1);
    const bytes = rig.machine.memory.read(BUFFERS, 64);
    expect(new Set(bytes).size).toBeGreaterThan(20);
    expect(again.machine.memory.read(BUFFERS, 64)).toEqual(bytes);
    expect(rig.platform.devices[0]?.registers.signals(1)).toBe(1);
  });

  test('block writes and reads sectors, counts what it has written, and refuses what lies behind its end', () => {
    const rig = makePlatform([{ kind: 'block', bytes: 4096, readOnly: false }]);
    bringUp(rig);
    const { memory } = rig.machine;
    const transfer = (index: number, type: number, sector: number) => {
      memory.setWord(BUFFERS, type);
      memory.setDoubleWord(BUFFERS + 8, BigInt(sector));
      memory.setByte(BUFFERS + 0x2000, 0xff);
      request(rig, index, [
        { at: BUFFERS, bytes: 16, flags: 0 },
        { at: BUFFERS + 0x1000, bytes: 512, flags: type === 1 ? 0 : WRITE },
        { at: BUFFERS + 0x2000, bytes: 1, flags: WRITE },
      ]);
      return memory.byte(BUFFERS + 0x2000);
    };
    memory.fill(BUFFERS + 0x1000, 512, 0x5a);
    const { storage } = rig.platform.devices[0]?.model ?? {};
    const changes = () => rig.machine.words[storage?.changesAt ?? -1];
    expect(changes()).toBe(0);
    expect(transfer(0, 1, 3)).toBe(0);
    expect(changes()).toBe(1);
    memory.fill(BUFFERS + 0x1000, 512, 0);
    expect(transfer(1, 0, 3)).toBe(0);
    expect(memory.read(BUFFERS + 0x1000, 512).every((byte) => byte === 0x5a)).toBe(true);
    expect(transfer(2, 0, 8)).toBe(1);
    expect(transfer(3, 1, 8)).toBe(1);
    expect(changes()).toBe(1);
  });

  test('a driver that breaks the rules finds a device that needs a reset, and the host goes on', () => {
    for (const chain of [
      [{ at: BUFFERS, bytes: 64, flags: WRITE | 4 }],
      [{ at: 0x1000, bytes: 64, flags: WRITE }],
      [{ at: BUFFERS, bytes: 64, flags: WRITE | NEXT | (200 << 16) }],
    ]) {
      const rig = makePlatform([{ kind: 'rng' }]);
      bringUp(rig);
      request(rig, 0, chain);
      expect(rig.read(BAR + 0x14, 1) & 64).toBe(64);
      expect(rig.platform.devices[0]?.registers.count('broken')).toBe(1);
    }
  });
});
