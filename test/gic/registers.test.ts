import { describe, expect, test } from 'vitest';
import { gicd, gicr } from '../../src/arch/registers.ts';
import { DISTRIBUTOR_REGISTERS } from '../../src/gic/distributor.ts';
import type { GicPersonalityName } from '../../src/gic/personality.ts';
import { REDISTRIBUTOR_REGISTERS } from '../../src/gic/redistributor.ts';
import {
  distributorExpectations,
  type Expectation,
  redistributorExpectations,
} from './register-expectations.ts';
import { makeRig } from './rig.ts';

type Frame = {
  read(offset: number, size: number): bigint;
  write(offset: number, size: number, value: bigint): void;
};

/** What a register read at each look, beside what it was to read. A frame of its own for every register. */
function observe(frame: Frame, { at, size }: Expectation) {
  const reset = frame.read(at, size);
  frame.write(at, size, (1n << BigInt(8 * size)) - 1n);
  const ones = frame.read(at, size);
  frame.write(at, size, 0n);
  return { reset, ones, zeros: frame.read(at, size) };
}

/** The names of the registers that do not do what is expected of them. */
function strays(make: () => Frame, expectations: readonly Expectation[]): string[] {
  return expectations
    .filter((expected) => {
      const seen = observe(make(), expected);
      return seen.reset !== expected.reset || seen.ones !== expected.ones || seen.zeros !== expected.zeros;
    })
    .map((expected) => {
      const { reset, ones, zeros } = observe(make(), expected);
      return `${expected.name}+0x${expected.at.toString(16)}: ${reset.toString(16)} ${ones.toString(16)} ${zeros.toString(16)}`;
    });
}

const FRAMES = [
  {
    frame: 'distributor',
    rows: DISTRIBUTOR_REGISTERS,
    expectations: distributorExpectations,
    make: (personality: GicPersonalityName) => makeRig({ personality }).gic.distributor,
  },
  {
    frame: 'redistributor',
    rows: REDISTRIBUTOR_REGISTERS,
    expectations: redistributorExpectations,
    make: (personality: GicPersonalityName) => makeRig({ personality }).gic.redistributor(1),
  },
] as const;

const hex = (value: bigint) => value.toString(16);

for (const { frame, rows, expectations, make } of FRAMES) {
  for (const personality of ['kvm', 'qemu-virt'] as const) {
    describe(`${frame} as ${personality}`, () => {
      test('every register has the expected reset value and writable bits', () => {
        expect(strays(() => make(personality), expectations(personality))).toEqual([]);
      });

      test('a wrong row of the expectations is noticed', () => {
        for (const expected of expectations(personality)) {
          for (const field of ['reset', 'ones', 'zeros'] as const) {
            const wrong = { ...expected, [field]: expected[field] ^ 1n };
            expect(strays(() => make(personality), [wrong])).toHaveLength(1);
          }
        }
      });

      test('every register has expectations, and every expectation a register', () => {
        const expected = new Set(expectations(personality).map(({ name }) => name));
        expect(new Set(rows.map(({ name }) => name))).toEqual(expected);
      });

      test('an access of an unsupported size reads zero and changes nothing', () => {
        for (const { name, at, sizes } of rows) {
          for (const size of [1, 2, 4, 8] as const) {
            if ((sizes as readonly number[]).includes(size)) continue;
            const registers = make(personality);
            const aligned = at - (at % size);
            const before = registers.read(at, sizes[0] ?? 4);
            registers.write(aligned, size, BigInt.asUintN(8 * size, 0x1234_5678_9abc_def1n));
            expect(`${name} ${hex(registers.read(aligned, size))}`).toBe(`${name} 0`);
            expect(`${name} ${hex(registers.read(at, sizes[0] ?? 4))}`).toBe(`${name} ${hex(before)}`);
          }
        }
      });

      test('rows do not overlap and stay within their frame', () => {
        const sorted = [...rows].sort((a, b) => a.at - b.at);
        let end = 0;
        for (const { name, at, bytes } of sorted) {
          expect(at >= end ? '' : name).toBe('');
          end = at + bytes;
        }
        expect(end).toBeLessThanOrEqual(frame === 'distributor' ? 0x1_0000 : 0x2_0000);
      });
    });
  }
}

