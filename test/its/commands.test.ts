import { describe, expect, test } from 'vitest';
import type { ItsCommand, Packet } from '../../src/arch/its-command.ts';
import { gits } from '../../src/arch/registers.ts';
import { ITS_PERSONALITIES } from '../../src/its/personality.ts';
import { Board, COLLECTION_TABLE, DEVICE_TABLE, ITT, NO_VCPU } from './board.ts';

const VALID = 1n << 63n;

const mapd = (deviceId: number, bits = 4): ItsCommand => ({
  name: 'MAPD',
  deviceId,
  size: bits - 1,
  ittAddr: ITT + (deviceId & 0xff) * 0x1000,
  valid: true,
});
const unmapd = (deviceId: number): ItsCommand => ({
  name: 'MAPD',
  deviceId,
  size: 0,
  ittAddr: 0,
  valid: false,
});
const mapc = (collectionId: number, rdbase: number): ItsCommand => ({
  name: 'MAPC',
  collectionId,
  rdbase,
  valid: true,
});
const unmapc = (collectionId: number, rdbase = 0): ItsCommand => ({
  name: 'MAPC',
  collectionId,
  rdbase,
  valid: false,
});
const mapti = (deviceId: number, eventId: number, lpi: number, collectionId: number): ItsCommand => ({
  name: 'MAPTI',
  deviceId,
  eventId,
  lpi,
  collectionId,
});
const movi = (deviceId: number, eventId: number, collectionId: number): ItsCommand => ({
  name: 'MOVI',
  deviceId,
  eventId,
  collectionId,
});
const on = (name: 'INT' | 'CLEAR' | 'DISCARD' | 'INV', deviceId: number, eventId: number): ItsCommand => ({
  name,
  deviceId,
  eventId,
});
const invall = (collectionId: number): ItsCommand => ({ name: 'INVALL', collectionId });

/** Device 8 with event 0 as LPI 8192 in collection 0 on vCPU 0, and collection 1 on vCPU 1. */
function mapped(options: ConstructorParameters<typeof Board>[0] = {}): Board {
  const board = new Board(options).boot();
  expect(board.run(mapd(8), mapc(0, 0), mapc(1, 1), mapti(8, 0, 8192, 0))).toEqual([]);
  return board;
}

