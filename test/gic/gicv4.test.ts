/** GICv4.1 on a board: commands, VLPI frames, GITS_SGIR, doorbells, by one thread through the guest's bus. */
import { describe, expect, test } from 'vitest';
import type { VirtualCommand } from '../../src/arch/its-command.ts';
import { gicr, gits } from '../../src/arch/registers.ts';
import { PAGE_64K, VALID } from '../../src/arch/tables.ts';
import { DEFAULT_CONFIG, type MachineConfig } from '../../src/board/config.ts';
import * as theMachine from '../../src/board/machine.ts';
import { GicDriver, ItsDriver, openCpuInterface, setUpIts } from '../../src/guest/index.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

const RAM = 0x4000_0000;
const PAGE = 0x1_0000;
const [CONFIG, PENDING, DEVICES, COLLECTIONS, QUEUE, VPES, VCONFIG, VPENDING, ITT] = Array.from(
  { length: 9 },
  (_, page) => RAM + (page < 2 ? page : page + 3) * PAGE,
) as [number, number, number, number, number, number, number, number, number];
const STRIDE = 0x4_0000;
const ENABLED = 0xa1;
const DISABLED = 0xa0;
const DEVICE = 8;
const VLPI = 8192;
const DOORBELL = 8200;
const NONE = 1023;
const DB = 1n << 62n;
const LAST = 1n << 61n;

const V4: MachineConfig = {
  ...DEFAULT_CONFIG,
  vcpus: 2,
  memory: [{ base: RAM, bytes: 0x20_0000 }],
  gicrBase: 0x0900_0000,
  vpes: 4,
};

const vmapp = (
  vpe: number,
  more: Partial<Extract<VirtualCommand, { name: 'VMAPP' }>> = {},
): VirtualCommand => ({
  ...{ name: 'VMAPP', vpe, rdbase: 0, valid: true, alloc: true, pendingZero: false },
  ...{
    defaultDoorbell: DOORBELL + vpe,
    configAddr: VCONFIG,
    pendingAddr: VPENDING + vpe * PAGE,
    pendingBits: 15,
  },
  ...more,
});
const vmapti = (
  eventId: number,
  vpe: number,
  virtualLpi = VLPI + eventId,
  doorbell = NONE,
): VirtualCommand => ({
  ...{ name: 'VMAPTI', deviceId: DEVICE, eventId, vpe, virtualLpi, doorbell },
});
const vmovp = (vpe: number, rdbase: number): VirtualCommand => ({
  ...{ name: 'VMOVP', vpe, rdbase, hasDoorbell: false, movedDoorbell: 0 },
});

/** A machine of two PEs with vPEs 0 and 1 mapped, and events 0 to 3 as vLPIs of vPE 0. */
function rig({ Machine }: typeof theMachine = theMachine, config: MachineConfig = V4) {
  const machine = Machine.create(config);
  const { bus, memory, gic } = machine;
  const driver = new GicDriver(bus, config);
  driver.enable();
  for (const vcpu of [0, 1]) {
    const tables = { configTable: CONFIG, pendingTable: PENDING + vcpu * PAGE, idBits: 16, isZero: true };
    driver.setLpiTables(vcpu, tables);
    driver.enableLpis(vcpu);
    openCpuInterface(gic.cpuInterface(vcpu));
  }
  bus.write(config.itsBase + gits.BASER2, 8, VALID | BigInt(VPES));
  const tables = { deviceTable: DEVICES, collectionTable: COLLECTIONS, queue: QUEUE, queuePages: 1 };
  setUpIts(bus, config.itsBase, { ...tables, pageSize: PAGE_64K });
  for (let lpi = 0; lpi < 64; lpi++) {
    memory.setByte(CONFIG + lpi, ENABLED);
    memory.setByte(VCONFIG + lpi, ENABLED);
  }
  const its = new ItsDriver(bus, memory, config.itsBase);
  its.send({ name: 'MAPD', deviceId: DEVICE, size: 4, ittAddr: ITT, valid: true });
  /** Sends commands; the errors of those that failed, by name. */
  const run = (...commands: readonly VirtualCommand[]) => {
    const failed = () => machine.its.errors().reduce((sum, { count }) => sum + count, 0);
    const before = failed();
    its.sendVirtual(commands);
    return machine.its
      .recentErrors()
      .slice(before - failed() || Number.POSITIVE_INFINITY)
      .map(({ name }) => name);
  };
  const vpendbaser = (pe: number) => config.gicrBase + pe * STRIDE + gicr.VPENDBASER;
  return {
    machine,
    run,
    its,
    memory,
    /** Makes the vPE resident on the PE; whether VPENDBASER says so. */
    enter(pe: number, vpe: number) {
      bus.write(vpendbaser(pe), 8, VALID | BigInt(vpe));
      return (bus.read(vpendbaser(pe), 8) & VALID) !== 0n;
    },
    /** Ends the residency; PendingLast. */
    leave(pe: number, bits = DB) {
      bus.write(vpendbaser(pe), 8, bits | (bus.read(vpendbaser(pe), 8) & 0xffffn));
      return (bus.read(vpendbaser(pe), 8) & LAST) !== 0n;
    },
    signal: (eventId: number) => machine.its.signal(DEVICE, eventId),
    sgi: (vpe: number, sgi: number) =>
      bus.write(config.itsBase + gits.SGIR, 8, (BigInt(vpe) << 32n) | BigInt(sgi)),
    take: (vpe: number) => gic.vpes?.at(vpe)?.take(),
    /** The doorbell that the PE takes, as the number of its vPE; -1 for none. */
    doorbell(pe: number) {
      const intid = gic.cpuInterface(pe).acknowledge();
      if (intid === 1023) return -1;
      gic.cpuInterface(pe).endOfInterrupt(intid);
      return intid - DOORBELL;
    },
    read: (address: number, bytes: 4 | 8 = 8) => bus.read(address, bytes),
  };
}

