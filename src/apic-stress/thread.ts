import { IrqError } from '../base/irq-error.ts';
import { ApicBoard, type ApicBoardConfig } from '../board/apic-board.ts';
import { deviceLoad, type Plan } from '../stress/index.ts';
import { answer } from '../threads/answer.ts';
import type { ThreadConsole } from '../threads/console.ts';
import { perturbed } from '../threads/perturbed.ts';
import { serve } from '../threads/serve.ts';
import type { Task } from '../threads/task.ts';
import { markThread } from '../threads/whereabouts.ts';
import { apicDriver } from './driver.ts';
import { stressMachineOf } from './plan.ts';
import { apicVcpu } from './vcpu.ts';

/** Which thread of a run this is. Plain data. */
export type ApicRole = {
  readonly config: ApicBoardConfig;
  readonly plan: Plan;
  readonly role: 'vcpu' | 'device' | 'driver';
  /** Of the vCPU or the device. */
  readonly index: number;
};

/** The body of a thread of a stress run on x86. Resolves when its console is closed. */
export function serveApic(task: Task): Promise<void> {
  markThread(task.serial);
  const role = task.program.options as ApicRole;
  const board = new ApicBoard(new Int32Array(task.buffer), role.config, task.thread);
  let program: { run(): unknown } | undefined;
  return serve(
    task.port,
    (close): ThreadConsole => ({
      boot: async () =>
        answer(() => {
          program = programOf(board, role);
        }),
      run: () =>
        answer(() => {
          if (!program) throw new IrqError('ERR_SCENARIO', `${task.name} has not been booted`);
          const running = program;
          return perturbed(task, board, () => running.run());
        }),
      close,
    }),
  );
}

function programOf(board: ApicBoard, { role, plan, index }: ApicRole): { run(): unknown } {
  if (role === 'vcpu') return apicVcpu(board, index, plan);
  if (role === 'driver') return apicDriver(board, plan);
  // The pin of a level stays when its vector changes.
  const gsis = new Map(plan.sources.map(({ intid, gsi }) => [intid, gsi]));
  return deviceLoad(stressMachineOf(board), { plan, device: index }, (vector) =>
    board.vm.irqLine(gsis.get(vector) ?? 0, true),
  );
}
