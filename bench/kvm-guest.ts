import { VIRT_FRAMES } from '../src/arch/frames.ts';
import type { ItsCommand } from '../src/arch/its-command.ts';
import { lpiConfig } from '../src/arch/lpi-config.ts';
import { gicd, gits } from '../src/arch/registers.ts';
import { PAGE_64K } from '../src/arch/tables.ts';
import { createInitialisedVm } from '../src/board/create-vm.ts';
import { GicDriver, LINUX_PRIORITY, openCpuInterface } from '../src/guest/gic-driver.ts';
import { ItsDriver, setUpIts } from '../src/guest/its-driver.ts';
import type { KvmVm } from '../src/kvm-abi/kvm-vm.ts';
import type { KvmOptions } from '../src/kvm-abi/options.ts';

const RAM = 0x4000_0000;
const DEVICE_TABLE = RAM + 0x1_0000;
const COLLECTION_TABLE = RAM + 0x9_0000;
const QUEUE = RAM + 0xa_0000;
const CONFIG_TABLE = RAM + 0xc_0000;
const PENDING_TABLES = RAM + 0xe_0000;
const ITT = RAM + 0x12_0000;

export const DOORBELL = VIRT_FRAMES.its + gits.TRANSLATER;
/** The first LPI; event n of the only device has the n-th LPI from there. */
export const FIRST = 8192;
export const DEVICE = 5;

/**
 * A VM whose guest has booted and mapped events 0 to `events - 1` of one device, in turn to its vCPUs; as many eventfds
 * are open, connected to nothing.
 */
export function bootedVm(options: Partial<KvmOptions>, events: number): KvmVm {
  const { vm } = createInitialisedVm({ events: Math.max(64, events), ...options, idBits: 14 }, events);
  const { bus, memory } = vm;
  const driver = new GicDriver(bus, { gicdBase: VIRT_FRAMES.gicd, gicrBase: VIRT_FRAMES.gicr });
  driver.enable();
  // SPIs edge-triggered and on.
  for (let word = 1; word < 7; word++)
    bus.write(VIRT_FRAMES.gicd + gicd.ISENABLER + 4 * word, 4, 0xffff_ffffn);
  for (let vcpu = 0; vcpu < vm.options.vcpus; vcpu++) {
    const pendingTable = PENDING_TABLES + vcpu * 0x1_0000;
    driver.setLpiTables(vcpu, { configTable: CONFIG_TABLE, pendingTable, idBits: 14 });
    driver.enableLpis(vcpu);
    openCpuInterface(vm.gic.cpuInterface(vcpu));
  }
  memory.fill(CONFIG_TABLE, 8192, lpiConfig(LINUX_PRIORITY));
  setUpIts(bus, VIRT_FRAMES.its, {
    deviceTable: DEVICE_TABLE,
    collectionTable: COLLECTION_TABLE,
    pageSize: PAGE_64K,
    queue: QUEUE,
    queuePages: 16,
  });
  const commands: ItsCommand[] = [{ name: 'MAPD', deviceId: DEVICE, size: 11, ittAddr: ITT, valid: true }];
  for (let vcpu = 0; vcpu < vm.options.vcpus; vcpu++)
    commands.push({ name: 'MAPC', collectionId: vcpu, rdbase: vcpu, valid: true });
  for (let eventId = 0; eventId < events; eventId++) {
    const collectionId = eventId % vm.options.vcpus;
    commands.push({ name: 'MAPTI', deviceId: DEVICE, eventId, lpi: FIRST + eventId, collectionId });
  }
  new ItsDriver(bus, memory, VIRT_FRAMES.its).sendAll(commands);
  return vm;
}

/** Takes everything that is pending for a vCPU; how many there were. */
export function takeAll({ gic }: KvmVm, vcpu: number): number {
  const cpu = gic.cpuInterface(vcpu);
  let taken = 0;
  for (let intid = cpu.acknowledge(); intid !== 1023; intid = cpu.acknowledge()) {
    cpu.endOfInterrupt(intid);
    taken++;
  }
  return taken;
}
