import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

/** Round trips of one kind, in ns. */
export type Trips = {
  readonly rounds: number;
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly mean: number;
};

/** The output of native/pingpong.c. */
export type NativeFigures = {
  readonly clockNs: number;
  readonly spinNs: Trips;
  readonly futexNs: Trips;
  readonly eventfdNs: Trips;
};

/** The figures, or why there are none. */
export type NativeResult = NativeFigures | { readonly missing: string };

const start = promisify(execFile);
const source = fileURLToPath(new URL('../../bench/native/pingpong.c', import.meta.url));
const BOUND_MS = 60_000;

/** Compiles and runs the native ping-pongs. Needs Linux and a C compiler, `cc` or the compiler that CC names. */
export async function run(): Promise<NativeResult> {
  if (process.platform !== 'linux')
    return { missing: `futex and eventfd are Linux's; this is ${process.platform}` };
  const compiler = process.env.CC ?? 'cc';
  const directory = await mkdtemp(join(tmpdir(), 'irqloom-native-'));
  try {
    const program = join(directory, 'pingpong');
    try {
      await start(compiler, ['-O2', '-pthread', '-o', program, source], { timeout: BOUND_MS });
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
        return { missing: `there is no C compiler (${compiler})` };
      }
      throw error;
    }
    const { stdout } = await start(program, [], { timeout: BOUND_MS });
    return JSON.parse(stdout) as NativeFigures;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The figures as a table for people. */
export function format(result: NativeResult): string {
  if ('missing' in result) return `native ping-pong: not measured, ${result.missing}`;
  const row = (name: string, { p50, p99, min, max }: Trips) =>
    `native ping-pong, ${name.padEnd(8)} p50 ${p50} ns, p99 ${p99} ns, ${min} to ${max} ns`;
  const { clockNs, spinNs, futexNs, eventfdNs } = result;
  return [
    row('spinning', spinNs),
    row('futex', futexNs),
    row('eventfd', eventfdNs),
    `native clock: ${clockNs} ns a read`,
  ].join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(format(await run()));