/** Each error: the command that makes it and, as companion, the same command made right. */
const MISTAKES: readonly {
  readonly error: string;
  readonly when: string;
  readonly before?: readonly ItsCommand[];
  readonly wrong: ItsCommand | Packet;
  readonly right: ItsCommand | Packet;
}[] = [
  {
    error: 'E_ITS_MOVI_UNMAPPED_INTERRUPT',
    when: 'MOVI of an event that is not mapped',
    wrong: movi(8, 1, 1),
    right: movi(8, 0, 1),
  },
  {
    error: 'E_ITS_MOVI_UNMAPPED_COLLECTION',
    when: 'MOVI to a collection that is not mapped',
    wrong: movi(8, 0, 7),
    right: movi(8, 0, 1),
  },
  {
    error: 'E_ITS_MOVI_UNMAPPED_COLLECTION',
    when: 'MOVI to a collection that an event named but MAPC never mapped',
    before: [mapti(8, 5, 8197, 7)],
    wrong: movi(8, 0, 7),
    right: movi(8, 0, 1),
  },
  {
    error: 'E_ITS_MOVI_UNMAPPED_COLLECTION',
    when: 'MOVI from a collection that is not mapped',
    before: [mapti(8, 5, 8197, 7)],
    wrong: movi(8, 5, 1),
    right: movi(8, 0, 1),
  },
  {
    error: 'E_ITS_INT_UNMAPPED_INTERRUPT',
    when: 'INT of an event that is not mapped',
    wrong: on('INT', 8, 1),
    right: on('INT', 8, 0),
  },
  {
    error: 'E_ITS_INT_UNMAPPED_INTERRUPT',
    when: 'INT in a collection that is not mapped',
    before: [mapti(8, 5, 8197, 7)],
    wrong: on('INT', 8, 5),
    right: on('INT', 8, 0),
  },
  {
    error: 'E_ITS_CLEAR_UNMAPPED_INTERRUPT',
    when: 'CLEAR of an event that is not mapped',
    wrong: on('CLEAR', 8, 1),
    right: on('CLEAR', 8, 0),
  },
  {
    error: 'E_ITS_MAPD_DEVICE_OOR',
    when: 'MAPD past the device table, 8192 entries',
    wrong: mapd(8192),
    right: mapd(8191),
  },
  {
    error: 'E_ITS_MAPD_DEVICE_OOR',
    when: 'MAPD of a DeviceID of more than 16 bits',
    wrong: mapd(0x8000_0000),
    right: mapd(0),
  },
  {
    error: 'E_ITS_MAPD_DEVICE_OOR',
    when: 'MAPD V=0 past the device table',
    wrong: unmapd(8192),
    right: unmapd(100),
  },
  {
    error: 'E_ITS_MAPD_ITTSIZE_OOR',
    when: 'MAPD with 17 EventID bits',
    wrong: mapd(9, 17),
    right: mapd(9, 16),
  },
  {
    error: 'E_ITS_MAPC_PROCNUM_OOR',
    when: 'MAPC to a vCPU that is not there',
    wrong: mapc(2, 4),
    right: mapc(2, 3),
  },
  {
    error: 'E_ITS_MAPC_COLLECTION_OOR',
    when: 'MAPC past the collection table',
    wrong: mapc(8192, 0),
    right: mapc(8191, 0),
  },
  {
    error: 'E_ITS_MAPC_COLLECTION_OOR',
    when: 'MAPTI into a new collection past the table',
    wrong: mapti(8, 1, 8193, 8192),
    right: mapti(8, 1, 8193, 8191),
  },
  {
    error: 'E_ITS_MAPTI_UNMAPPED_DEVICE',
    when: 'MAPTI of a device that is not mapped',
    wrong: mapti(9, 0, 8193, 0),
    right: mapti(8, 1, 8193, 0),
  },
  {
    error: 'E_ITS_MAPTI_ID_OOR',
    when: 'MAPTI past the EventID bits',
    wrong: mapti(8, 16, 8193, 0),
    right: mapti(8, 15, 8193, 0),
  },
  {
    error: 'E_ITS_MAPTI_PHYSICALID_OOR',
    when: 'MAPTI to an INTID below the LPIs',
    wrong: mapti(8, 1, 8191, 0),
    right: mapti(8, 1, 8192, 0),
  },
  {
    error: 'E_ITS_MAPTI_PHYSICALID_OOR',
    when: 'MAPTI to an INTID past 16 bits',
    wrong: mapti(8, 1, 65_536, 0),
    right: mapti(8, 1, 65_535, 0),
  },
  {
    error: 'E_ITS_MAPTI_PHYSICALID_OOR',
    when: 'MAPI of an event whose number is no LPI',
    before: [mapd(9, 14)],
    wrong: { name: 'MAPI', deviceId: 9, eventId: 8191, collectionId: 0 },
    right: { name: 'MAPI', deviceId: 9, eventId: 8192, collectionId: 0 },
  },
  {
    error: 'E_ITS_INV_UNMAPPED_INTERRUPT',
    when: 'INV of an event that is not mapped',
    wrong: on('INV', 9, 0),
    right: on('INV', 8, 0),
  },
  {
    error: 'E_ITS_INVALL_UNMAPPED_COLLECTION',
    when: 'INVALL of a collection that is not mapped',
    wrong: invall(7),
    right: invall(1),
  },
  {
    error: 'E_ITS_MOVALL_PROCNUM_OOR',
    when: 'MOVALL from a vCPU that is not there',
    wrong: { name: 'MOVALL', rdbase: 4, rdbase2: 0 },
    right: { name: 'MOVALL', rdbase: 3, rdbase2: 0 },
  },
  {
    error: 'E_ITS_MOVALL_PROCNUM_OOR',
    when: 'MOVALL to a vCPU that is not there',
    wrong: { name: 'MOVALL', rdbase: 0, rdbase2: 4 },
    right: { name: 'MOVALL', rdbase: 0, rdbase2: 3 },
  },
  {
    error: 'E_ITS_DISCARD_UNMAPPED_INTERRUPT',
    when: 'DISCARD of an event that is not mapped',
    wrong: on('DISCARD', 8, 1),
    right: on('DISCARD', 8, 0),
  },
  {
    error: 'E_ITS_DISCARD_UNMAPPED_INTERRUPT',
    when: 'DISCARD in a collection that is not mapped',
    before: [mapti(8, 5, 8197, 7)],
    wrong: on('DISCARD', 8, 5),
    right: on('DISCARD', 8, 0),
  },
  {
    error: 'ENODEV',
    when: 'a command of GICv4',
    wrong: [0x29, 0, 0, 0, 0, 0, 0, 0],
    right: { name: 'SYNC', rdbase: 0 },
  },
];

