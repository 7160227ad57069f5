import { IrqError } from './irq-error.ts';
import { readThrown } from './thrown.ts';

/** Features that flags of Node.js or limits of the system remove: by the error thrown, with the remedy. */
const MISSING: readonly (readonly [thrown: RegExp, why: string])[] = [
  [
    /^Access to this API has been restricted/,
    'the permission model of Node.js is on: irqloom needs --allow-worker, and --allow-fs-read of its own files and of yours',
  ],
  [
    /^Code generation from strings disallowed/,
    'Node.js runs with --disallow-code-generation-from-strings, and irqloom compiles the explored code',
  ],
  [
    /^Cannot destructure property 'Memory' of|^WebAssembly is not defined/,
    'Node.js runs without WebAssembly (--jitless), and irqloom needs that',
  ],
  [
    /^Cannot assign to read only property '\w+' of (?:object '\[object Atomics\]'|object '#<Object>')/,
    'Atomics is frozen, by --frozen-intrinsics of Node.js or by code that was loaded, and irqloom takes that under control',
  ],
  [/\buv_cwd\b/, 'the working directory is not there any more: change to another'],
  // Thrown by `new Worker`.
  [
    /^EAGAIN$/,
    'the system gives this user no more threads: ask for fewer vCPUs, devices or jobs, or lift the limit (ulimit -u, or pids.max of the container)',
  ],
  [
    /^Array buffer allocation failed|WebAssembly\.Memory\(\): could not allocate memory/,
    'the system gives this process no more memory: ask for a smaller machine, or lift the limit (ulimit -v)',
  ],
];

/** The error for a process whose flags or limits remove a feature that irqloom needs; undefined for another error. */
export function missingInNode(error: unknown): IrqError | undefined {
  const { message } = readThrown(error);
  const found = MISSING.find(([thrown]) => thrown.test(message));
  return found && new IrqError('ERR_CONFIG', `${found[1]} (${message})`, { cause: error });
}
