import { describe, expect, test } from 'vitest';
import { PCI_IO, PCI_WINDOW } from '../../src/platform/memory-map.ts';
import { configOf, makePlatform, type Rig } from './rig.ts';

const COMMAND = 0x04;
const COUNT = 12;
const NAME = 16;
/** By BAR: where a vCPU finds the BAR once it is set to the first address of its space. */
const AT = [PCI_WINDOW.base, PCI_IO.base] as const;

function withBars(): Rig {
  const rig = makePlatform([], true);
  rig.write(configOf(1) + 0x10, PCI_WINDOW.base);
  rig.write(configOf(1) + 0x14, 0);
  rig.write(configOf(1) + COMMAND, 3, 2);
  return rig;
}

const nameAt = ({ read }: Rig, at: number) => {
  let name = '';
  for (let byte = read(at + NAME, 1); byte !== 0; byte = read(at + NAME + name.length, 1))
    name += String.fromCharCode(byte);
  return name;
};

// All values are those of QEMU 7.2's pci-testdev on virt, asked through -qtest.
describe("QEMU's pci-testdev", () => {
  test('has the configuration space that it has on QEMU', () => {
    const { read, write } = makePlatform([], true);
    const words = Array.from({ length: 16 }, (_, word) => read(configOf(1) + 4 * word));
    expect(words).toEqual([0x0005_1b36, 0, 0x00ff_0000, 0, 0, 1, 0, 0, 0, 0, 0, 0x1100_1af4, 0, 0, 0, 0]);
    for (let bar = 0; bar < 6; bar++) write(configOf(1) + 0x10 + 4 * bar, 0xffff_ffff);
    const sizes = Array.from({ length: 6 }, (_, bar) => read(configOf(1) + 0x10 + 4 * bar));
    expect(sizes).toEqual([0xffff_f000, 0xffff_ff01, 0, 0, 0, 0]);
    write(configOf(1) + COMMAND, 0xffff, 2);
    expect(read(configOf(1) + COMMAND)).toBe(0x507);
    expect(read(configOf(0) + 0x2c)).toBe(0x1100_1af4);
  });

  test('is not there unless it is asked for', () => {
    expect(makePlatform([]).read(configOf(1))).toBe(0xffff_ffff);
  });

  test('answers in a space only while the command register enables that space, and where its BAR says', () => {
    const rig = withBars();
    rig.write(AT[0], 1, 1);
    const seen = () => AT.map((at) => rig.read(at));
    expect(seen()).toEqual([0x101, 0x101]);
    rig.write(configOf(1) + COMMAND, 2, 2);
    expect(seen()).toEqual([0x101, 0xffff_ffff]);
    rig.write(configOf(1) + COMMAND, 1, 2);
    expect(seen()).toEqual([0xffff_ffff, 0x101]);
    rig.write(configOf(1) + 0x14, 0x1234);
    expect(rig.read(configOf(1) + 0x14)).toBe(0x1201);
    expect(rig.read(PCI_IO.base)).toBe(0xffff_ffff);
    expect(rig.read(PCI_IO.base + 0x1200)).toBe(0x101);
  });

  test.each([
    [0, 0, 0x800, 0xfa, 'mmio-no-eventfd'],
    [0, 1, 0x801, 0xce, 'mmio-wildcard-eventfd'],
    [0, 2, 0x802, 0xfa, 'mmio-datamatch-eventfd'],
    [1, 0, 0x83, 0xfa, 'portio-no-eventfd'],
    [1, 1, 0x84, 0xce, 'portio-wildcard-eventfd'],
    [1, 2, 0x85, 0xfa, 'portio-datamatch-eventfd'],
  ] as const)('BAR %i starts test %i: offset %i, byte %i, %s', (bar, number, offset, data, name) => {
    const rig = withBars();
    const at = AT[bar];
    rig.write(at, number, 1);
    expect([rig.read(at + 1, 1), rig.read(at + 4), rig.read(at + 8), rig.read(at + COUNT)]).toEqual([
      1,
      offset,
      data,
      0,
    ]);
    expect(nameAt(rig, at)).toBe(name);
  });

  test('has no test beyond those, and none before the first is started', () => {
    const rig = withBars();
    const header = (at: number) => [0, 4, 8, 12, 16].map((offset) => rig.read(at + offset));
    for (const at of AT) expect(header(at)).toEqual([0, 0, 0, 0, 0]);
    rig.write(AT[0], 0, 1);
    rig.write(AT[0] + 0x800, 0xfa, 1);
    expect(rig.read(AT[0] + COUNT)).toBe(1);
    for (const at of AT) {
      rig.write(at, 3, 1);
      expect(header(at)).toEqual([0, 0, 0, 0, 0]);
    }
  });

  /** Writes one after the other: from the offset of the test on, bytes, value, and the count after the write. */
  const WRITES = [
    [0, 1, 'data', [1, 0, 0, 1, 0, 0]],
    [0, 1, 'other', [1, 0, 0, 1, 0, 0]],
    [0, 2, 'data', [2, 0, 1, 2, 1, 0]],
    [0, 4, 'data', [3, 0, 2, 3, 2, 0]],
    [0, 8, 'data', [4, 0, 3, 4, 3, 0]],
    [1, 1, 'data', [4, 0, 3, 4, 3, 0]],
    [-1, 1, 'data', [4, 0, 3, 4, 3, 0]],
  ] as const;

  test.each([0, 1, 2, 3, 4, 5])('test %i of both BARs counts the writes that QEMU counts', (number) => {
    const rig = withBars();
    const [bar, kind] = number < 3 ? [0, number] : [1, number - 3];
    const at = AT[bar as 0 | 1];
    rig.write(at, kind, 1);
    const [offset, data] = [rig.read(at + 4), rig.read(at + 8)];
    const counts = WRITES.map(([from, bytes, what]) => {
      rig.write(at + offset + from, what === 'data' ? data : data ^ 1, bytes);
      return rig.read(at + COUNT);
    });
    expect(counts).toEqual(WRITES.map(([, , , expected]) => expected[number]));
  });
});
