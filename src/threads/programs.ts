import { IrqError } from '../base/irq-error.ts';
import type { Machine } from '../machine/machine.ts';
import type { Guest, Vcpu } from '../machine/vcpu.ts';
import type { ProgramName } from './task.ts';

/** What a module exports for a vCPU's thread: makes the guest that this vCPU runs. */
export type GuestFactory = (machine: Machine, vcpu: Vcpu, options: unknown) => Guest;

/** What a module exports for a device's, or any other, thread: `run` does all its work and returns the result. */
export type ProgramFactory = (machine: Machine, options: unknown) => { run(): unknown };

/** Loads what a {@link ProgramName} names. @throws IrqError `ERR_SCENARIO` where there is no such function */
export async function loadFactory<T extends GuestFactory | ProgramFactory>(program: ProgramName): Promise<T> {
  const module = (await import(program.module)) as Record<string, unknown>;
  const factory = module[program.name];
  if (typeof factory !== 'function') {
    throw new IrqError('ERR_SCENARIO', `${program.module} exports no function "${program.name}"`);
  }
  return factory as T;
}
