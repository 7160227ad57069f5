import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GICD_BYTES, GICR_STRIDE, GITS_BYTES, SGI_FRAME } from '../../src/arch/frames.ts';
import {
  decodeCommand,
  encodeCommand,
  fieldOf,
  ITS_COMMANDS,
  type ItsCommand,
  type ItsCommandName,
  VIRTUAL_COMMANDS,
  type VirtualCommand,
} from '../../src/arch/its-command.ts';
import { lpiConfig } from '../../src/arch/lpi-config.ts';
import { gicd, gicr, gits, wordOf } from '../../src/arch/registers.ts';

/** `NAME offset`, as the tables of the architecture list them. The tests elsewhere use the names; here are the numbers. */
const listed = (registers: Readonly<Record<string, number>>) =>
  Object.entries(registers)
    .map(([name, offset]) => `${name} ${offset.toString(16)}`)
    .join(' ');

describe('register offsets', () => {
  test('of the distributor are those of the architecture', () => {
    expect(listed(gicd)).toBe(
      'CTLR 0 TYPER 4 IIDR 8 TYPER2 c STATUSR 10 SETSPI_NSR 40 CLRSPI_NSR 48 SETSPI_SR 50 CLRSPI_SR 58 ' +
        'IGROUPR 80 ISENABLER 100 ICENABLER 180 ISPENDR 200 ICPENDR 280 ISACTIVER 300 ICACTIVER 380 ' +
        'IPRIORITYR 400 ICFGR c00 IGRPMODR d00 NSACR e00 ITARGETSR 800 SGIR f00 CPENDSGIR f10 SPENDSGIR f20 ' +
        'IROUTER 6000 PIDR4 ffd0 PIDR2 ffe8',
    );
  });

  test('of a redistributor are those of the architecture, the SGI frame 64 KiB above', () => {
    expect(listed(gicr)).toBe(
      'CTLR 0 IIDR 4 TYPER 8 STATUSR 10 WAKER 14 SETLPIR 40 CLRLPIR 48 PROPBASER 70 PENDBASER 78 INVLPIR a0 ' +
        'INVALLR b0 SYNCR c0 PIDR4 ffd0 PIDR2 ffe8 IGROUPR0 10080 ISENABLER0 10100 ICENABLER0 10180 ' +
        'ISPENDR0 10200 ICPENDR0 10280 ISACTIVER0 10300 ICACTIVER0 10380 IPRIORITYR 10400 ICFGR0 10c00 ' +
        'ICFGR1 10c04 IGRPMODR0 10d00 NSACR 10e00 VPROPBASER 20070 VPENDBASER 20078 VSGIR 20080 VSGIPENDR 20088',
    );
  });

  test('of an ITS are those of the architecture, the doorbell in the second frame', () => {
    expect(listed(gits)).toBe(
      'CTLR 0 IIDR 4 TYPER 8 CBASER 80 CWRITER 88 CREADR 90 BASER 100 BASER0 100 BASER1 108 PIDR4 ffd0 ' +
        'PIDR0 ffe0 PIDR2 ffe8 BASER2 110 TRANSLATER 10040 SGIR 20020',
    );
  });

  test('frames are of 64 KiB: one for the distributor, two for a redistributor and an ITS', () => {
    expect([GICD_BYTES, GICR_STRIDE, SGI_FRAME, GITS_BYTES]).toEqual([65_536, 131_072, 65_536, 131_072]);
  });

  test('the register of an interrupt is found by the width of its field', () => {
    expect(wordOf(gicd.ISENABLER, 31)).toBe(0x100);
    expect(wordOf(gicd.ISENABLER, 32)).toBe(0x104);
    expect(wordOf(gicd.ICFGR, 47, 2)).toBe(0xc08);
    expect(wordOf(gicd.IPRIORITYR, 41, 8)).toBe(0x428);
  });

  test('the configuration byte of an LPI has its priority in bits 7:2', () => {
    expect([lpiConfig(0xa0), lpiConfig(0xa0, false), lpiConfig(0xff)]).toEqual([0xa1, 0xa0, 0xfd]);
  });
});

/** Each command's four double words, written out field by field as the architecture draws them. */
const DRAWN: { [N in ItsCommandName]: (c: Extract<ItsCommand, { name: N }>) => readonly bigint[] } = {
  MOVI: (c) => [0x01n | (b(c.deviceId) << 32n), b(c.eventId), b(c.collectionId), 0n],
  INT: (c) => [0x03n | (b(c.deviceId) << 32n), b(c.eventId), 0n, 0n],
  CLEAR: (c) => [0x04n | (b(c.deviceId) << 32n), b(c.eventId), 0n, 0n],
  SYNC: (c) => [0x05n, 0n, b(c.rdbase) << 16n, 0n],
  MAPD: (c) => [0x08n | (b(c.deviceId) << 32n), b(c.size), b(c.ittAddr) | (b(c.valid) << 63n), 0n],
  MAPC: (c) => [0x09n, 0n, b(c.collectionId) | (b(c.rdbase) << 16n) | (b(c.valid) << 63n), 0n],
  MAPTI: (c) => [0x0an | (b(c.deviceId) << 32n), b(c.eventId) | (b(c.lpi) << 32n), b(c.collectionId), 0n],
  MAPI: (c) => [0x0bn | (b(c.deviceId) << 32n), b(c.eventId), b(c.collectionId), 0n],
  INV: (c) => [0x0cn | (b(c.deviceId) << 32n), b(c.eventId), 0n, 0n],
  INVALL: (c) => [0x0dn, 0n, b(c.collectionId), 0n],
  MOVALL: (c) => [0x0en, 0n, b(c.rdbase) << 16n, b(c.rdbase2) << 16n],
  DISCARD: (c) => [0x0fn | (b(c.deviceId) << 32n), b(c.eventId), 0n, 0n],
};