function ready(module?: typeof theMachine) {
  const made = rig(module);
  expect(made.run(vmapp(0), vmapp(1), ...[0, 1, 2, 3].map((event) => vmapti(event, 0)))).toEqual([]);
  return made;
}

/** What a mistake changes: each gives what it has seen, on a machine as it is and on one with the mistake. */
const STORIES: readonly (readonly [
  MistakeName,
  string,
  unknown,
  (made: ReturnType<typeof rig>) => unknown,
])[] = [
  [
    'vinvall-reads-all: not read',
    'a vLPI that is disabled in memory is taken until VINVALL',
    [VLPI, -1],
    ({ memory, run, signal, take }) => {
      memory.setByte(VCONFIG, DISABLED);
      signal(0);
      const before = take(0);
      run({ name: 'VINVALL', vpe: 0 });
      signal(0);
      return [before, take(0)];
    },
  ],
  [
    'invdb-reads-configuration: not read',
    'a doorbell that is disabled in memory rings no more after INVDB',
    -1,
    ({ memory, run, enter, leave, signal, doorbell }) => {
      memory.setByte(CONFIG + DOORBELL - VLPI, DISABLED);
      run({ name: 'INVDB', vpe: 0 });
      enter(0, 0);
      leave(0);
      signal(0);
      return doorbell(0);
    },
  ],
  [
    'inv-reads-vlpi: not read',
    'a vLPI that is disabled in memory is not taken after INV',
    -1,
    ({ memory, its, signal, take }) => {
      memory.setByte(VCONFIG, DISABLED);
      its.send({ name: 'INV', deviceId: DEVICE, eventId: 0 });
      signal(0);
      return take(0);
    },
  ],
  [
    'vsgi-enables: not enabled',
    'a vSGI is pending until VSGI enables the vSGI; then its vPE takes it',
    [8n, -1, 3],
    ({ machine, sgi, run, take, read }) => {
      sgi(0, 3);
      const { gicrBase } = machine.config;
      machine.bus.write(gicrBase + gicr.VSGIR, 4, 0n);
      const pending = read(gicrBase + gicr.VSGIPENDR, 4);
      const before = take(0);
      run({ name: 'VSGI', vpe: 0, sgi: 3, enable: true, clear: false });
      return [pending, before, take(0)];
    },
  ],
  [
    'unmapping-clears-vlpi: stays pending',
    'DISCARD takes the pending state of its vLPI away',
    [-1, 0],
    ({ its, signal, take }) => {
      signal(0);
      its.send({ name: 'DISCARD', deviceId: DEVICE, eventId: 0 });
      return [take(0), signal(0)];
    },
  ],
  [
    'vmapp-loads-pending-table: not loaded',
    'a vPE that is mapped with PTZ = 0 takes the vLPIs of its pending table; with PTZ = 1 none',
    [VLPI + 9, -1],
    ({ memory, run, take }) => {
      const bits = VPENDING + 2 * PAGE + ((VLPI + 9) >>> 3);
      memory.setByte(bits, 1 << 1);
      run(vmapp(2));
      const first = take(2);
      run(vmapp(2, { valid: false, alloc: false }), vmapp(2, { pendingZero: true }));
      return [first, take(2)];
    },
  ],
  [
    'vmapp-saves-pending-table: not saved',
    'a vPE that ends with Alloc = 1 leaves its pending vLPIs in its table, and has them again',
    [1 << 2, VLPI + 2, -1],
    ({ memory, run, signal, take }) => {
      signal(2);
      run(vmapp(0, { valid: false }));
      const byte = memory.byte(VPENDING + (VLPI >>> 3));
      run(vmapp(0));
      return [byte, take(0), take(0)];
    },
  ],
  [
    'vpe-ends-with-doorbell: rings afterwards',
    'a doorbell that is pending ends with its vPE',
    -1,
    ({ run, enter, leave, signal, doorbell }) => {
      enter(0, 0);
      leave(0);
      signal(0);
      run(vmapp(0, { valid: false }));
      return doorbell(0);
    },
  ],
  [
    'vmovp-takes-doorbell-along: stays behind',
    'VMOVP takes a doorbell that is pending along',
    [-1, 0],
    ({ run, enter, leave, signal, doorbell }) => {
      enter(0, 0);
      leave(0);
      signal(0);
      run(vmovp(0, 1));
      return [doorbell(0), doorbell(1)];
    },
  ],
  [
    'vmovi-takes-pending-along: lost',
    'VMOVI takes a vLPI that is pending along, and the event',
    [-1, VLPI, VLPI],
    ({ run, signal, take }) => {
      signal(0);
      run({ name: 'VMOVI', deviceId: DEVICE, eventId: 0, vpe: 1 });
      const taken = [take(0), take(1)];
      signal(0);
      return [...taken, take(1)];
    },
  ],
  [
    'doorbell-follows-vpe: where VMAPP said',
    'a doorbell rings at the PE of the last residency',
    [-1, 0],
    ({ enter, leave, signal, doorbell }) => {
      enter(1, 0);
      leave(1);
      signal(0);
      return [doorbell(0), doorbell(1)];
    },
  ],
  [
    'doorbell-is-an-lpi: not rung',
    'one doorbell rings for all vLPIs of a vPE that has left',
    [0, -1, VLPI, VLPI + 1],
    ({ enter, leave, signal, doorbell, take }) => {
      enter(0, 0);
      leave(0);
      signal(1);
      signal(0);
      return [doorbell(0), doorbell(0), take(0), take(0)];
    },
  ],
  [
    'vpendbaser-arms-doorbell: never armed',
    'VPENDBASER.Doorbell decides whether a doorbell rings',
    [-1, 0],
    ({ enter, leave, signal, doorbell, take }) => {
      enter(0, 0);
      leave(0, LAST);
      signal(0);
      const unarmed = doorbell(0);
      enter(0, 0);
      take(0);
      leave(0);
      signal(0);
      return [unarmed, doorbell(0)];
    },
  ],
];

