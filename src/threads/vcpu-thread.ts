import { IrqError, toPlain } from '../base/irq-error.ts';
import { Machine } from '../board/machine.ts';
import type { Guest } from '../board/vcpu.ts';
import { answer } from './answer.ts';
import type { VcpuConsole } from './console.ts';
import { perturbed } from './perturbed.ts';
import { type GuestFactory, loadFactory } from './programs.ts';
import { serve } from './serve.ts';
import type { Task } from './task.ts';
import { markThread } from './whereabouts.ts';

/** The body of a vCPU's thread: binds the machine, serves the console. Resolves when the console is closed. */
export function serveVcpu(task: Task): Promise<void> {
  markThread(task.serial);
  const machine = Machine.attach(task.buffer, task.thread);
  const vcpu = machine.vcpu(task.thread - 1);
  let guest: Guest | undefined;
  return serve(
    task.port,
    (close): VcpuConsole => ({
      async boot() {
        try {
          const make = await loadFactory<GuestFactory>(task.program);
          guest = await make(machine, vcpu, task.program.options);
          guest.boot?.();
          return { value: undefined };
        } catch (error) {
          return { error: toPlain(error) };
        }
      },
      run: () =>
        answer(() => {
          if (!guest) throw new IrqError('ERR_SCENARIO', `${task.name} has not been booted`);
          const running = guest;
          return perturbed(task, machine, () => vcpu.run(running));
        }),
      registers: () => answer(() => vcpu.cpu.registers()),
      counters: () => answer(() => vcpu.control.counters()),
      close,
    }),
  );
}
