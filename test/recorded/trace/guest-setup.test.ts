import { describe, expect, test } from 'vitest';
import type { ItsCommand } from '../../../src/arch/its-command.ts';
import type { GuestEvent } from '../../../src/recorded/trace/guest-event.ts';
import { MappingLedger } from '../../../src/recorded/trace/guest-mappings.ts';
import { guestMemory, mergeRanges } from '../../../src/recorded/trace/guest-memory.ts';
import { setupCommands, setupOf, summarise } from '../../../src/recorded/trace/guest-setup.ts';
import { type GuestTrace, readGuestTrace } from '../../../src/recorded/trace/guest-trace.ts';

const linux = readGuestTrace(
  new URL('../../../data/guests/linux-2cpu-virtio.jsonl.gz', import.meta.url).pathname,
);
const traceOf = (events: GuestEvent[]): GuestTrace => ({ ...linux, file: 'x', events });
const commandsOf = (...commands: ItsCommand[]) =>
  traceOf(commands.map((command) => ({ op: 'command', command })));

describe('the setup of the recorded Linux guest', () => {
  const setup = setupOf(linux);

  test('is that of the boot, when all three devices were bound', () => {
    expect(setup.devices.map(({ deviceId, bits }) => [deviceId, bits])).toEqual([
      [8, 2],
      [16, 2],
      [24, 1],
    ]);
    expect(
      setup.events.map(({ deviceId, eventId, lpi, rdbase }) => [deviceId, eventId, lpi, rdbase]),
    ).toEqual([
      [8, 0, 8192, 0],
      [8, 1, 8193, 0],
      [8, 2, 8194, 1],
      [16, 0, 8196, 1],
      [16, 1, 8197, 0],
      [16, 2, 8198, 1],
      [24, 0, 8200, 0],
      [24, 1, 8201, 1],
    ]);
    expect(setup.line).toBe(4368);
  });

  test('is made again by its commands, and not by all but one of them', () => {
    const rebuilt = (commands: ItsCommand[]) => {
      const ledger = new MappingLedger();
      for (const command of commands) ledger.apply(command);
      return ledger.events();
    };
    const mapped = setup.events.map(({ rdbase: _, ...event }) => event);
    const commands = setupCommands(setup);
    expect(rebuilt(commands)).toEqual(mapped);
    expect(rebuilt(commands.slice(0, -1))).not.toEqual(mapped);
  });

  test('puts ITTs where it is told', () => {
    const mapd = setupCommands(setup, (_, index) => 0x4000_0000 + index * 0x1000).filter(
      ({ name }) => name === 'MAPD',
    );
    expect(mapd.map((command) => 'ittAddr' in command && command.ittAddr)).toEqual([
      0x4000_0000, 0x4000_1000, 0x4000_2000,
    ]);
  });
});

test('an event in a collection that is not mapped is not part of a setup', () => {
  const setup = setupOf(
    commandsOf(
      { name: 'MAPD', deviceId: 1, size: 0, ittAddr: 0, valid: true },
      { name: 'MAPTI', deviceId: 1, eventId: 0, lpi: 8192, collectionId: 5 },
      { name: 'MAPTI', deviceId: 1, eventId: 1, lpi: 8193, collectionId: 6 },
      { name: 'MAPTI', deviceId: 1, eventId: 2, lpi: 8194, collectionId: 6 }, // past the ITT
      { name: 'MAPC', collectionId: 6, rdbase: 3, valid: true },
      { name: 'MAPD', deviceId: 1, size: 0, ittAddr: 0, valid: false },
    ),
  );
  expect(setup.events).toEqual([{ deviceId: 1, eventId: 1, lpi: 8193, collectionId: 6, rdbase: 3 }]);
  expect(setupOf(traceOf([{ op: 'msi', deviceId: 1, eventId: 1 }]))).toEqual({
    collections: [],
    devices: [],
    events: [],
    line: 1,
  });
});

test('a summary counts what happened', () => {
  const summary = summarise(linux);
  expect(summary).toMatchObject({ cpus: 2, events: 13_359, msis: 1660, moves: 23, spurious: 0 });
  expect(summary.acknowledges).toEqual([2569, 1094]);
  expect(summary.commands).toMatchObject({ MAPD: 5, MAPTI: 11, DISCARD: 3, MOVI: 23 });
  expect(summary.devices.map(({ deviceId, msis }) => [deviceId, msis])).toEqual([
    [8, 1601],
    [16, 25],
    [24, 34],
  ]);
  expect(summary.wires).toEqual([
    { intid: 27, cpu: 0, rises: 730 },
    { intid: 27, cpu: 1, rises: 640 },
  ]);
});

