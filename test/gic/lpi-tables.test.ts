import { describe, expect, test } from 'vitest';
import { gicr } from '../../src/arch/registers.ts';
import { prune } from '../../src/gic/queueing.ts';
import { ENABLED, isPending, LATCH } from '../../src/gic/state.ts';
import {
  CONFIG_TABLE,
  drain,
  enableLpis,
  makeRig,
  mapLpi,
  pendingTableOf,
  RAM,
  type Rig,
  turnOn,
} from './rig.ts';

function ready(personality: 'kvm' | 'qemu-virt' = 'kvm'): Rig {
  const rig = makeRig({ personality });
  turnOn(rig);
  return rig;
}

const tableByte = ({ memory }: Rig, vcpu: number, lpi: number) =>
  memory.byte(pendingTableOf(vcpu) + (lpi >>> 3));
const setTableBit = ({ memory }: Rig, vcpu: number, lpi: number) =>
  memory.setBits(pendingTableOf(vcpu) + (lpi >>> 3), 1 << (lpi & 7));
const disable = ({ gic }: Rig, vcpu: number) => gic.redistributor(vcpu).write(gicr.CTLR, 4, 0n);
const enable = ({ gic }: Rig, vcpu: number) => gic.redistributor(vcpu).write(gicr.CTLR, 4, 1n);

describe('the calls of the ITS to the LPIs', () => {
  test('a redistributor accepts LPIs while they are enabled', () => {
    const rig = ready();
    expect([rig.gic.lpis.accepts(0), rig.gic.lpis.accepts(1), rig.gic.lpis.accepts(2)]).toEqual([
      false,
      false,
      false,
    ]);
    enableLpis(rig, 1);
    expect([rig.gic.lpis.accepts(0), rig.gic.lpis.accepts(1)]).toEqual([false, true]);
    disable(rig, 1);
    expect(rig.gic.lpis.accepts(1)).toBe(false);
  });

  test('the mapping limit follows PROPBASER', () => {
    const limit = (idBits: bigint, machine: number, personality: 'kvm' | 'qemu-virt' = 'kvm') => {
      const { gic } = makeRig({ idBits: machine, personality });
      gic.redistributor(0).write(gicr.PROPBASER, 8, idBits);
      return gic.lpis.mappingLimit();
    };
    expect(limit(12n, 16)).toBe(0);
    expect(limit(13n, 16)).toBe(16_384);
    expect(limit(15n, 16)).toBe(65_536);
    expect(limit(31n, 16)).toBe(65_536);
    expect(limit(15n, 14)).toBe(16_384);
    expect(limit(0n, 16, 'qemu-virt')).toBe(65_536);
  });

  test('the configuration byte comes from the table, and is undefined outside guest memory', () => {
    const rig = ready();
    enableLpis(rig, 0);
    rig.memory.setByte(CONFIG_TABLE + 5, 0xb3);
    expect(rig.gic.lpis.configByte(8197)).toBe(0xb3);
    disable(rig, 0);
    rig.gic.redistributor(0).write(gicr.PROPBASER, 8, 0x10_0000_000dn);
    expect(rig.gic.lpis.configByte(8197)).toBeUndefined();
  });

  test('importing a pending bit clears it in the table of that vCPU', () => {
    const rig = ready();
    enableLpis(rig, 1, true);
    setTableBit(rig, 1, 8203);
    setTableBit(rig, 1, 8202);
    expect(rig.gic.lpis.importPending(8203, 0)).toBe(false);
    expect(rig.gic.lpis.importPending(8203, 1)).toBe(true);
    expect(rig.gic.lpis.importPending(8203, 1)).toBe(false);
    expect(tableByte(rig, 1, 8203)).toBe(1 << 2);
    expect(rig.gic.lpis.isPending(8203)).toBe(false);
  });

  test('a pending table outside guest memory reads as empty', () => {
    const rig = ready();
    rig.gic.redistributor(0).write(gicr.PENDBASER, 8, 0xff_ffff_0000n);
    expect(rig.gic.lpis.importPending(8192, 0)).toBe(false);
    mapLpi(rig, 8192, 0);
    rig.gic.lpis.latch(8192);
    enable(rig, 0);
    disable(rig, 0);
    expect(rig.gic.lpis.accepts(0)).toBe(false);
  });
});

