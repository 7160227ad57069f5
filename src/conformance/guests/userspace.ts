import type { Intid, Pin } from '../../arch/intid.ts';
import { gicd, gicr } from '../../arch/registers.ts';
import type { Machine } from '../../board/machine.ts';
import { KvmError } from '../../kvm/kvm-error.ts';
import type { Route } from '../../kvm/route.ts';
import { IRQ_TYPE_PPI, IRQ_TYPE_SPI, packIrqLine } from '../../kvm/vgic/irq-line.ts';
import { CheckFailed, FRAME } from './guest-cpu.ts';
import type { Noticeboard } from './noticeboard.ts';
import { ACTIVE_PRIORITY, FINISHED, READY, type RestoredActive, triggerOf } from './programs-inject.ts';

/** Userspace's part, on the main thread while the vCPUs run. `until` waits for a condition; false after a bound. */
export type Userspace = (
  machine: Machine,
  notices: Noticeboard,
  until: (condition: () => boolean) => Promise<boolean>,
) => Promise<void>;

/** Makes each interrupt pending by every call of userspace, and waits for each delivery before the next. */
export const injectAll: Userspace = async (machine, notices, until) => {
  await until(() => notices.flag(READY) === 1);
  const { vm, bus, config } = machine;
  const each = async (first: number, inject: (intid: Intid) => void) => {
    for (let intid: Intid = first; intid < 32 + config.spis; intid++) {
      const before = notices.gotByAll(intid);
      inject(intid);
      await until(() => notices.gotByAll(intid) > before);
    }
  };
  await each(16, (intid) => {
    const type = intid < 32 ? IRQ_TYPE_PPI : IRQ_TYPE_SPI;
    vm.irqLine(packIrqLine({ type, vcpu: 0, intid }), true);
  });
  for (let pin = 0; pin < config.spis; pin++) vm.assignIrqFd(pin, pin);
  await each(32, (intid) => vm.irqfds.write(intid - 32));
  await each(0, (intid) => {
    if (intid < 32) bus.write(FRAME.gicr + gicr.ISPENDR0, 4, 1n << BigInt(intid));
    else bus.write(FRAME.gicd + gicd.ISPENDR + 4 * (intid >> 5), 4, 1n << BigInt(intid & 31));
  });
  notices.setFlag(FINISHED, 1);
};

/** INTIDs that the machine does not have: past its SPIs, special, reserved, beyond the INTID space. */
const NO_INTIDS = [256, 1020, 1024, 1120, 5120, 0xffff] as const;
/** One past the last pin of a routing table. */
const PINS = 988;

/** Tries to inject nonexistent interrupts: each call fails with KVM's errno. */
export const injectNone: Userspace = async (machine, notices, until) => {
  await until(() => notices.flag(READY) === 1);
  const { vm } = machine;
  for (const intid of NO_INTIDS) {
    refused(`KVM_IRQ_LINE of INTID ${intid}`, 'EINVAL', () => {
      vm.irqLine(packIrqLine({ type: IRQ_TYPE_SPI, vcpu: 0, intid }), true);
    });
  }
  const route = (pin: Pin): Route => ({ type: 'irqchip', gsi: 0, irqchip: 0, pin });
  refused(`a route to pin ${PINS}`, 'EINVAL', () => vm.setGsiRouting([route(PINS)]));
  refused('a route to pin -1', 'EINVAL', () => vm.setGsiRouting([route(0xffff_ffff)]));
  // A pin that is valid in a table but beyond the machine's SPIs: KVM accepts table and irqfd, and delivers nothing.
  vm.setGsiRouting([route(machine.config.spis)]);
  vm.assignIrqFd(0, 0);
  vm.irqfds.write(0);
  notices.setFlag(FINISHED, 1);
};

function refused(what: string, errno: string, call: () => void): void {
  try {
    call();
  } catch (error) {
    if (error instanceof KvmError && error.errno === errno) return;
    const got = error instanceof KvmError ? error.errno : String(error);
    throw new CheckFailed(`${what} was refused with ${got}, not ${errno}`);
  }
  throw new CheckFailed(`${what} was taken, not refused with ${errno}`);
}

/** Restores an SPI of vCPU 0 as active, and its priority in ICC_AP1R0_EL1, before the vCPU runs. */
export function restoreActive(machine: Machine, { intid, edge }: RestoredActive): void {
  const { bus, gic } = machine;
  for (const one of [intid, intid + 1, intid + 2]) {
    const { offset, mask } = triggerOf(one);
    const before = Number(bus.read(FRAME.gicd + offset, 4));
    bus.write(FRAME.gicd + offset, 4, BigInt((edge ? before | mask : before & ~mask) >>> 0));
  }
  bus.write(FRAME.gicd + gicd.ISACTIVER + 4 * (intid >> 5), 4, 1n << BigInt(intid & 31));
  gic.systemRegisters[0]?.writeSystemRegister('ICC_AP1R0_EL1', 1n << BigInt(ACTIVE_PRIORITY >> 3));
}
