import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cell, expectEnd, irqloom } from './cell.ts';

const HOLDS = `const add = (w) => { Atomics.add(w, 0, 1) };
export default { name: 'holds', words: 1, threads: { a: add, b: add } };`;

/** Commands that hold where nothing disturbs them. */
function commands(scenario: string): Readonly<Record<string, readonly string[]>> {
  return {
    stress: ['stress', '-v', '2', '-d', '2', '-e', '2', '-s', '2'],
    rotate: ['stress', '--rotate', '-s', '3'],
    bare: ['stress', '--guest', 'bare', '-s', '1'],
    latency: ['latency', '-n', '64', '--boots', '1', '-s', '3', '--source', 'irqfd'],
    scale: ['scale', '-v', '1', '-d', '1', '-l', '16', '-s', '0.5'],
    compare: ['compare', '--abi', 'merged', '-s', '1'],
    explore: ['explore', scenario, '--jobs', '2'],
    lockstep: ['explore', scenario, '--executor', 'lockstep'],
    'replay-guest': ['replay-guest', 'data/guests/linux-2cpu-virtio.jsonl.gz'],
    conform: ['conform', '--answers', 'test/fixtures/vectors/07-its-probe.vec'],
    layout: ['layout'],
  };
}

const BOUND = 120;
const STOPPED_MS = 1500;

/** The process as a whole: stopped and continued, on one core, with few descriptors, with a stream that is gone. */
export function processCells(folder: string): Cell[] {
  const scenario = join(folder, 'holds.mjs');
  writeFileSync(scenario, HOLDS);
  return Object.entries(commands(scenario)).flatMap(([name, args]): Cell[] => {
    const through = (what: string, shell: string, judge: Cell['judge']): Cell => ({
      name: `${name}/${what}`,
      bound: BOUND,
      run: (bound) => irqloom(args, bound, { shell }),
      judge,
    });
    return [
      stopped(name, args),
      through('one core', 'taskset -c 0 COMMAND', expectEnd({ status: [0] })),
      ...[48, 96, 192].map((limit) =>
        through(
          `${limit} descriptors`,
          `ulimit -n ${limit}; COMMAND`,
          expectEnd({ status: [0, 2], silent: /^\s+at /m }),
        ),
      ),
      through('stdout closed', 'COMMAND >&-', expectEnd({ status: [0, 3], silent: /^\s+at /m })),
      through(
        'stdout gone',
        '{ COMMAND; echo status $? >&2; } | true',
        // The exit status of the pipe is that of `true`.
        expectEnd({ status: [0], stderr: /status 0/, silent: /^\s+at /m }),
      ),
      through(
        'stdout full',
        'COMMAND > /dev/full',
        expectEnd({ status: [3], stderr: /cannot be written to stdout: ENOSPC/, silent: /^\s+at /m }),
      ),
      through('stderr full', 'COMMAND 2> /dev/full', expectEnd({ status: [0] })),
    ];
  });
}

/** SIGSTOP in the middle, and SIGCONT after a while: nothing is lost, and no bound was about that time alone. */
function stopped(name: string, args: readonly string[]): Cell {
  return {
    name: `${name}/SIGSTOP`,
    bound: BOUND,
    run: (bound) =>
      irqloom(args, bound, {
        started: (pid) => {
          setTimeout(() => send(pid, 'SIGSTOP'), 1000);
          setTimeout(() => send(pid, 'SIGCONT'), 1000 + STOPPED_MS);
        },
      }),
    judge: expectEnd({ status: [0] }),
  };
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The command has ended already.
  }
}
