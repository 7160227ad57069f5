import { gits } from '../../arch/registers.ts';
import type { Machine } from '../../board/machine.ts';
import { stampKey } from '../../board/stamps.ts';
import { sgiTo } from '../../gic/sgi.ts';
import { ItsDriver } from '../../guest/index.ts';
import { MSI_VALID_DEVID } from '../../kvm/route.ts';
import { IRQ_TYPE_SPI, packIrqLine } from '../../kvm/vgic/irq-line.ts';
import { type LatencyPlan, latencyViews } from './latency-plan.ts';
import { intidOf, type Line, type Path, SGI, type Signal } from './latency-result.ts';

/** Offset of GITS_TRANSLATER, the target of an MSI write, from the base of the ITS. */

/** Sends a signal on a line, in the thread that the path's dispatch names. */
export type GiveSignal = (line: Line) => void;

/** The call that injects a signal. Dispatch `inline`: the device's thread makes it; `main`: the main thread. */
export function callOf(machine: Machine, plan: LatencyPlan, source: Signal): GiveSignal {
  const { vm, config } = machine;
  const itsDriver = new ItsDriver(machine.bus, machine.memory, config.itsBase);
  const { itsLock } = latencyViews(machine, plan);
  const address = config.itsBase + gits.TRANSLATER;
  switch (source) {
    case 'irqfd':
      // The effect of a write to the eventfd on a machine with inline dispatch.
      return ({ fd }) => {
        vm.irqfds.raise(fd);
      };
    case 'signal-msi':
      return ({ deviceId, eventId }) => {
        vm.signalMsi({ address, data: eventId, flags: MSI_VALID_DEVID, deviceId });
      };
    case 'irq-line': {
      const packed = plan.lines.map(({ spi }) => packIrqLine({ type: IRQ_TYPE_SPI, vcpu: 0, intid: spi }));
      return ({ device, vcpu }) => vm.irqLine(packed[device * plan.vcpus + vcpu] ?? 0, true);
    }
    case 'sgi': {
      const registers = machine.gic.systemRegisters[plan.sender];
      const values = Array.from({ length: plan.vcpus }, (_, vcpu) => sgiTo(SGI, [vcpu]));
      return ({ vcpu }) => {
        registers?.writeSystemRegister('ICC_SGI1R_EL1', values[vcpu] ?? 0n);
      };
    }
    case 'its-int':
      return ({ deviceId, eventId }) => {
        itsLock.lock();
        try {
          itsDriver.send({ name: 'INT', deviceId, eventId });
        } finally {
          itsLock.unlock();
        }
      };
  }
}

/** The device's part of a signal: the call itself, or a write after which the main thread makes the call. */
export function deviceSide(machine: Machine, plan: LatencyPlan, path: Path): GiveSignal {
  if (path.dispatch === 'inline') return callOf(machine, plan, path.source);
  const { irqfds } = machine.vm;
  if (path.source === 'irqfd') return ({ fd }) => irqfds.write(fd);
  return ({ mailFd }) => irqfds.write(mailFd);
}

/** The key of a line's interrupt in stamps: the INTID; for an SGI also the vCPU, because every vCPU has its own SGIs. */
export function keyOf(line: Line, source: Signal): number {
  const intid = intidOf(line, source);
  return source === 'sgi' ? stampKey(line.vcpu, intid) : intid;
}