describe('EnableLPIs in KVM', () => {
  test('setting EnableLPIs sets or clears pending states from the table, and leaves the table unchanged', () => {
    const rig = ready();
    mapLpi(rig, 8192, 0);
    mapLpi(rig, 8193, 0);
    mapLpi(rig, 8194, 1);
    rig.gic.lpis.latch(8192);
    setTableBit(rig, 0, 8193);
    setTableBit(rig, 0, 8194);
    enableLpis(rig, 0);
    expect(rig.gic.lpis.isPending(8192)).toBe(false);
    expect(rig.gic.lpis.isPending(8194)).toBe(false);
    expect(tableByte(rig, 0, 8193)).toBe(0b110);
    expect(drain(rig, 0)).toEqual([8193]);
    enable(rig, 0); // enabled already: nothing is read again
    expect(drain(rig, 0)).toEqual([]);
  });

  test('with PTZ, setting EnableLPIs does not read the pending table', () => {
    const rig = ready();
    mapLpi(rig, 8193, 0);
    setTableBit(rig, 0, 8193);
    enableLpis(rig, 0, true);
    expect(drain(rig, 0)).toEqual([]);
    expect(rig.gic.redistributor(0).read(gicr.PENDBASER, 8)).toBe(BigInt(pendingTableOf(0)) | 0x180n);
  });

  test('clearing EnableLPIs drops the queued LPIs of that vCPU, invalidates the translation cache, and leaves the table unchanged', () => {
    const rig = ready();
    enableLpis(rig, 0);
    enableLpis(rig, 1);
    mapLpi(rig, 8192, 0);
    mapLpi(rig, 8193, 1);
    rig.gic.lpis.latch(8192);
    rig.gic.lpis.latch(8193);
    disable(rig, 0);
    expect(rig.disabled).toEqual([0]);
    expect(rig.gic.cpuInterface(0).highestPending).toBe(1023);
    expect(tableByte(rig, 0, 8192)).toBe(0);
    expect(drain(rig, 1)).toEqual([8193]);
    enable(rig, 0);
    expect(drain(rig, 0)).toEqual([]);
    disable(rig, 0);
    disable(rig, 0); // already: nothing more happens
    expect(rig.disabled).toEqual([0, 0]);
  });

  // Taken twice in a row, it stays on the list without a slot.
  test.each([0, 1, 2, 3])(
    'clearing EnableLPIs spares what the vCPU had pruned from its list before: taken %i times',
    (times) => {
      const rig = ready();
      enableLpis(rig, 0);
      mapLpi(rig, 8192, 0);
      for (let n = 0; n < times; n++) {
        rig.gic.lpis.latch(8192);
        expect(drain(rig, 0)).toEqual([8192]);
      }
      rig.gic.lpis.latch(8192);
      rig.gic.lpis.configure(8192, 0xa0);
      prune(rig.gic.interrupts, 0);
      disable(rig, 0);
      expect(rig.gic.lpis.isPending(8192)).toBe(true);
      enableLpis(rig, 0, true);
      rig.gic.lpis.configure(8192, 0xa1);
      expect(drain(rig, 0)).toEqual([8192]);
    },
  );

  test('clearing EnableLPIs keeps a pending LPI that was pruned behind an SGI of the best priority', () => {
    const rig = ready();
    const { interrupts } = rig.gic;
    enableLpis(rig, 0);
    mapLpi(rig, 8192, 0);
    interrupts.change(interrupts.find(0, 1), 1, 0, ENABLED | LATCH);
    rig.gic.lpis.latch(8192);
    rig.gic.lpis.configure(8192, 0xa0);
    prune(interrupts, 0);
    disable(rig, 0);
    expect(rig.gic.lpis.isPending(8192)).toBe(true);
  });

  test('clearing EnableLPIs keeps a pending LPI that has moved to another vCPU', () => {
    const rig = ready();
    enableLpis(rig, 0);
    enableLpis(rig, 1);
    mapLpi(rig, 8192, 0);
    for (let n = 0; n < 2; n++) {
      rig.gic.lpis.latch(8192);
      expect(drain(rig, 0)).toEqual([8192]);
    }
    rig.gic.lpis.latch(8192);
    rig.gic.lpis.retarget(8192, 1);
    prune(rig.gic.interrupts, 0);
    disable(rig, 0);
    expect(drain(rig, 1)).toEqual([8192]);
  });

  test('clearing EnableLPIs drops a pending LPI, and the next MSI is delivered', () => {
    const rig = ready();
    enableLpis(rig, 0);
    mapLpi(rig, 8192, 0);
    rig.gic.lpis.latch(8192);
    disable(rig, 0);
    // Measured on Linux 6.1, 6.12 and 7.2: vectors 09 and 11 of test/data/vectors-2.
    expect(rig.gic.lpis.isPending(8192)).toBe(false);
    enableLpis(rig, 0, true);
    rig.gic.lpis.configure(8192, 0xa1);
    expect(drain(rig, 0)).toEqual([]);
    rig.gic.lpis.latch(8192);
    expect(drain(rig, 0)).toEqual([8192]);
  });

  test('clearing EnableLPIs keeps a pending LPI that is on no list', () => {
    const rig = ready();
    enableLpis(rig, 0);
    mapLpi(rig, 8192, 0);
    rig.gic.lpis.configure(8192, 0xa0);
    rig.gic.lpis.latch(8192);
    disable(rig, 0);
    enableLpis(rig, 0, true);
    rig.gic.lpis.configure(8192, 0xa1);
    expect(drain(rig, 0)).toEqual([8192]);
  });
});

