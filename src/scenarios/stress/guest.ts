import type { Intid } from '../../gic/intid.ts';
import { IRQ_TYPE_SPI, packIrqLine } from '../../kvm/irq-line.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Guest, Vcpu } from '../../machine/vcpu.ts';
import { type Plan, stressViews } from './plan.ts';

/** What Linux writes to ICC_PMR_EL1: everything it uses is more urgent. */
const PRIORITY_MASK = 0xf0;

/**
 * The guest of a stress run, on one vCPU: its handlers read what the devices have written, tell the proof, and wake
 * the device that waits. A level-triggered device is served: its line falls, unless it has signalled anew.
 */
export function stressGuest(machine: Machine, vcpu: Vcpu, options: unknown): Guest {
  const plan = options as Plan;
  const { proof, latency } = stressViews(machine, plan);
  const { clock, vm } = machine;
  const id = vcpu.cpu.vcpu;
  const histogram = latency[id];
  const devices = Int32Array.from(plan.sources, (source) => source.device);
  const isLevel = plan.sources.map((source) => source.kind === 'level');
  let epoch = proof.epoch;

  const serveLevel = (source: number, intid: number) => {
    const irq = packIrqLine({ type: IRQ_TYPE_SPI, vcpu: 0, intid });
    vm.irqLine(irq, false);
    // The device writes its signal and then raises the line; we lower the line and then look: one of us sees the other.
    if (proof.sent(source) !== proof.seen(source)) vm.irqLine(irq, true);
  };

  return {
    boot() {
      vcpu.cpu.priorityMask = PRIORITY_MASK;
      vcpu.cpu.groupEnable1 = true;
    },
    interrupt(intid: Intid) {
      const source = proof.ownerOf(intid);
      if (source < 0) {
        proof.violate('spurious', source, intid, id);
        return;
      }
      const signalled = proof.deliver(source, intid, id, epoch);
      if (signalled >= 0) histogram?.record(clock.now() - signalled);
      if (isLevel[source]) serveLevel(source, intid);
      proof.wake(devices[source] ?? 0, source);
      epoch = proof.epoch;
    },
    resumed() {
      epoch = proof.epoch;
    },
  };
}
