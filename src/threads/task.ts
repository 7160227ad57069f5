import type { MessagePort } from 'node:worker_threads';
import type { PerturbationPlan } from '../memory/perturbation/perturb.ts';

/** A program that a thread loads: a module of plain synchronous code and the function that it exports. */
export type ProgramName = {
  /** URL of the compiled module. */
  readonly module: string;
  /** Name of its export. */
  readonly name: string;
  /** What the function is given beside the machine; structured-cloneable. */
  readonly options: unknown;
};

/** What a thread is started with. */
export type Task = {
  /** For messages: `vcpu3`, `device0`. */
  readonly name: string;
  /** Tells this thread from all others of the process. */
  readonly serial: number;
  /** The machine. */
  readonly buffer: SharedArrayBuffer;
  /** The number of this thread among those of the machine. */
  readonly thread: number;
  readonly program: ProgramName;
  /** How the thread is delayed while it runs; left out, the thread runs freely. */
  readonly perturbation?: PerturbationPlan | undefined;
  /** Where its console is served. */
  readonly port: MessagePort;
};
