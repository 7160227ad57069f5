import { FIRST_PPI, type Intid } from '../../arch/intid.ts';
import { IrqError } from '../../base/irq-error.ts';
import type { Machine } from '../../board/machine.ts';
import type { Vcpu } from '../../board/vcpu.ts';
import { sgiTo } from '../../gic/sgi.ts';
import type { Cpu, GuestModule, MachineEvent } from '../../threads/user/contract.ts';
import type { Places } from '../../threads/user/places.ts';
import { UserModule } from '../../threads/user/user-module.ts';

/** Parameters of a user's guest in a measurement. */
export type OwnGuestParts = {
  readonly machine: Machine;
  readonly vcpu: Vcpu;
  /** URL of the module. */
  readonly module: string;
  readonly shared: SharedArrayBuffer;
  /** The number of vCPUs that run the user's guest: the first of the machine. */
  readonly vcpus: number;
  readonly places: Places;
  readonly eventOf: (intid: Intid) => MachineEvent | undefined;
};

/** The functions of a user's guest on one vCPU: the measurement calls them where its own handler would run. */
export type OwnGuest = { start(): void; interrupt(intid: Intid): void };

/** Loads the guest in the thread of its vCPU. @throws IrqError `ERR_SCENARIO` for a module without the function */
export async function loadOwnGuest(parts: OwnGuestParts): Promise<OwnGuest> {
  const { vcpu, module, places } = parts;
  const user = await UserModule.load('guest', module);
  const interrupt = user.function<GuestModule['interrupt']>('interrupt', 'interrupt(cpu, intid)');
  const start = user.optional<NonNullable<GuestModule['start']>>('start', 'start(cpu)');
  const id = vcpu.cpu.vcpu;
  const cpu = makeCpu(parts);
  return {
    start() {
      if (!start) return;
      places.enterStart(id);
      try {
        start(cpu);
      } catch (thrown) {
        throw user.blame(`vcpu${id}`, 'start(cpu)', thrown);
      }
      places.leave(id);
    },
    interrupt(intid) {
      places.enter(id, intid, -1);
      try {
        interrupt(cpu, intid);
      } catch (thrown) {
        throw user.blame(`vcpu${id}`, `interrupt(cpu, ${intid})`, thrown);
      }
      places.leave(id);
    },
  };
}

function makeCpu({ machine, vcpu, shared, vcpus, eventOf }: OwnGuestParts): Cpu {
  const id = vcpu.cpu.vcpu;
  const registers = machine.gic.systemRegisters[id];
  // Lists the guest's vCPUs: the measurement has vCPUs of its own beside them.
  const others = Array.from({ length: vcpus }, (_, each) => each).filter((each) => each !== id);
  return {
    vcpu: id,
    vcpus,
    shared,
    eventOf,
    sendSgi(intid, to) {
      if (!Number.isInteger(intid) || intid < 0 || intid >= FIRST_PPI)
        throw new IrqError('ERR_USAGE', `sendSgi: an SGI is INTID 0 to ${FIRST_PPI - 1}, not ${intid}`);
      const targets = to === 'others' ? others : typeof to === 'number' ? [to] : to;
      for (const target of targets) {
        if (!Number.isInteger(target) || target < 0 || target >= vcpus)
          throw new IrqError('ERR_USAGE', `sendSgi: the vCPUs are 0 to ${vcpus - 1}, not ${target}`);
      }
      for (const target of targets) registers?.writeSystemRegister('ICC_SGI1R_EL1', sgiTo(intid, [target]));
    },
    stop() {
      throw new IrqError(
        'ERR_UNSUPPORTED',
        'cpu.stop: a vCPU runs as long as it is measured, and cannot stop',
      );
    },
  };
}