test('a summary keeps what was mapped and is no more', () => {
  const { devices } = summarise(
    commandsOf(
      { name: 'MAPD', deviceId: 7, size: 3, ittAddr: 0, valid: true },
      { name: 'MAPTI', deviceId: 7, eventId: 2, lpi: 8200, collectionId: 0 },
      { name: 'MOVI', deviceId: 7, eventId: 2, collectionId: 1 },
      { name: 'MAPI', deviceId: 7, eventId: 3, collectionId: 0 },
      { name: 'DISCARD', deviceId: 7, eventId: 2 },
    ),
  );
  expect(devices).toMatchObject([
    {
      deviceId: 7,
      bits: 4,
      everMapped: [
        { eventId: 2, lpi: 8200, collectionId: 1 },
        { eventId: 3, lpi: 3 },
      ],
      mappedAtEnd: [{ eventId: 3 }],
    },
  ]);
});

describe('the memory of a guest', () => {
  test('holds the tables that Linux set up, and a page for its indirect device table', () => {
    const { ranges, presets } = guestMemory(linux);
    const holds = (address: number, bytes: number) =>
      ranges.some(({ base, bytes: size }) => base <= address && address + bytes <= base + size);
    expect(holds(0x4258_0000, 0x1_0000)).toBe(true); // queue
    expect(holds(0x4259_0000, 0x1_0000)).toBe(true); // devices, first level
    expect(holds(0x425a_0000, 0x1_0000)).toBe(true); // collections
    expect(holds(0x425b_0000, 2 ** 16 - 8192)).toBe(true); // LPI configuration
    expect(holds(0x425c_0000, 8192) && holds(0x425d_0000, 8192)).toBe(true); // pending, by vCPU
    expect(holds(0x481b_fe00, 48) && holds(0x4318_e600, 24)).toBe(true); // ITTs
    expect(holds(0x4257_ffff, 1)).toBe(false);
    expect(presets).toHaveLength(1);
    expect(presets[0]?.address).toBe(0x4259_0000);
    expect(holds(Number((presets[0]?.value ?? 0n) & 0xffff_ffff_0000n), 0x1_0000)).toBe(true);
    expect(ranges.every(({ base, bytes }) => base % 4096 === 0 && bytes % 4096 === 0)).toBe(true);
  });

  const write = (frame: 'GITS' | 'GICR', offset: number, value: bigint): GuestEvent => {
    return { op: 'write', frame, cpu: frame === 'GICR' ? 0 : -1, offset, size: 8, value };
  };
  const half = (offset: number, value: number): GuestEvent => {
    return { op: 'write', frame: 'GITS', cpu: -1, offset, size: 4, value };
  };

  test('counts a register only while it is in use, and puts its halves together', () => {
    const probed = [write('GITS', 0x80, (1n << 63n) | 0x5000_0000n)];
    expect(guestMemory(traceOf(probed)).ranges).toEqual([]);
    const halves = [half(0x80, 0x6000_0001), half(0x84, 0x8000_0001), half(0, 1)];
    expect(guestMemory(traceOf([...probed, ...halves])).ranges).toEqual([
      { base: 0x1_6000_0000, bytes: 8192 },
    ]);
  });

  test('follows the sizes that the guest was told', () => {
    const lpis = [write('GICR', 0x70, 0x4100_000dn), write('GICR', 0x78, 0x4110_0000n), write('GICR', 0, 1n)];
    expect(guestMemory(traceOf(lpis)).ranges).toEqual([
      { base: 0x4100_0000, bytes: 8192 },
      { base: 0x4110_0000, bytes: 4096 },
    ]);
    const mapd = { name: 'MAPD', deviceId: 0, size: 31, ittAddr: 0x4000_0f00, valid: true } as const;
    expect(guestMemory(commandsOf(mapd)).ranges).toEqual([{ base: 0x4000_0000, bytes: 0xc_0000 + 0x1000 }]);
  });
});

test('ranges that touch become one, and others stay apart', () => {
  const ranges = [
    { base: 0x3000, bytes: 1 },
    { base: 0x1ff0, bytes: 0x20 },
    { base: 0x5000, bytes: 0x1000 },
  ];
  expect(mergeRanges(ranges)).toEqual([
    { base: 0x1000, bytes: 0x3000 },
    { base: 0x5000, bytes: 0x1000 },
  ]);
});