describe('EnableLPIs in QEMU', () => {
  test('QEMU stores pending LPIs in the table when EnableLPIs is cleared, and loads them when it is set, even with PTZ', () => {
    const rig = ready('qemu-virt');
    enableLpis(rig, 0);
    mapLpi(rig, 8192, 0);
    rig.gic.lpis.latch(8192);
    disable(rig, 0);
    expect(tableByte(rig, 0, 8192)).toBe(1);
    expect(drain(rig, 0)).toEqual([]);
    enableLpis(rig, 0, true);
    expect(tableByte(rig, 0, 8192)).toBe(0);
    expect(drain(rig, 0)).toEqual([8192]);
  });

  test('clearing EnableLPIs keeps pending LPIs whose table lies outside guest memory', () => {
    const rig = ready('qemu-virt');
    mapLpi(rig, 8192, 0);
    rig.gic.lpis.latch(8192);
    rig.gic.redistributor(0).write(gicr.PENDBASER, 8, 0xff_ffff_0000n);
    enable(rig, 0);
    disable(rig, 0);
    expect(drain(rig, 0)).toEqual([8192]);
  });
});

describe('saving the pending tables', () => {
  test('saving writes each LPI of a target into its table, set or clear, and leaves the first KiB unchanged', () => {
    const rig = ready();
    enableLpis(rig, 0, true);
    enableLpis(rig, 1, true);
    rig.memory.fill(pendingTableOf(0), 1024, 0xa5);
    mapLpi(rig, 8192, 0);
    mapLpi(rig, 8193, 1);
    mapLpi(rig, 8194, 0);
    rig.gic.lpis.map(8195); // sent nowhere
    rig.gic.lpis.latch(8192);
    rig.gic.lpis.latch(8193);
    setTableBit(rig, 0, 8194);
    setTableBit(rig, 0, 8199); // of no LPI that is mapped: left alone
    rig.gic.lpis.savePendingTables();
    expect(tableByte(rig, 0, 8192)).toBe(0b1000_0001);
    expect(tableByte(rig, 1, 8192)).toBe(0b10);
    expect([...rig.memory.read(pendingTableOf(0), 1024)].every((byte) => byte === 0xa5)).toBe(true);
  });

  test('mapping an LPI again restores its saved pending bit', () => {
    const rig = ready();
    enableLpis(rig, 0, true);
    mapLpi(rig, 8192, 0, 0xa0);
    rig.gic.lpis.latch(8192);
    rig.gic.lpis.savePendingTables();
    rig.gic.lpis.unmap(8192);
    expect(rig.gic.lpis.isPending(8192)).toBe(false);
    mapLpi(rig, 8192, 0, 0xa1);
    if (rig.gic.lpis.importPending(8192, 0)) rig.gic.lpis.latch(8192);
    expect(drain(rig, 0)).toEqual([8192]);
  });

  test('saving into a table outside guest memory is an error with the address', () => {
    const rig = ready();
    rig.gic.redistributor(0).write(gicr.PENDBASER, 8, 0xff_ffff_0000n);
    mapLpi(rig, 8192, 0);
    expect(() => rig.gic.lpis.savePendingTables()).toThrow(
      expect.objectContaining({
        code: 'ERR_GUEST_ADDRESS',
        message: expect.stringContaining('0xffffff0400'),
      }),
    );
  });
});

