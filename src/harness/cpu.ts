import { FIRST_PPI, type Intid } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import type { Machine } from '../board/machine.ts';
import type { Guest, Vcpu } from '../board/vcpu.ts';
import { sgiTo } from '../gic/sgi.ts';
import { openCpuInterface } from '../guest/index.ts';
import { guestProgram } from '../threads/programs.ts';
import type { Cpu, GuestModule } from '../threads/user/contract.ts';
import { UserModule } from '../threads/user/user-module.ts';
import { eventOf } from './build.ts';
import { harnessViews, type ThreadTask } from './plan.ts';

/** The guest of one vCPU: counts each delivery, and hands the interrupt to the user's module. */
export async function harnessGuest(machine: Machine, vcpu: Vcpu, task: ThreadTask): Promise<Guest> {
  const { plan, module } = task;
  const user = await UserModule.load('guest', module);
  const interrupt = user.function<GuestModule['interrupt']>('interrupt', 'interrupt(cpu, intid)');
  const start = user.optional<NonNullable<GuestModule['start']>>('start', 'start(cpu)');
  const { proof, pairs, places } = harnessViews(machine, plan);
  const id = vcpu.cpu.vcpu;
  const cpu = makeCpu(machine, vcpu, task);
  const devices = Int32Array.from(plan.sources, ({ device }) => device);
  const histograms = plan.sources.map(({ device }) => pairs.histogram(id, device));
  let epoch = proof.epoch;

  const deliver = (source: number, intid: Intid) => {
    const signalled = proof.deliver(source, intid, id, epoch);
    if (signalled >= 0) histograms[source]?.record(machine.clock.now() - signalled);
    pairs.count(id, devices[source] ?? 0);
  };

  return {
    boot() {
      openCpuInterface(vcpu.cpu);
      if (!start) return;
      places.enterStart(id);
      try {
        start(cpu);
      } catch (thrown) {
        throw user.blame(`vcpu${id}`, 'start(cpu)', thrown);
      }
      places.leave(id);
    },
    interrupt(intid: Intid) {
      const source = proof.ownerOf(intid);
      places.enter(id, intid, source);
      if (source >= 0) deliver(source, intid);
      // Nobody but the devices signals in a stress run: an interrupt of no event is a fault.
      else if (task.isStressed && intid >= FIRST_PPI) proof.violate('spurious', source, intid, id);
      try {
        interrupt(cpu, intid);
      } catch (thrown) {
        throw user.blame(`vcpu${id}`, `interrupt(cpu, ${intid})`, thrown);
      }
      places.leave(id);
      // After the handler: a device that waits for its signal finds the handler's writes.
      if (source >= 0) proof.wake(devices[source] ?? 0, source);
      epoch = proof.epoch;
    },
    resumed() {
      epoch = proof.epoch;
    },
  };
}

export const harnessGuestProgram = guestProgram(import.meta.url, harnessGuest);

function makeCpu(machine: Machine, vcpu: Vcpu, { plan, shared, isStressed }: ThreadTask): Cpu {
  const { proof, places } = harnessViews(machine, plan);
  const { idLimit } = machine.gic.interrupts;
  const id = vcpu.cpu.vcpu;
  const { vcpus } = plan;
  const events = plan.sources.map(eventOf);
  const registers = machine.gic.systemRegisters[id];
  const send = (intid: Intid, to: readonly number[] | 'others') =>
    registers?.writeSystemRegister('ICC_SGI1R_EL1', sgiTo(intid, to));
  return {
    vcpu: id,
    vcpus,
    shared,
    eventOf: (intid) => (intid >= 0 && intid < idLimit ? events[proof.ownerOf(intid)] : undefined),
    sendSgi(intid, to) {
      if (!Number.isInteger(intid) || intid < 0 || intid >= FIRST_PPI)
        throw new IrqError('ERR_USAGE', `sendSgi: an SGI is INTID 0 to ${FIRST_PPI - 1}, not ${intid}`);
      if (to === 'others') {
        send(intid, to);
        return;
      }
      const targets = typeof to === 'number' ? [to] : to;
      for (const target of targets) {
        if (!Number.isInteger(target) || target < 0 || target >= vcpus)
          throw new IrqError('ERR_USAGE', `sendSgi: the vCPUs are 0 to ${vcpus - 1}, not ${target}`);
      }
      for (const target of targets) send(intid, [target]);
    },
    stop() {
      if (isStressed)
        throw new IrqError(
          'ERR_UNSUPPORTED',
          'cpu.stop: a vCPU runs as long as a stress run, and cannot stop',
        );
      places.stop(id);
      vcpu.kick();
    },
  };
}
