import { gits } from '../../arch/registers.ts';
import type { Machine } from '../../board/machine.ts';
import { stampKey } from '../../board/stamps.ts';
import { sgiTo } from '../../gic/sgi.ts';
import { ItsDriver } from '../../guest/index.ts';
import { MSI_VALID_DEVID } from '../../kvm/route.ts';
import { IRQ_TYPE_SPI, packIrqLine } from '../../kvm/vgic/irq-line.ts';
import { type LatencyPlan, latencyViews } from './latency-plan.ts';
import { intidOf, type Line, type Path, SGI, type Signal } from './latency-result.ts';

/** Offset of GITS_TRANSLATER from the base of the ITS: what an MSI is written to. */

/** Gives a signal for a line. Plain code, in whatever thread the path has it. */
export type GiveSignal = (line: Line) => void;

/** The call of a path in the thread that makes it: the device's own if it dispatches inline, else the main one. */
export function callOf(machine: Machine, plan: LatencyPlan, source: Signal): GiveSignal {
  const { vm, config } = machine;
  const itsDriver = new ItsDriver(machine.bus, machine.memory, config.itsBase);
  const { itsLock } = latencyViews(machine, plan);
  const address = config.itsBase + gits.TRANSLATER;
  switch (source) {
    case 'irqfd':
      // What a write to the eventfd does in a machine that dispatches inline.
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

/** What the device does for a signal on a path: the call itself, or a write that has the main thread make it. */
export function deviceSide(machine: Machine, plan: LatencyPlan, path: Path): GiveSignal {
  if (path.dispatch === 'inline') return callOf(machine, plan, path.source);
  const { irqfds } = machine.vm;
  if (path.source === 'irqfd') return ({ fd }) => irqfds.write(fd);
  return ({ mailFd }) => irqfds.write(mailFd);
}

/** The key of a line's interrupt in stamps: the INTID, and for an SGI the vCPU too, because every vCPU has an SGI of that number. */
export function keyOf(line: Line, source: Signal): number {
  const intid = intidOf(line, source);
  return source === 'sgi' ? stampKey(line.vcpu, intid) : intid;
}