describe('a guest that makes a mistake', () => {
  test.each(MISTAKES)('$when: $error', ({ error, before = [], wrong, right }) => {
    const board = mapped();
    expect(board.run(...before)).toEqual([]);
    const mappings = board.its.mappings();
    expect(board.run(wrong)).toEqual([error]);
    expect(board.its.mappings()).toEqual(mappings);
    expect(board.its.errors()).toMatchObject([{ name: error, count: 1 }]);
    expect(board.run(right)).toEqual([]);
  });

  test('sees no sign of it: CREADR moves on, and the next command runs', () => {
    const board = mapped();
    expect(board.run(on('INT', 9, 9), on('INT', 8, 0))).toEqual(['E_ITS_INT_UNMAPPED_INTERRUPT']);
    expect(board.read(gits.CREADR)).toBe(BigInt(board.tail));
    expect(board.lpis.isPending(8192)).toBe(true);
  });

  test('finds the failed command with its bytes among the last sixteen', () => {
    const board = mapped();
    for (let eventId = 0; eventId < 20; eventId++) board.run(on('INV', 9, eventId));
    const recent = board.its.recentErrors();
    expect(recent.map(({ command }) => command)).toEqual(
      Array.from({ length: 16 }, (_, index) => on('INV', 9, 4 + index)),
    );
    expect(recent[0]).toMatchObject({ nth: 4, code: 0x010c07, offset: (4 + 4) * 32 });
    expect(board.its.errors()).toEqual([{ code: 0x010c07, name: 'E_ITS_INV_UNMAPPED_INTERRUPT', count: 20 }]);
  });

  test('EBUSY: INT while the LPIs of the redistributor are off', () => {
    const board = mapped();
    board.lpis.off.add(0);
    expect(board.run(on('INT', 8, 0))).toEqual(['EBUSY']);
    board.lpis.off.delete(0);
    expect(board.run(on('INT', 8, 0))).toEqual([]);
  });

  test('EFAULT: MAPTI and INV without a readable configuration table', () => {
    const board = mapped();
    board.lpis.config.set(8193, undefined);
    expect(board.run(mapti(8, 1, 8193, 9))).toEqual(['EFAULT']);
    expect(board.lpis.isMapped(8193)).toBe(false);
    board.lpis.config.set(8193, 0xa1);
    expect(board.run(mapti(8, 1, 8193, 9))).toEqual([]);
    board.lpis.config.set(8193, undefined);
    expect(board.run(on('INV', 8, 1))).toEqual(['EFAULT']);
  });

  test('qemu-virt maps without a configuration table; the LPI starts disabled', () => {
    const board = new Board({ personality: ITS_PERSONALITIES['qemu-virt'] }).boot();
    board.lpis.config.set(8193, undefined);
    expect(board.run(mapd(8), mapc(0, 0), mapti(8, 1, 8193, 0))).toEqual([]);
    expect(board.lpis.of(8193)).toMatchObject({ config: 0, target: 0 });
    expect(board.run(on('INV', 8, 1))).toEqual(['EFAULT']);
  });

  test('EFAULT: DISCARD whose ITT lies outside memory unmaps, and says so', () => {
    // KVM's MAPTI refuses such an ITT.
    const board = mapped({ personality: ITS_PERSONALITIES['qemu-virt'] });
    const far: ItsCommand = { name: 'MAPD', deviceId: 9, size: 1, ittAddr: 0x9000_0000, valid: true };
    expect(board.run(far, mapti(9, 0, 8193, 0), on('DISCARD', 9, 0))).toEqual(['EFAULT']);
    expect(board.lpis.isMapped(8193)).toBe(false);
  });

  test('ENOMEM: no room for one more device, event or collection', () => {
    const small = new Board({ config: { devices: 2, events: 3, collections: 2 } }).boot();
    expect(small.run(mapd(1), mapd(2), mapc(0, 0), mapti(1, 0, 8192, 0), mapti(1, 1, 8193, 1))).toEqual([]);
    expect(small.run(mapd(3))).toEqual(['ENOMEM']);
    expect(small.run(mapc(2, 0))).toEqual(['ENOMEM']);
    expect(small.run(mapti(1, 2, 8194, 2))).toEqual(['ENOMEM']);
    expect(small.run(mapti(1, 2, 8194, 0))).toEqual([]);
    expect(small.run(mapti(2, 0, 8195, 0))).toEqual(['ENOMEM']);
    expect(small.lpis.isMapped(8195)).toBe(false);
    // What is given back can be used again.
    expect(small.run(on('DISCARD', 1, 0), mapti(2, 0, 8195, 0), unmapd(1), mapd(3))).toEqual([]);
    expect(small.run(unmapc(1), mapc(2, 0))).toEqual([]);
  });

  test('PROPBASER bounds the LPIs that can be mapped', () => {
    const board = mapped();
    board.lpis.idBits = 14;
    expect(board.run(mapti(8, 1, 16_384, 0))).toEqual(['E_ITS_MAPTI_PHYSICALID_OOR']);
    expect(board.run(mapti(8, 1, 16_383, 0))).toEqual([]);
    board.lpis.idBits = 13;
    expect(board.run(mapti(8, 2, 8192, 0))).toEqual(['E_ITS_MAPTI_PHYSICALID_OOR']);
  });
});

