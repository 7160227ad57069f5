import { type Intid, SPURIOUS, type VcpuId } from '../../arch/intid.ts';
import { GicDriver } from '../../guest/index.ts';
import { sleepUntilSignal } from '../../threads/until-signal.ts';
import type { Shared, SmallMachine } from '../on-machine.ts';
import { machineOf, pending } from '../on-machine.ts';
import { DrawnAccount } from './account.ts';

/** The objects with which a thread of a drawn program works. */
export class View {
  readonly machine: SmallMachine;
  readonly account: DrawnAccount;

  /** @param thread - the machine's number of the thread */
  constructor(shared: Shared, thread: number) {
    this.machine = machineOf(shared, thread);
    this.account = new DrawnAccount(this.machine.words, this.machine.scenario.at);
  }

  get gicDriver(): GicDriver {
    const { bus, bases } = this.machine;
    return new GicDriver(bus, { gicdBase: bases.gicd, gicrBase: bases.gicr });
  }

  /** Whether an interrupt is pending. */
  readonly isPending = (intid: Intid): boolean => pending(this.machine, intid);

  /**
   * A vCPU takes the interrupts that are there, at most `most`, and does not wait for more. Returns their
   * INTIDs, in order.
   */
  take(vcpu: VcpuId, most: number): Intid[] {
    const { gic, vm } = this.machine;
    const cpu = gic.cpuInterface(vcpu);
    const taken: Intid[] = [];
    while (taken.length < most) {
      this.account.handles(1);
      const intid = cpu.acknowledge();
      if (intid !== SPURIOUS) this.account.deliver(intid);
      this.account.handles(-1);
      if (intid === SPURIOUS) break;
      taken.push(intid);
      cpu.endOfInterrupt(intid);
      vm.serveAcks();
    }
    return taken;
  }

  /** KVM_RUN until all is done: the vCPU sleeps while there is nothing to take. vCPU 0 ends by itself, and kicks the others out. */
  run(vcpu: VcpuId, done: () => boolean): void {
    const { machine } = this;
    const tell = () => {
      if (done()) machine.vcpu(0).kick();
      return false;
    };
    // As long as the vCPU runs, a handler may be under way.
    this.account.handles(1);
    machine
      .vcpu(vcpu)
      .run({ interrupt: (intid) => this.account.deliver(intid), finished: vcpu === 0 ? done : tell });
    this.account.handles(-1);
    for (let other: VcpuId = 0; other < machine.config.vcpus; other++)
      if (other !== vcpu) machine.vcpu(other).kick();
    machine.vm.irqfds.bell.signal();
  }

  /** The main thread: serves the signals left to the main thread, and sleeps while there are none. */
  serve(done: () => boolean): void {
    const { irqfds } = this.machine.vm;
    while (!done()) if (irqfds.dispatchPending() === 0) sleepUntilSignal(irqfds, done);
  }
}
