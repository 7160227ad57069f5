import { compiled } from '../base/compiled.ts';
import { IrqError } from '../base/irq-error.ts';
import type { Machine } from '../board/machine.ts';
import type { Guest, Vcpu } from '../board/vcpu.ts';
import type { ProgramName } from './task.ts';

/** Makes one vCPU's guest, in that vCPU's thread. May load modules first: the guest itself is synchronous. */
export type GuestFactory<Options = unknown> = (
  machine: Machine,
  vcpu: Vcpu,
  options: Options,
) => Guest | Promise<Guest>;

/** The program of a thread other than a vCPU's: `run` does all its work and returns the result. */
export type Program = { run(): unknown };

/** Makes the program of a device's or any other thread. */
export type ProgramFactory<Options = unknown> = (
  machine: Machine,
  options: Options,
) => Program | Promise<Program>;

/**
 * Names a program with its options, which must be cloneable: the main thread names the program, the worker loads the module.
 */
export type NamedProgram<Options> = (options: Options) => ProgramName;

/**
 * Makes a guest loadable by threads. Call next to the exported function, so that a cast imports the guest by name and
 * the compiler checks its options: `export const stressGuestProgram = guestProgram(import.meta.url, stressGuest)`.
 * @param module - `import.meta.url` of the module that exports `factory` under the function's own name
 */
export function guestProgram<Options>(module: string, factory: GuestFactory<Options>): NamedProgram<Options> {
  return named(module, factory.name);
}

/** Makes the program of any other thread loadable, as {@link guestProgram} does. */
export function threadProgram<Options>(
  module: string,
  factory: ProgramFactory<Options>,
): NamedProgram<Options> {
  return named(module, factory.name);
}

function named(module: string, name: string): NamedProgram<unknown> {
  return (options) => ({ module: compiled(module, module), name, options });
}

/** Loads the function that a {@link ProgramName} names. @throws IrqError `ERR_SCENARIO` where the module exports no such function */
export async function loadFactory<T extends GuestFactory | ProgramFactory>(program: ProgramName): Promise<T> {
  const module = (await import(program.module)) as Record<string, unknown>;
  const factory = module[program.name];
  if (typeof factory !== 'function') {
    throw new IrqError('ERR_SCENARIO', `${program.module} exports no function "${program.name}"`);
  }
  return factory as T;
}
