import type { MessagePort } from 'node:worker_threads';
import type { PerturbationPlan } from '../memory/perturbation/perturb.ts';

/** A program that a thread loads: a module of plain synchronous code and the function that it exports. */
export type ProgramName = {
  /** URL of the compiled module. */
  readonly module: string;
  /** Name of its export. */
  readonly name: string;
  /** The function's argument beside the machine; structured-cloneable. */
  readonly options: unknown;
};

/** The arguments of a thread. */
export type Task = {
  /** For messages: `vcpu3`, `device0`. */
  readonly name: string;
  /** Unique among the threads of the process. */
  readonly serial: number;
  /** The machine. */
  readonly buffer: SharedArrayBuffer;
  /** The number of the thread among the machine's threads. */
  readonly thread: number;
  readonly program: ProgramName;
  /** Delays the thread while it runs; left out, the thread runs freely. */
  readonly perturbation?: PerturbationPlan | undefined;
  /** The port of its console. */
  readonly port: MessagePort;
};
