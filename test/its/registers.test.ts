import { describe, expect, test } from 'vitest';
import { gits } from '../../src/arch/registers.ts';
import { ITS_PERSONALITIES } from '../../src/its/personality.ts';
import { Board, COLLECTION_TABLE, DEVICE_TABLE, ITT, QUEUE } from './board.ts';

const VALID = 1n << 63n;
const qemu = () => new Board({ personality: ITS_PERSONALITIES['qemu-virt'] });

describe('registers at reset', () => {
  const read = (board: Board) => ({
    ctlr: board.its.read(gits.CTLR, 4),
    iidr: board.its.read(gits.IIDR, 4),
    typer: board.its.read(gits.TYPER, 8),
    typerHigh: board.its.read(gits.TYPER + 4, 4),
    cbaser: board.read(gits.CBASER),
    cwriter: board.read(gits.CWRITER),
    creadr: board.read(gits.CREADR),
    basers: Array.from({ length: 8 }, (_, n) => board.read(gits.BASER0 + 8 * n)),
    ids: [0xffd0, 0xffe0, 0xffe4, 0xffe8, 0xfff0, 0xfff4, 0xfff8, 0xfffc].map((at) => board.its.read(at, 4)),
  });

  test('kvm', () => {
    expect(read(new Board())).toEqual({
      ctlr: 0x8000_0000n,
      iidr: 0x4b00_043bn,
      typer: 0x1_ef71n,
      typerHigh: 0n,
      cbaser: 0n,
      cwriter: 0n,
      creadr: 0n,
      basers: [0x1907_0000_0000_0600n, 0x1c07_0000_0000_0600n, 0n, 0n, 0n, 0n, 0n, 0n],
      ids: [0x40n, 0x92n, 0xb4n, 0x3bn, 0x0dn, 0xf0n, 0x05n, 0xb1n],
    });
  });

  test('qemu-virt', () => {
    expect(read(qemu())).toEqual({
      ctlr: 0x8000_0000n,
      iidr: 0x43bn,
      typer: 0x1f_0001_efb1n,
      typerHigh: 0x1fn,
      cbaser: 0n,
      cwriter: 0n,
      creadr: 0n,
      basers: [0x0107_0000_0000_0200n, 0x0407_0000_0000_0200n, 0n, 0n, 0n, 0n, 0n, 0n],
      ids: [0x44n, 0x94n, 0xb4n, 0x3bn, 0x0dn, 0xf0n, 0x05n, 0xb1n],
    });
  });
});

describe('accesses', () => {
  test('of the wrong size, misaligned, or to nothing read zero and write nothing', () => {
    const { its } = new Board();
    for (const [offset, bytes] of [
      [gits.CTLR, 8], // 32 bits wide
      [gits.CTLR, 1],
      [0x8, 2],
      [0xa, 4],
      [0x84, 8],
      [0x20, 4],
      [0x98, 8],
      [0x140, 8],
      [0xffe8, 8],
      [0x1_0040, 4],
      [0x1_ffff, 1],
    ] as const)
      expect([offset, its.read(offset, bytes)]).toEqual([offset, 0n]);
    its.write(gits.BASER0, 1, 0xffn);
    its.write(gits.BASER0 + 4, 8, VALID);
    its.write(gits.BASER0 + 2, 4, 0xffff_ffffn);
    expect(its.read(gits.BASER0, 8)).toBe(0x1907_0000_0000_0600n);
    its.write(gits.BASER0, 4, 0x4000_0000n);
    expect(its.read(gits.BASER0, 8)).toBe(0x1907_0000_4000_0200n);
  });

  test('to read-only registers change nothing', () => {
    const board = new Board();
    for (const offset of [0x8, gits.CREADR, 0x110]) board.its.write(offset, 8, 0xffff_ffff_ffff_ffffn);
    board.its.write(gits.IIDR, 4, 0xffff_ffffn);
    board.its.write(gits.PIDR2, 4, 0xffn);
    expect(board.its.read(gits.TYPER, 8)).toBe(0x1_ef71n);
    expect(board.read(gits.CREADR)).toBe(0n);
    expect(board.read(gits.BASER + 0x10)).toBe(0n);
    expect(board.its.read(gits.IIDR, 4)).toBe(0x4b00_043bn);
    expect(board.its.read(gits.PIDR2, 4)).toBe(0x3bn);
  });
});

