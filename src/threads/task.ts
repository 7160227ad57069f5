import type { MessagePort } from 'node:worker_threads';

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
  /** Where its console is served. */
  readonly port: MessagePort;
};