describe('the corners of the map', () => {
  test('holes of a frame read zero', () => {
    const { gic } = makeRig();
    for (const offset of [0x20, 0x7c, 0xd80, 0xfc0, 0x5ffc, 0x7fe0, 0xff00]) {
      gic.distributor.write(offset, 4, 0xffff_ffffn);
      expect(gic.distributor.read(offset, 4)).toBe(0n);
    }
    // And the same access next to a hole does not.
    expect(gic.distributor.read(gicd.IGROUPR + 4, 4)).toBe(0xffff_ffffn);
  });

  test('unaligned accesses read zero and write nothing', () => {
    const { gic } = makeRig();
    gic.distributor.write(gicd.ISENABLER + 2, 4, 0xffff_ffffn);
    gic.distributor.write(gicd.IROUTER + 0x104, 8, 0x1n);
    expect(gic.distributor.read(gicd.ISENABLER + 4, 4)).toBe(0n);
    expect(gic.distributor.read(gicd.TYPER + 2, 4)).toBe(0n);
    expect(gic.distributor.read(gicd.IROUTER + 0x108, 8)).toBe(0n);
  });

  test('the distributor has no fields for SGIs, PPIs and INTIDs past the last SPI', () => {
    const { gic } = makeRig({ spis: 64 });
    for (const offset of [0x80, 0x100, 0x200, 0x300, 0xc00, 0xc04, 0x400, 0x41c]) {
      gic.distributor.write(offset, 4, 0xffff_ffffn);
      expect(gic.distributor.read(offset, 4)).toBe(0n);
    }
    for (const offset of [0x10c, 0x17c, 0x20c, 0x460, 0xc18]) {
      gic.distributor.write(offset, 4, 0xffff_ffffn);
      expect(gic.distributor.read(offset, 4)).toBe(0n);
    }
    gic.distributor.write(gicd.IROUTER + 8 * 31, 8, 1n);
    gic.distributor.write(gicd.IROUTER + 8 * 96, 8, 1n);
    expect(gic.distributor.read(gicd.IROUTER + 8 * 31, 8)).toBe(0n);
    expect(gic.distributor.read(gicd.IROUTER + 8 * 96, 8)).toBe(0n);
    // The last SPI is there.
    gic.distributor.write(gicd.IROUTER + 8 * 95, 8, 1n);
    expect(gic.distributor.read(gicd.IROUTER + 8 * 95, 8)).toBe(1n);
  });

  test('a set and its clear register change the same bits, and written zeros change nothing', () => {
    const { gic } = makeRig();
    const d = gic.distributor;
    for (const [set, clear] of [
      [0x104, 0x184],
      [0x204, 0x284],
      [0x304, 0x384],
    ] as const) {
      d.write(set, 4, 0x0000_ffffn);
      d.write(set, 4, 0x8000_0000n);
      expect(d.read(clear, 4)).toBe(0x8000_ffffn);
      d.write(clear, 4, 0x8000_00ffn);
      d.write(clear, 4, 0n);
      expect(d.read(set, 4)).toBe(0xff00n);
      expect(d.read(set + 4, 4)).toBe(0n);
    }
  });

  test('GICD_TYPER.ITLinesNumber counts the INTIDs', () => {
    const type = (personality: GicPersonalityName, spis: number) =>
      makeRig({ personality, spis, idBits: 16 }).gic.distributor.read(gicd.TYPER, 4);
    expect(type('kvm', 224)).toBe(0x7a_0007n);
    expect(type('kvm', 988)).toBe(0x7a_001fn);
    expect(type('kvm', 32)).toBe(0x7a_0001n);
    // QEMU 7.2 leaves out the private ones: what the recorded guests read.
    expect(type('qemu-virt', 256)).toBe(0x37a_0007n);
    expect(type('qemu-virt', 128)).toBe(0x37a_0003n);
  });

  test('a GIC without an ITS reports no LPIs', () => {
    const { gic } = makeRig({ its: false });
    expect(gic.distributor.read(gicd.TYPER, 4)).toBe(0x48_0002n);
    expect(gic.redistributor(0).read(gicr.TYPER, 8)).toBe(0n);
    gic.redistributor(0).write(gicr.CTLR, 4, 1n);
    expect(gic.redistributor(0).read(gicr.CTLR, 4)).toBe(6n);
    expect(gic.lpis.accepts(0)).toBe(false);
  });

  test('below revision 3, GICR_CTLR shows neither CES nor IR', () => {
    const { gic } = makeRig();
    gic.distributor.revision = 2;
    expect(gic.distributor.read(gicd.IIDR, 4)).toBe(0x4b00_243bn);
    expect(gic.redistributor(0).read(gicr.CTLR, 4)).toBe(0n);
  });

  test('GICR_TYPER gives vCPUs affinities in clusters of 16', () => {
    const { gic } = makeRig({ vcpus: 18 });
    expect(gic.redistributor(15).read(gicr.TYPER, 8)).toBe(0x0000_000f_0000_0f01n);
    expect(gic.redistributor(16).read(gicr.TYPER, 8)).toBe(0x0000_0100_0000_1001n);
    expect(gic.redistributor(17).read(gicr.TYPER, 8)).toBe(0x0000_0101_0000_1111n);
    gic.redistributor(17).last = false;
    gic.redistributor(3).last = true;
    expect(gic.redistributor(17).read(gicr.TYPER, 4)).toBe(0x1101n);
    expect(gic.redistributor(3).read(gicr.TYPER, 4)).toBe(0x311n);
  });
});