describe('GITS_BASERn', () => {
  /** What is written to gits.BASER0 or 1, and what reads back under each personality. */
  const table: readonly [what: string, at: number, written: bigint, kvm: bigint, qemu: bigint][] = [
    [
      'type and entry size',
      gits.BASER0,
      0x871f_0000_4120_0200n,
      0x9907_0000_4120_0200n,
      0x8107_0000_4120_0200n,
    ],
    ['collections', gits.BASER1, 0x8000_0000_4130_0200n, 0x9c07_0000_4130_0200n, 0x8407_0000_4130_0200n],
    ['pages of 4 KiB', gits.BASER0, 0x8000_0000_4120_0001n, 0x9907_0000_4120_0201n, 0x8107_0000_4120_0001n],
    ['pages of 16 KiB', gits.BASER0, 0x8000_0000_4120_0100n, 0x9907_0000_4120_0200n, 0x8107_0000_4120_0100n],
    [
      'two-level devices',
      gits.BASER0,
      0xc000_0000_4120_0200n,
      0xd907_0000_4120_0200n,
      0xc107_0000_4120_0200n,
    ],
    [
      'two-level collections',
      gits.BASER1,
      0xc000_0000_4130_0200n,
      0x9c07_0000_4130_0200n,
      0xc407_0000_4130_0200n,
    ],
    ['Outer Shareable', gits.BASER0, 0x8000_0000_4120_0a00n, 0x9907_0000_4120_0600n, 0x8107_0000_4120_0a00n],
    [
      'inner cacheability RaWaWb',
      gits.BASER0,
      0xb800_0000_4120_0200n,
      0xb907_0000_4120_0200n,
      0xb907_0000_4120_0200n,
    ],
    [
      'inner non-cacheable',
      gits.BASER0,
      0x8800_0000_4120_0200n,
      0x9907_0000_4120_0200n,
      0x8907_0000_4120_0200n,
    ],
    [
      'outer cacheability',
      gits.BASER0,
      0x8060_0000_4120_0200n,
      0x9907_0000_4120_0200n,
      0x8167_0000_4120_0200n,
    ],
    [
      'outer non-cacheable',
      gits.BASER0,
      0x8020_0000_4120_0200n,
      0x9927_0000_4120_0200n,
      0x8127_0000_4120_0200n,
    ],
  ];

  test.each(table)('%s', (_, at, written, asKvm, asQemu) => {
    const [kvm, virt] = [new Board(), qemu()];
    kvm.its.write(at, 8, written);
    virt.its.write(at, 8, written);
    expect([kvm.read(at).toString(16), virt.read(at).toString(16)]).toEqual([
      asKvm.toString(16),
      asQemu.toString(16),
    ]);
  });

  test('can be written by halves', () => {
    const board = new Board();
    board.its.write(gits.BASER0 + 4, 4, 0x8000_0000n);
    board.its.write(gits.BASER0, 4, 0x4120_0203n);
    expect(board.read(gits.BASER0)).toBe(0x9907_0000_4120_0203n);
    expect(board.its.read(gits.BASER0, 4)).toBe(0x4120_0203n);
    expect(board.its.read(gits.BASER0 + 4, 4)).toBe(0x9907_0000n);
  });

  test('is frozen, as GITS_CBASER is, while the ITS is enabled', () => {
    const board = new Board().boot();
    const before = [gits.BASER0, gits.BASER1, gits.CBASER].map((at) => board.read(at));
    for (const at of [gits.BASER0, gits.BASER1, gits.CBASER]) board.its.write(at, 8, 0n);
    expect([gits.BASER0, gits.BASER1, gits.CBASER].map((at) => board.read(at))).toEqual(before);
    board.its.write(gits.CTLR, 4, 0n);
    for (const at of [gits.BASER0, gits.BASER1, gits.CBASER]) board.its.write(at, 8, 0n);
    expect([gits.BASER0, gits.BASER1, gits.CBASER].map((at) => board.read(at) & VALID)).toEqual([0n, 0n, 0n]);
  });
});

describe('GITS_CBASER', () => {
  test('kvm aligns and sanitises it, and starts the queue anew', () => {
    const board = new Board();
    board.its.write(gits.CBASER, 8, VALID | BigInt(QUEUE));
    board.its.write(gits.CWRITER, 8, 0x40n);
    board.its.write(gits.CBASER, 8, VALID | BigInt(QUEUE + 0x3000) | 0xfn);
    expect(board.read(gits.CBASER)).toBe(0x9800_0000_0000_000fn | BigInt(QUEUE));
    expect(board.read(gits.CWRITER)).toBe(0n);
    board.its.write(gits.CBASER, 8, 0n);
    expect(board.read(gits.CBASER)).toBe(0x1800_0000_0000_0000n);
  });

  test('qemu-virt keeps it as written, and gits.CWRITER too', () => {
    const board = qemu();
    board.its.write(gits.CWRITER, 8, 0x40n);
    board.its.write(gits.CBASER, 8, VALID | BigInt(QUEUE + 0x3000));
    expect(board.read(gits.CBASER)).toBe(VALID | BigInt(QUEUE + 0x3000));
    expect(board.read(gits.CWRITER)).toBe(0x40n);
    board.its.write(gits.CREADR, 8, 0x60n);
    expect(board.read(gits.CREADR)).toBe(0x60n);
    board.its.write(gits.CBASER, 8, VALID | BigInt(QUEUE));
    expect(board.read(gits.CREADR)).toBe(0n);
  });
});

