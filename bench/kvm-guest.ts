import { VIRT_FRAMES } from '../src/arch/frames.ts';
import { encodeCommand, type ItsCommand, writePacket } from '../src/arch/its-command.ts';
import { gicd, gicr, gits } from '../src/arch/registers.ts';
import { createInitialisedVm } from '../src/board/create-vm.ts';
import type { KvmVm } from '../src/kvm-abi/kvm-vm.ts';
import type { KvmOptions } from '../src/kvm-abi/options.ts';

const RAM = 0x4000_0000;
const DEVICE_TABLE = RAM + 0x1_0000;
const COLLECTION_TABLE = RAM + 0x9_0000;
const QUEUE = RAM + 0xa_0000;
const CONFIG_TABLE = RAM + 0xc_0000;
const PENDING_TABLES = RAM + 0xe_0000;
const ITT = RAM + 0x12_0000;
const VALID = 1n << 63n;

export const DOORBELL = VIRT_FRAMES.its + gits.TRANSLATER;
/** The first LPI; event n of the one device is n above it. */
export const FIRST = 8192;
export const DEVICE = 5;

/**
 * A VM whose guest has booted and mapped events 0 to `events - 1` of one device, in turn to its vCPUs; as many eventfds
 * are open, connected to nothing.
 */
export function bootedVm(options: Partial<KvmOptions>, events: number): KvmVm {
  const { vm } = createInitialisedVm({ events: Math.max(64, events), ...options, idBits: 14 }, events);
  const { bus, memory } = vm;
  bus.write(VIRT_FRAMES.gicd, 4, 2n);
  // SPIs edge-triggered and on.
  for (let word = 1; word < 7; word++)
    bus.write(VIRT_FRAMES.gicd + gicd.ISENABLER + 4 * word, 4, 0xffff_ffffn);
  for (let vcpu = 0; vcpu < vm.options.vcpus; vcpu++) {
    const frame = VIRT_FRAMES.gicr + vcpu * 0x2_0000;
    bus.write(frame + gicr.PROPBASER, 8, BigInt(CONFIG_TABLE) | 13n);
    bus.write(frame + gicr.PENDBASER, 8, BigInt(PENDING_TABLES + vcpu * 0x1_0000));
    bus.write(frame, 4, 1n);
    const cpu = vm.gic.cpuInterface(vcpu);
    cpu.priorityMask = 0xff;
    cpu.groupEnable1 = true;
  }
  for (let lpi = 0; lpi < 8192; lpi++) memory.setByte(CONFIG_TABLE + lpi, 0xa1);
  bus.write(VIRT_FRAMES.its + gits.BASER0, 8, VALID | 0x200n | BigInt(DEVICE_TABLE));
  bus.write(VIRT_FRAMES.its + gits.BASER1, 8, VALID | 0x200n | BigInt(COLLECTION_TABLE));
  bus.write(VIRT_FRAMES.its + gits.CBASER, 8, VALID | BigInt(QUEUE) | 15n);
  bus.write(VIRT_FRAMES.its, 4, 1n);
  const commands: ItsCommand[] = [{ name: 'MAPD', deviceId: DEVICE, size: 11, ittAddr: ITT, valid: true }];
  for (let vcpu = 0; vcpu < vm.options.vcpus; vcpu++)
    commands.push({ name: 'MAPC', collectionId: vcpu, rdbase: vcpu, valid: true });
  for (let eventId = 0; eventId < events; eventId++) {
    const collectionId = eventId % vm.options.vcpus;
    commands.push({ name: 'MAPTI', deviceId: DEVICE, eventId, lpi: FIRST + eventId, collectionId });
  }
  let tail = 0;
  for (const command of commands) {
    writePacket(memory, QUEUE + tail, encodeCommand(command));
    tail += 32;
  }
  bus.write(VIRT_FRAMES.its + gits.CWRITER, 8, BigInt(tail));
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