describe('the registers of LPI tables', () => {
  test('KVM has one PROPBASER, QEMU one for each redistributor', () => {
    for (const [personality, other] of [
      ['kvm', 0x4000_018dn],
      ['qemu-virt', 0n],
    ] as const) {
      const { gic } = makeRig({ personality });
      gic.redistributor(0).write(gicr.PROPBASER, 8, 0x4000_000dn);
      expect(gic.redistributor(1).read(gicr.PROPBASER, 8)).toBe(other);
    }
  });

  test('the guest may write PROPBASER and PENDBASER in halves', () => {
    const { gic } = makeRig();
    const r = gic.redistributor(0);
    r.write(0x74, 4, 0x0000_0012n);
    r.write(0x70, 4, 0x3400_058fn);
    expect(r.read(0x70, 8)).toBe(0x12_3400_058fn);
    expect(r.read(0x74, 4)).toBe(0x12n);
  });

  test('KVM sanitises attributes: outer shareable, non-cacheable, an outer domain of its own', () => {
    const { gic } = makeRig();
    const r = gic.redistributor(0);
    const write = (value: bigint) => {
      r.write(0x78, 8, value);
      return r.read(0x78, 8);
    };
    expect(write(2n << 10n)).toBe((1n << 10n) | (3n << 7n));
    expect(write(1n << 7n)).toBe(3n << 7n);
    expect(write(5n << 7n)).toBe(5n << 7n);
    expect(write((1n << 56n) | (3n << 7n))).toBe((1n << 56n) | (3n << 7n));
    expect(write((4n << 56n) | (3n << 7n))).toBe(3n << 7n);
  });

  test('KVM ignores writes to PROPBASER and PENDBASER while LPIs are enabled', () => {
    for (const personality of ['kvm', 'qemu-virt'] as const) {
      const { gic } = makeRig({ personality });
      const r = gic.redistributor(0);
      r.write(0x70, 8, 0x4000_078dn);
      r.write(0, 4, 1n);
      r.write(0x70, 8, 0x4001_078en);
      r.write(0x78, 8, 0x4002_0780n);
      const kept = personality === 'kvm' ? [0x4000_078dn, 0x580n] : [0x4001_078en, 0x4002_0780n];
      expect([r.read(0x70, 8), r.read(0x78, 8)]).toEqual(kept);
    }
  });
});
