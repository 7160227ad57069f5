import { FIRST_PPI, type Intid, type VcpuId } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import type { Machine } from '../board/machine.ts';
import type { Guest, Vcpu } from '../board/vcpu.ts';
import { sgiTo } from '../gic/sgi.ts';
import { openCpuInterface } from '../guest/index.ts';
import { guestProgram } from '../threads/programs.ts';
import { eventOf, type MachineEvent } from './build.ts';
import { harnessViews, type ThreadTask } from './plan.ts';
import { UserModule } from './user-module.ts';

/** A vCPU, as its guest's functions see it. Of use in the vCPU's thread only. */
export type Cpu = {
  /** The number of this vCPU, and how many the machine has. */
  readonly vcpu: VcpuId;
  readonly vcpus: number;
  /** The option `shared` of `boot`; undefined where the caller gave none. */
  readonly shared: SharedArrayBuffer | undefined;
  /** The event that an INTID stands for, also where a stress run has moved the event; undefined for an SGI, a wire, or an LPI of no event. */
  eventOf(intid: Intid): MachineEvent | undefined;
  /**
   * Sends an SGI by ICC_SGI1R_EL1.
   * @param intid - 0 to 15
   * @param to - one vCPU, several, or all others
   * @throws IrqError `ERR_USAGE` for a number that is no SGI, or no vCPU of this machine
   */
  sendSgi(intid: Intid, to: VcpuId | readonly VcpuId[] | 'others'): void;
  /** Makes this vCPU leave its guest once the function that calls has returned. It takes no interrupt after that. */
  stop(): void;
};

/**
 * The exports of a guest module: plain synchronous functions. Each vCPU's thread loads the module for itself, so the module's
 * variables belong to one vCPU.
 */
export type GuestModule = {
  /** Called once, in boot, before the first interrupt. */
  readonly start?: (cpu: Cpu) => void;
  /** The interrupt vector: `intid` has been acknowledged, and its end is written when this returns. */
  readonly interrupt: (cpu: Cpu, intid: Intid) => void;
};

/** The guest of one vCPU: counts each delivery, and hands it to the user's module. */
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
      // Only the devices signal in a stress run: an interrupt of no event is a fault.
      else if (task.isStressed && intid >= FIRST_PPI) proof.violate('spurious', source, intid, id);
      try {
        interrupt(cpu, intid);
      } catch (thrown) {
        throw user.blame(`vcpu${id}`, `interrupt(cpu, ${intid})`, thrown);
      }
      places.leave(id);
      // After the handler: a device that waits for its signal finds what the handler did.
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
  const send = (intid: Intid, to: readonly VcpuId[] | 'others') =>
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
