import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { longestWait, processorWaits } from '../../src/base/processor-waits.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** A command that ended. */
export type Ended = {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
  /** Whether the campaign had to end the command, because the bound was over. */
  readonly late: boolean;
};

/** One disturbance of one command. */
export type Cell = {
  /** `stress/device/loop`: the words of `--only` are parts of the name. */
  readonly name: string;
  /** The longest time that the command may take, s. */
  readonly bound: number;
  /** Disturbs, and says how the command ended; a text where the cell cannot be tried on this machine. */
  readonly run: (bound: number) => Promise<Ended | string>;
  /** Judges: a sentence on the fault, or undefined. */
  readonly judge: (ended: Ended) => string | undefined;
};

export type Disturbance = {
  readonly env?: Readonly<Record<string, string>>;
  /** The Node.js that runs the command; this one where left out. */
  readonly node?: string;
  /** The shell's text around the command; COMMAND stands for the command. */
  readonly shell?: string;
  /** Called with the process's number when the command has started. */
  readonly started?: (pid: number, said: () => string) => void;
};

/** Runs a command of irqloom to its end, or to the bound. */
export function irqloom(
  args: readonly string[],
  bound: number,
  { env = {}, node = process.execPath, shell, started }: Disturbance = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const words = [node, MAIN, ...args];
    const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    const [file = '', ...rest] = shell === undefined ? words : ['sh', '-c', shell.replace('COMMAND', quoted)];
    const start = performance.now();
    // A group of its own, so that the bound ends a shell's command too.
    const child = spawn(file, rest, { env: { ...process.env, ...env, NO_COLOR: '1' }, detached: true });
    let stdout = '';
    let stderr = '';
    let late = false;
    let starved = 0;
    child.stdout.on('data', (data) => (stdout += String(data)));
    child.stderr.on('data', (data) => (stderr += String(data)));
    const timer = setInterval(() => {
      const seconds = (performance.now() - start) / 1000;
      const { pid } = child;
      const now = pid === undefined ? undefined : starvedSeconds(pid);
      // A command that has ended, and is only not heard of yet.
      if (pid === undefined || now === undefined) return;
      // A thread that has ended has taken its account along.
      starved = Math.max(starved, now);
      if (seconds < bound + starved) return;
      late = true;
      process.kill(-pid, 'SIGKILL');
    }, LOOK_MS);
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearInterval(timer);
      resolve({ status, signal, stdout, stderr, seconds: (performance.now() - start) / 1000, late });
    });
    if (child.pid !== undefined) started?.(child.pid, () => stdout + stderr);
  });
}

/** How often the bound is looked at. */
const LOOK_MS = 500;

/**
 * Time in which a thread of a group of processes was left without a processor, s: no bound of a command counts that.
 * @returns undefined where the group has no process
 */
function starvedSeconds(group: number): number | undefined {
  let longest = -1;
  for (const pid of readdirSync('/proc').map(Number).filter(Number.isInteger)) {
    if (groupOf(pid) !== group) continue;
    longest = Math.max(longest, longestWait(new Map(), processorWaits(pid)));
  }
  return longest < 0 ? undefined : longest / 1000;
}

/** The group of a process, which stands behind the name of its file: `12 (node) S 1 12 …`. */
function groupOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
  } catch {
    return -1;
  }
}

/** Judges an exit status and texts that must, and must not, be there. */
export function expectEnd(wanted: {
  readonly status: readonly number[];
  readonly stdout?: RegExp;
  readonly stderr?: RegExp;
  readonly silent?: RegExp;
}): (ended: Ended) => string | undefined {
  return ({ status, signal, stdout, stderr, late }) => {
    if (late) return 'did not end within its bound';
    if (status === null || !wanted.status.includes(status))
      return `ended with ${status ?? signal}, and ${wanted.status.join(' or ')} is promised`;
    if (wanted.stdout && !wanted.stdout.test(stdout)) return `stdout has no ${wanted.stdout}`;
    if (wanted.stderr && !wanted.stderr.test(stderr)) return `stderr has no ${wanted.stderr}`;
    if (wanted.silent?.test(stderr)) return `stderr has ${wanted.silent}`;
    return undefined;
  };
}

/** The last line of an error, for a table. */
export function lastLine({ stderr }: Ended): string {
  const lines = stderr.split('\n').filter((line) => /\S/.test(line) && !/^\s+at /.test(line));
  return lines.find((line) => line.startsWith('irqloom:')) ?? lines.at(-1) ?? '';
}
