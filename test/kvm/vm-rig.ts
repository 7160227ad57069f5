import { expect } from 'vitest';
import { encodeCommand, type ItsCommand, writePacket } from '../../src/arch/its-command.ts';
import { lpiConfig } from '../../src/arch/lpi-config.ts';
import { gicd, gits } from '../../src/arch/registers.ts';
import { PAGE_64K } from '../../src/arch/tables.ts';
import { createVm } from '../../src/board/create-vm.ts';
import { GicDriver, LINUX_PRIORITY, openCpuInterface } from '../../src/guest/gic-driver.ts';
import { setUpIts } from '../../src/guest/its-driver.ts';
import type { ErrnoName } from '../../src/kvm/errno.ts';
import { KvmError } from '../../src/kvm/kvm-error.ts';
import { VGIC_ITS, VGIC_V3 } from '../../src/kvm/vgic/vgic-state.ts';
import { ADDRESSES, CONTROLS, GROUPS } from '../../src/kvm-abi/devices/attribute.ts';
import type { KvmVm } from '../../src/kvm-abi/kvm-vm.ts';
import type { KvmOptions } from '../../src/kvm-abi/options.ts';

export const GICD = 0x0800_0000;
export const GICR = 0x080a_0000;
export const ITS = 0x0808_0000;
export const DOORBELL = ITS + gits.TRANSLATER;
const RAM = 0x4000_0000;

const DEVICE_TABLE = RAM + 0x1_0000;
const COLLECTION_TABLE = RAM + 0x9_0000;
const QUEUE = RAM + 0xa_0000;
const CONFIG_TABLE = RAM + 0xc_0000;
const PENDING_TABLES = RAM + 0xe_0000;
const ITT = RAM + 0x12_0000;

/** Small, so that a test can have many of them. */
export const SMALL: Partial<KvmOptions> = { idBits: 14, eventfds: 16, devices: 8, events: 64 };

/** A device attribute by the names of its group and itself. */
export const address = (type: keyof typeof ADDRESSES) => ({
  group: GROUPS.ADDR,
  attr: BigInt(ADDRESSES[type]),
});
export const control = (name: keyof typeof CONTROLS) => ({
  group: GROUPS.CTRL,
  attr: BigInt(CONTROLS[name]),
});
export const NR_IRQS = { group: GROUPS.NR_IRQS, attr: 0n };

export function emptyVm(options: Partial<KvmOptions> = {}): KvmVm {
  return createVm({ ...SMALL, ...options });
}

/** A VM with a GICv3 that is not initialised yet. */
export function vmWithGic(options: Partial<KvmOptions> = {}): { vm: KvmVm; gic: number } {
  const vm = emptyVm(options);
  return { vm, gic: vm.createDevice({ type: VGIC_V3, flags: 0 }) };
}

export type Ready = {
  readonly vm: KvmVm;
  readonly gic: number;
  readonly its: number;
  /** Runs ITS commands. */
  readonly run: (...commands: readonly ItsCommand[]) => void;
};

/** A VM with GICv3 and ITS, initialised; its guest has turned everything on, and mapped nothing. */
export function readyVm(options: Partial<KvmOptions> = {}): Ready {
  const { vm, gic } = vmWithGic(options);
  vm.setDeviceAttr(gic, address('V3_DIST'), GICD);
  vm.setDeviceAttr(gic, address('V3_REDIST'), GICR);
  const its = vm.createDevice({ type: VGIC_ITS, flags: 0 });
  vm.setDeviceAttr(its, address('ITS'), ITS);
  vm.setDeviceAttr(gic, control('INIT'));
  vm.setDeviceAttr(its, control('INIT'));
  return { vm, gic, its, run: bootGuest(vm) };
}

/** Brings a VM's interrupt controller up, as a guest's drivers do. Returns a way to run ITS commands. */
export function bootGuest(vm: KvmVm): Ready['run'] {
  const { bus, memory } = vm;
  const { idBits } = vm.options;
  const driver = new GicDriver(bus, { gicdBase: GICD, gicrBase: GICR });
  driver.enable();
  for (let vcpu = 0; vcpu < vm.options.vcpus; vcpu++) {
    const pendingTable = PENDING_TABLES + vcpu * 0x1_0000;
    driver.setLpiTables(vcpu, { configTable: CONFIG_TABLE, pendingTable, idBits });
    driver.enableLpis(vcpu);
    openCpuInterface(vm.gic.cpuInterface(vcpu));
  }
  memory.fill(CONFIG_TABLE, 2 ** idBits - 8192, lpiConfig(LINUX_PRIORITY));
  const its = { deviceTable: DEVICE_TABLE, collectionTable: COLLECTION_TABLE, pageSize: PAGE_64K };
  setUpIts(bus, ITS, { ...its, queue: QUEUE, queuePages: 16 });
  let tail = 0;
  // Tests send commands that fail, so this must not insist that the ITS carries out every one, as the driver does.
  return (...commands) => {
    for (const command of commands) {
      writePacket(memory, QUEUE + tail, encodeCommand(command));
      tail = (tail + 32) % 0x1_0000;
    }
    bus.write(ITS + gits.CWRITER, 8, BigInt(tail));
  };
}

/** Maps DevID:EvID to an LPI on a vCPU. */
export function mapMsi({ run }: Ready, deviceId: number, eventId: number, lpi: number, vcpu = 0): void {
  run(
    { name: 'MAPD', deviceId, size: 4, ittAddr: ITT + deviceId * 0x1000, valid: true },
    { name: 'MAPC', collectionId: vcpu, rdbase: vcpu, valid: true },
    { name: 'MAPTI', deviceId, eventId, lpi, collectionId: vcpu },
  );
}

/** Turns an SPI on; level-triggered if asked. */
export function enableSpi({ gic }: KvmVm, intid: number, trigger: 'edge' | 'level' = 'edge'): void {
  const configuration = trigger === 'edge' ? 0xaaaa_aaaan : 0n;
  gic.distributor.write(gicd.ICFGR + (intid >> 4) * 4, 4, configuration);
  gic.distributor.write(gicd.ISENABLER + (intid >> 5) * 4, 4, 1n << BigInt(intid & 31));
}

/** Takes everything that is pending for a vCPU, as its guest would; the INTIDs in order, at most `limit`. */
export function takeAll({ gic }: KvmVm, vcpu = 0, limit = 16): number[] {
  const cpu = gic.cpuInterface(vcpu);
  const taken: number[] = [];
  while (taken.length < limit) {
    const intid = cpu.acknowledge();
    if (intid === 1023) break;
    taken.push(intid);
    cpu.endOfInterrupt(intid);
  }
  return taken;
}

/** Expects a call to be refused as KVM refuses it. */
export function expectErrno(errno: ErrnoName, call: string, act: () => unknown): void {
  let thrown: unknown;
  try {
    act();
  } catch (error) {
    thrown = error;
  }
  expect(thrown, `${call} was expected to fail with ${errno}`).toBeInstanceOf(KvmError);
  expect(thrown).toMatchObject({ errno, call, code: 'ERR_KVM' });
  expect((thrown as KvmError).message).toMatch(new RegExp(`^${call}: ${errno}: .{10,}`));
}
