import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Each of so many processes, one for each core, is busy for three of ten milliseconds. */
const NOISE = `
const sleeper = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  for (const end = performance.now() + 3; performance.now() < end; );
  Atomics.wait(sleeper, 0, 0, 7);
}`;

/** Runs something while other processes take 30 % of each core in bursts. */
export async function withNoise<T>(run: () => Promise<T>): Promise<T> {
  const processes = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ['-e', NOISE], { stdio: 'ignore' }),
  );
  try {
    return await run();
  } finally {
    for (const each of processes) each.kill();
  }
}