describe('the effects of commands', () => {
  test('MAPTI reads the configuration byte and takes over the pending bit', () => {
    const board = mapped();
    board.lpis.config.set(8193, 0x43);
    board.lpis.pendingTable.add('1:8193');
    board.run(mapti(8, 1, 8193, 1), mapti(8, 2, 8194, 1));
    expect(board.lpis.of(8193)).toEqual({ mappings: 1, target: 1, config: 0x43, pending: true });
    expect(board.lpis.of(8194)).toMatchObject({ pending: false });
    expect(board.lpis.pendingTable.size).toBe(0);
  });

  test('MAPTI over a mapping changes nothing', () => {
    const board = mapped();
    expect(board.run(mapti(8, 0, 8200, 1))).toEqual([]);
    expect(board.its.mappings()).toEqual([{ deviceId: 8, eventId: 0, lpi: 8192, vcpu: 0 }]);
    expect(board.lpis.isMapped(8200)).toBe(false);
  });

  test('MAPTI into a collection never mapped waits for MAPC', () => {
    const board = mapped();
    board.lpis.pendingTable.add('3:8193');
    expect(board.run(mapti(8, 1, 8193, 5))).toEqual([]);
    expect(board.lpis.targetOf(8193)).toBe(NO_VCPU);
    expect(board.inject(8, 1)).toBe(0);
    expect(board.run(mapc(5, 3), invall(5))).toEqual([]);
    expect(board.lpis.targetOf(8193)).toBe(3);
    expect(board.inject(8, 1)).toBe(1);
    // The pending table was not looked at: it had no redistributor when the LPI came to life.
    expect(board.lpis.pendingTable.has('3:8193')).toBe(true);
  });

  test('MAPC elsewhere takes all LPIs of the collection along, and only those', () => {
    const board = mapped();
    board.run(mapti(8, 1, 8193, 0), mapti(8, 2, 8194, 1), mapc(0, 2));
    expect([8192, 8193, 8194].map((lpi) => board.lpis.targetOf(lpi))).toEqual([2, 2, 1]);
  });

  test('MAPC V=0 cuts events loose for good; MAPD heals', () => {
    const board = mapped();
    expect(board.run(unmapc(0, 99))).toEqual([]);
    expect(board.run(mapc(0, 0))).toEqual([]);
    expect(board.inject(8, 0)).toBe(0);
    expect(board.run(movi(8, 0, 1))).toEqual(['E_ITS_MOVI_UNMAPPED_COLLECTION']);
    expect(board.run(on('DISCARD', 8, 0))).toEqual(['E_ITS_DISCARD_UNMAPPED_INTERRUPT']);
    expect(board.run(mapti(8, 0, 8192, 0))).toEqual([]);
    expect(board.inject(8, 0)).toBe(0);
    expect(board.run(mapd(8), mapti(8, 0, 8192, 0))).toEqual([]);
    expect(board.inject(8, 0)).toBe(1);
  });

  test('two events share an LPI until both are gone', () => {
    const board = mapped();
    board.run(mapti(8, 1, 8192, 1));
    expect(board.lpis.of(8192)).toMatchObject({ mappings: 2, target: 0 });
    board.inject(8, 1);
    board.run(on('DISCARD', 8, 0));
    expect(board.lpis.of(8192)).toMatchObject({ mappings: 1, pending: true });
    board.run(on('DISCARD', 8, 1));
    expect(board.lpis.isMapped(8192)).toBe(false);
  });

  test('MAPD again drops the events and what was pending', () => {
    const board = mapped();
    board.run(mapti(8, 1, 8193, 0));
    board.inject(8, 0);
    expect(board.run(mapd(8))).toEqual([]);
    expect(board.its.mappings()).toEqual([]);
    board.run(mapti(8, 0, 8192, 0));
    expect(board.lpis.isPending(8192)).toBe(false);
  });

  test('MAPD V=0 and DISCARD zero the entry in memory', () => {
    const board = mapped();
    const dte = DEVICE_TABLE + 8 * 8;
    const ite = ITT + 8 * 0x1000;
    board.memory.setDoubleWord(dte, 0xffn);
    board.memory.setDoubleWord(ite, 0xffn);
    board.run(on('DISCARD', 8, 0));
    expect([board.memory.doubleWord(ite), board.memory.doubleWord(dte)]).toEqual([0n, 0xffn]);
    board.run(unmapd(8));
    expect(board.memory.doubleWord(dte)).toBe(0n);
  });

  test('CLEAR and INT move the latch, whatever the collection', () => {
    const board = mapped();
    board.run(on('INT', 8, 0));
    expect(board.lpis.isPending(8192)).toBe(true);
    board.run(unmapc(0), on('CLEAR', 8, 0));
    expect(board.lpis.isPending(8192)).toBe(false);
  });

  test('INV and INVALL read configuration again: one LPI, or all that go to the vCPU', () => {
    const board = mapped();
    board.run(mapc(2, 0), mapti(8, 1, 8193, 2), mapti(8, 2, 8194, 1));
    for (const lpi of [8192, 8193, 8194]) board.lpis.config.set(lpi, 0x20);
    const configs = () => [8192, 8193, 8194].map((lpi) => board.lpis.of(lpi).config);
    expect(configs()).toEqual([0xa1, 0xa1, 0xa1]);
    board.run(on('INV', 8, 1));
    expect(configs()).toEqual([0xa1, 0x20, 0xa1]);
    board.run(invall(2));
    expect(configs()).toEqual([0x20, 0x20, 0xa1]);
  });

  test('MOVALL moves the LPIs of one vCPU, and not its collections', () => {
    const board = mapped();
    board.run(mapti(8, 1, 8193, 1), { name: 'MOVALL', rdbase: 0, rdbase2: 3 });
    expect([8192, 8193].map((lpi) => board.lpis.targetOf(lpi))).toEqual([3, 1]);
    board.run(mapti(8, 2, 8194, 0));
    expect(board.lpis.targetOf(8194)).toBe(0);
  });

  test('invalid tables: gits.BASER0 takes the devices, gits.BASER1 the collections', () => {
    const board = mapped();
    const shut = (baser: number, table: number) => {
      board.its.write(gits.CTLR, 4, 0n);
      board.its.write(baser, 8, 0n);
      board.its.write(baser, 8, VALID | BigInt(table));
      board.its.write(gits.CTLR, 4, 1n);
    };
    shut(gits.BASER1, COLLECTION_TABLE);
    expect(board.its.mappings()).toEqual([{ deviceId: 8, eventId: 0, lpi: 8192, vcpu: -1 }]);
    expect(board.run(invall(1))).toEqual(['E_ITS_INVALL_UNMAPPED_COLLECTION']);
    shut(gits.BASER0, DEVICE_TABLE);
    expect(board.its.mappings()).toEqual([]);
    expect(board.lpis.lpis.size).toBe(0);
  });
});
