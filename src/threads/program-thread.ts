import { IrqError, toPlain } from '../base/irq-error.ts';
import { Machine } from '../board/machine.ts';
import { answer } from './answer.ts';
import type { ThreadConsole } from './console.ts';
import { perturbed } from './perturbed.ts';
import { loadFactory, type Program, type ProgramFactory } from './programs.ts';
import { serve } from './serve.ts';
import type { Task } from './task.ts';
import { markThread } from './whereabouts.ts';

/** The body of a device's or driver's thread. Resolves when the console is closed. */
export function serveProgram(task: Task): Promise<void> {
  markThread(task.serial);
  const machine = Machine.attach(task.buffer, task.thread);
  let program: Program | undefined;
  return serve(
    task.port,
    (close): ThreadConsole => ({
      async boot() {
        try {
          const make = await loadFactory<ProgramFactory>(task.program);
          program = await make(machine, task.program.options);
          return { value: undefined };
        } catch (error) {
          return { error: toPlain(error) };
        }
      },
      run: () =>
        answer(() => {
          if (!program) throw new IrqError('ERR_SCENARIO', `${task.name} has not been booted`);
          const running = program;
          return perturbed(task, machine, () => running.run());
        }),
      close,
    }),
  );
}