const b = (value: number | boolean) => BigInt(Number(value));

/** Any value that the field has room for. */
const FIELDS = {
  deviceId: fc.nat({ max: 0xffff_ffff }),
  eventId: fc.nat({ max: 0xffff_ffff }),
  lpi: fc.nat({ max: 0xffff_ffff }),
  collectionId: fc.nat({ max: 0xffff }),
  size: fc.nat({ max: 31 }),
  ittAddr: fc.nat({ max: 2 ** 44 - 1 }).map((unit) => unit * 256),
  rdbase: fc.nat({ max: 0xffff_ffff }),
  rdbase2: fc.nat({ max: 0xffff_ffff }),
  valid: fc.boolean(),
};

describe('a command for vPEs', () => {
  const device = { deviceId: 0x1234, eventId: 0x56 };
  const [vpe, rdbase, doorbell] = [0xabcd, 3, 1023];
  const DRAWN_VIRTUAL: readonly (readonly [VirtualCommand, readonly bigint[]])[] = [
    [{ name: 'VMOVI', ...device, vpe }, [0x1234_0000_0021n, 0xabcd_0000_0056n, 0n, 0n]],
    [
      { name: 'VMOVP', vpe, rdbase, hasDoorbell: true, movedDoorbell: 0x2001 },
      [0x22n, 0xabcd_0000_0000n, 0x8000_0000_0003_0000n, 0x2001n],
    ],
    [{ name: 'VSGI', vpe, sgi: 5, enable: true, clear: false }, [0x5_0000_0123n, 0xabcd_0000_0000n, 0n, 0n]],
    [{ name: 'VSGI', vpe, sgi: 15, enable: false, clear: true }, [0xf_0000_0223n, 0xabcd_0000_0000n, 0n, 0n]],
    [{ name: 'VSYNC', vpe }, [0x25n, 0xabcd_0000_0000n, 0n, 0n]],
    [
      {
        ...{
          name: 'VMAPP',
          vpe,
          rdbase,
          valid: true,
          alloc: true,
          pendingZero: true,
          defaultDoorbell: 0x2002,
        },
        ...{ configAddr: 0xf_0000_0001_0000, pendingAddr: 0xf_0000_0002_0000, pendingBits: 15 },
      },
      [0xf_0000_0001_0329n, 0xabcd_0000_2002n, 0x8000_0000_0003_0000n, 0xf_0000_0002_000fn],
    ],
    [
      { name: 'VMAPTI', ...device, vpe, virtualLpi: 0x2003, doorbell },
      [0x1234_0000_002an, 0xabcd_0000_0056n, 0x3ff_0000_2003n, 0n],
    ],
    [
      { name: 'VMAPI', ...device, vpe, doorbell },
      [0x1234_0000_002bn, 0xabcd_0000_0056n, 0x3ff_0000_0000n, 0n],
    ],
    [{ name: 'VINVALL', vpe }, [0x2dn, 0xabcd_0000_0000n, 0n, 0n]],
    [{ name: 'INVDB', vpe }, [0x2en, 0xabcd_0000_0000n, 0n, 0n]],
  ];

  test.each(DRAWN_VIRTUAL)('%j is laid out as GICv4.1 draws it', (command, drawn) => {
    const packet = encodeCommand(command);
    const double = (at: number) =>
      (BigInt.asUintN(32, b(packet[at + 1] ?? 0)) << 32n) | BigInt.asUintN(32, b(packet[at] ?? 0));
    expect([0, 2, 4, 6].map(double)).toEqual(drawn);
    const row = VIRTUAL_COMMANDS[command.name];
    for (const field of row.fields)
      expect(fieldOf[field](packet), field).toBe(Number(command[field as keyof typeof command]));
  });
});

describe.each(Object.keys(ITS_COMMANDS) as ItsCommandName[])('%s', (name) => {
  const fields = Object.fromEntries(ITS_COMMANDS[name].fields.map((field) => [field, FIELDS[field]]));
  const command = fc.record({ name: fc.constant(name), ...fields }) as fc.Arbitrary<ItsCommand>;

  test('is laid out as the architecture draws it', () => {
    fc.assert(
      fc.property(command, (given) => {
        const packet = encodeCommand(given);
        const doubles = [0, 2, 4, 6].map(
          (at) =>
            (BigInt.asUintN(32, b(packet[at + 1] ?? 0)) << 32n) | BigInt.asUintN(32, b(packet[at] ?? 0)),
        );
        const drawn = DRAWN[name] as (command: ItsCommand) => readonly bigint[];
        expect(doubles).toEqual(drawn(given));
      }),
    );
  });

  test('is read back as it was written', () => {
    fc.assert(
      fc.property(command, (given) => {
        expect(decodeCommand(encodeCommand(given))).toEqual(given);
      }),
    );
  });
});
