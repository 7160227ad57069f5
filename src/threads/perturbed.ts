import type { Machine } from '../board/machine.ts';
import { perturb } from '../memory/perturbation/perturb.ts';
import type { Task } from './task.ts';

/** Runs a thread's program, delayed at its shared operations if its task says so. The thread itself; not nested. */
export function perturbed<T>(
  { perturbation, thread }: Pick<Task, 'perturbation' | 'thread'>,
  machine: Pick<Machine, 'words' | 'layout'>,
  run: () => T,
): T {
  if (perturbation === undefined) return run();
  const release = perturb(machine.words, machine.layout, perturbation, thread);
  try {
    return run();
  } finally {
    release();
  }
}