describe('GITS_CTLR', () => {
  test.each([
    ['BASER0', gits.BASER0, DEVICE_TABLE],
    ['BASER1', gits.BASER1, COLLECTION_TABLE],
    ['CBASER', gits.CBASER, QUEUE],
  ])('kvm does not enable while %s is not valid', (_, register, address) => {
    const board = new Board().boot();
    board.its.write(gits.CTLR, 4, 0n);
    board.its.write(register, 8, BigInt(address));
    board.its.write(gits.CTLR, 4, 1n);
    expect(board.its.read(gits.CTLR, 4)).toBe(0x8000_0000n);
    board.its.write(register, 8, VALID | BigInt(address));
    board.its.write(gits.CTLR, 4, 1n);
    expect(board.its.read(gits.CTLR, 4)).toBe(0x8000_0001n);
  });

  test('qemu-virt does, and then has no tables', () => {
    const board = qemu();
    board.its.write(gits.CTLR, 4, 1n);
    expect(board.its.read(gits.CTLR, 4)).toBe(0x8000_0001n);
    board.its.write(gits.CWRITER, 8, 0x20n);
    expect(board.read(gits.CREADR)).toBe(0n);
  });

  test('keeps no other bit', () => {
    const board = new Board().boot();
    board.its.write(gits.CTLR, 4, 0xffff_fffen);
    expect(board.its.read(gits.CTLR, 4)).toBe(0x8000_0000n);
  });

  test('kvm reads Quiescent from the queue, qemu-virt always as 1', () => {
    for (const [board, waiting] of [
      [new Board().boot(), 0n],
      [qemu().boot(), 0x8000_0000n],
    ] as const) {
      board.its.write(gits.CTLR, 4, 0n);
      board.its.write(gits.CWRITER, 8, 0x20n);
      expect(board.its.read(gits.CTLR, 4)).toBe(waiting);
      board.its.write(gits.CTLR, 4, 1n);
      expect(board.its.read(gits.CTLR, 4)).toBe(0x8000_0001n);
    }
  });
});

test('a vCPU that writes the doorbell itself: nothing under kvm, DeviceID 0 under qemu-virt', () => {
  for (const [board, pending] of [
    [new Board().boot(), false],
    [qemu().boot(), true],
  ] as const) {
    board.run(
      { name: 'MAPD', deviceId: 0, size: 3, ittAddr: ITT, valid: true },
      { name: 'MAPC', collectionId: 0, rdbase: 0, valid: true },
      { name: 'MAPTI', deviceId: 0, eventId: 5, lpi: 8192, collectionId: 0 },
    );
    board.its.write(0x1_0044, 4, 5n);
    board.its.write(0x1_0000, 4, 5n);
    expect(board.lpis.isPending(8192)).toBe(false);
    board.its.write(gits.TRANSLATER, 4, 5n);
    expect(board.lpis.isPending(8192)).toBe(pending);
  }
});

describe('registers for userspace', () => {
  test('have to be named by their own offset, 64-bit ones as a whole', () => {
    const { its } = new Board();
    expect(its.getRegister(gits.CTLR)).toBe(0x8000_0000n);
    expect(its.getRegister(gits.IIDR)).toBe(0x4b00_043bn);
    expect(its.getRegister(gits.TYPER)).toBe(0x1_ef71n);
    expect(its.getRegister(gits.PIDR2)).toBe(0x3bn);
    for (const offset of [0x2, 0xc, 0x84, 0x104, 0xffd2]) expect(its.getRegister(offset)).toBe('EINVAL');
    for (const offset of [0x10, 0x98, 0x140, 0x1_0040]) expect(its.getRegister(offset)).toBe('ENXIO');
    expect(its.setRegister(gits.CBASER + 4, 0n)).toBe('EINVAL');
    expect(its.setRegister(0x98, 0n)).toBe('ENXIO');
  });

  test('CREADR can be set while the ITS is disabled, inside the queue', () => {
    const board = new Board().boot(1);
    expect(board.its.setRegister(gits.CREADR, 0x40n)).toBe('EBUSY');
    board.its.write(gits.CTLR, 4, 0n);
    expect(board.its.setRegister(gits.CREADR, 0x1000n)).toBe('EINVAL');
    expect(board.its.setRegister(gits.CREADR, 0xfe0n)).toBeUndefined();
    expect(board.its.getRegister(gits.CREADR)).toBe(0xfe0n);
  });

  test('IIDR takes the only revision of the tables that there is', () => {
    const { its } = new Board();
    expect(its.setRegister(gits.IIDR, 0x4b00_143bn)).toBe('EINVAL');
    expect(its.setRegister(gits.IIDR, 0x4b00_043bn)).toBeUndefined();
    expect(its.getRegister(gits.IIDR)).toBe(0x4b00_043bn);
  });

  test('the others take what a vCPU could write, and read-only ones ignore it', () => {
    const { its } = new Board();
    expect(its.setRegister(gits.BASER0, VALID | BigInt(DEVICE_TABLE))).toBeUndefined();
    expect(its.getRegister(gits.BASER0)).toBe(0x9907_0000_0000_0200n | BigInt(DEVICE_TABLE));
    expect(its.setRegister(gits.TYPER, 0n)).toBeUndefined();
    expect(its.getRegister(gits.TYPER)).toBe(0x1_ef71n);
    expect(its.setRegister(gits.CTLR, 1n)).toBeUndefined();
    expect(its.getRegister(gits.CTLR)).toBe(0x8000_0000n); // not enabled: two tables are missing
  });
});