describe('a board with vPEs', () => {
  test.each(STORIES)('%s: %s', (mistake, _, expected, tell) => {
    expect(tell(ready())).toEqual(expected);
    const { m } = loadMutated<{ m: typeof theMachine }>({ m: 'board/machine.ts' }, mistake);
    expect(tell(ready(m))).not.toEqual(expected);
  });

  test('says so in GITS_TYPER, GITS_BASER2 and GICR_TYPER; a board without says and does nothing of the kind', () => {
    const on = rig();
    const off = rig(theMachine, { ...V4, vpes: 0, gicrBase: DEFAULT_CONFIG.gicrBase });
    const its = V4.itsBase;
    const bits = (1n << 1n) | (1n << 37n) | (1n << 39n) | (1n << 40n) | (1n << 41n) | (1n << 43n);
    expect(on.read(its + gits.TYPER) ^ off.read(its + gits.TYPER)).toBe(bits);
    expect((on.read(its + gits.BASER2) >> 56n) & 7n).toBe(2n);
    expect(off.read(its + gits.BASER2)).toBe(0n);
    const types = [
      on.read(V4.gicrBase + gicr.TYPER),
      off.read(DEFAULT_CONFIG.gicrBase + gicr.TYPER),
    ] as const;
    expect(types[0] ^ types[1]).toBe((1n << 1n) | (1n << 7n) | (1n << 26n));
    expect(off.run(vmapp(0), vmapti(0, 0), vmovp(0, 1), { name: 'VSYNC', vpe: 0 })).toEqual(
      Array.from({ length: 4 }, () => 'ENODEV'),
    );
    expect(off.machine.gic.vpes).toBeUndefined();
    expect([...off.machine.layout.regions()].some(([name]) => /vpe|vlpi/.test(name))).toBe(false);
  });

  test('takes a vLPI of a resident vPE on its PE, without a doorbell', () => {
    const { enter, leave, signal, take, doorbell } = ready();
    expect(enter(1, 0)).toBe(true);
    expect(signal(3)).toBe(1);
    expect([take(0), take(0)]).toEqual([VLPI + 3, -1]);
    signal(2);
    expect(leave(1)).toBe(true);
    expect([doorbell(0), doorbell(1)]).toEqual([-1, -1]);
  });

  test('makes a vPE resident on one PE at a time, and none that is not mapped', () => {
    const { enter, leave } = ready();
    expect([enter(0, 0), enter(1, 0), enter(1, 3), enter(1, 9), enter(1, 1)]).toEqual([
      true,
      false,
      false,
      false,
      true,
    ]);
    expect(leave(0)).toBe(false);
    expect(enter(0, 1)).toBe(false);
    expect(enter(0, 0)).toBe(true);
  });

  test('has an error for each command that it cannot carry out', () => {
    const { run, enter } = ready();
    enter(0, 1);
    const wrong: readonly (readonly [VirtualCommand, string])[] = [
      [vmapp(4), 'ENOMEM'],
      [vmapp(0xffff), 'EINVAL'],
      [vmapp(2, { rdbase: 2 }), 'EINVAL'],
      [vmapp(2, { defaultDoorbell: 8191 }), 'EINVAL'],
      [vmapp(2, { defaultDoorbell: 0x1_0000 }), 'EINVAL'],
      [vmapp(2, { pendingBits: 12 }), 'EINVAL'],
      [vmapp(2, { pendingAddr: 0x8000_0000 }), 'EFAULT'],
      [vmapp(2, { configAddr: 0x8000_0000 }), 'EFAULT'],
      [vmapp(1, { valid: false }), 'EBUSY'],
      [vmovp(1, 0), 'EBUSY'],
      [vmovp(0, 2), 'EINVAL'],
      [vmovp(2, 0), 'ENOENT'],
      [vmapti(5, 0xffff), 'EINVAL'],
      [vmapti(5, 0, 8191), 'EINVAL'],
      [vmapti(5, 0, 8192 + 512), 'EINVAL'],
      [vmapti(5, 0, 8192, DOORBELL), 'EINVAL'],
      [vmapti(32, 0, 8192), 'EINVAL'],
      [{ ...vmapti(5, 0), deviceId: 16 } as VirtualCommand, 'ENOENT'],
      [{ name: 'VMAPI', deviceId: DEVICE, eventId: 5, vpe: 0, doorbell: NONE }, 'EINVAL'],
      [{ name: 'VMOVI', deviceId: DEVICE, eventId: 9, vpe: 1 }, 'ENOENT'],
      [{ name: 'VMOVI', deviceId: DEVICE, eventId: 0, vpe: 2 }, 'ENOENT'],
      [{ name: 'VINVALL', vpe: 2 }, 'ENOENT'],
      [{ name: 'INVDB', vpe: 2 }, 'ENOENT'],
      [{ name: 'VSYNC', vpe: 2 }, 'ENOENT'],
      [{ name: 'VSGI', vpe: 2, sgi: 0, enable: true, clear: false }, 'ENOENT'],
    ];
    for (const [command, error] of wrong) expect([command, run(command)]).toEqual([command, [error]]);
  });

  test('clears a vSGI by VSGI, and a vLPI by CLEAR; MOVI and MAPTI do nothing to a vLPI', () => {
    const { run, its, sgi, signal, take, machine } = ready();
    const vsgi = { name: 'VSGI', vpe: 0, sgi: 3, enable: true } as const;
    run({ ...vsgi, clear: false });
    sgi(0, 3);
    run({ ...vsgi, clear: true });
    signal(0);
    its.send({ name: 'CLEAR', deviceId: DEVICE, eventId: 0 });
    expect(take(0)).toBe(-1);
    its.send(
      { name: 'MAPC', collectionId: 0, rdbase: 0, valid: true },
      { name: 'MOVI', deviceId: DEVICE, eventId: 0, collectionId: 0 },
      { name: 'MAPTI', deviceId: DEVICE, eventId: 0, lpi: 8210, collectionId: 0 },
      { name: 'INT', deviceId: DEVICE, eventId: 0 },
    );
    expect(take(0)).toBe(VLPI);
    expect(machine.its.mappings()[0]).toEqual({ deviceId: DEVICE, eventId: 0, lpi: VLPI, vcpu: -1, vpe: 0 });
    expect(machine.its.saveTables()).toBe('EACCES');
  });

  test('loses a vLPI whose vPE is not mapped: the MSI is blocked', () => {
    const { run, signal, take } = ready();
    run(vmapp(0, { valid: false, alloc: false }));
    expect(signal(0)).toBe(0);
    run(vmapp(0));
    expect(take(0)).toBe(-1);
    expect(signal(0)).toBe(1);
  });

  test('is refused where its frames overlap, or with other than one ITS', () => {
    const { Machine } = theMachine;
    expect(() => Machine.create({ ...V4, gicrBase: DEFAULT_CONFIG.gicrBase })).toThrow(
      /at 0x8080000 take 0x30000 bytes, and the redistributors of 2 vCPUs/,
    );
    expect(() => Machine.create({ ...V4, itses: 2 })).toThrow('one ITS, not 2');
    expect(() => Machine.create({ ...V4, vpes: 5000 })).toThrow('vpes is a whole number from 0 to 4096');
  });
});