describe('GICR_INVLPIR and GICR_INVALLR', () => {
  function stale(): Rig {
    const rig = ready();
    enableLpis(rig, 0, true);
    enableLpis(rig, 1, true);
    for (const [lpi, vcpu] of [
      [8192, 0],
      [8193, 0],
      [8194, 1],
    ] as const) {
      mapLpi(rig, lpi, vcpu, 0xa0);
      rig.gic.lpis.latch(lpi);
      rig.memory.setByte(CONFIG_TABLE + lpi - 8192, 0xa1);
    }
    return rig;
  }

  test('INVLPIR reloads one LPI, INVALLR all LPIs of the redistributor', () => {
    const rig = stale();
    rig.gic.redistributor(0).write(gicr.INVLPIR, 8, 8193n);
    expect(drain(rig, 0)).toEqual([8193]);
    rig.gic.redistributor(0).write(gicr.INVALLR, 8, 0n);
    expect([drain(rig, 0), drain(rig, 1)]).toEqual([[8192], []]);
    rig.gic.redistributor(1).write(gicr.INVALLR, 4, 0n);
    expect(drain(rig, 1)).toEqual([8194]);
    expect(rig.gic.redistributor(0).read(gicr.SYNCR, 4)).toBe(0n);
  });

  test('INVLPIR and INVALLR have no effect for INTIDs other than LPIs, by the upper half, with LPIs disabled, and before revision 3', () => {
    const rig = stale();
    for (const intid of [0n, 8191n, 16_384n, 0xffff_ffffn])
      rig.gic.redistributor(0).write(gicr.INVLPIR, 8, intid);
    rig.gic.redistributor(0).write(gicr.INVLPIR + 4, 4, 8192n);
    rig.gic.redistributor(0).write(gicr.INVALLR + 4, 4, 0n);
    rig.gic.distributor.revision = 2;
    rig.gic.redistributor(0).write(gicr.INVALLR, 8, 0n);
    rig.gic.distributor.revision = 3;
    disable(rig, 0);
    rig.gic.redistributor(0).write(gicr.INVALLR, 8, 0n);
    expect(drain(rig, 0)).toEqual([]);
    // The same write with LPIs enabled is heeded.
    enable(rig, 0);
    rig.gic.redistributor(0).write(gicr.INVALLR, 8, 0n);
    expect(drain(rig, 0)).toEqual([8192, 8193]);
  });

  test('INVLPIR does not enable an unmapped LPI', () => {
    const rig = stale();
    rig.gic.redistributor(0).write(gicr.INVLPIR, 8, 8200n);
    const { interrupts } = rig.gic;
    expect(interrupts.state(interrupts.find(0, 8200)) & (1 << 3)).toBe(0);
    expect(isPending(interrupts.state(interrupts.find(0, 8200)))).toBe(false);
    expect(RAM).toBe(CONFIG_TABLE);
  });
});
