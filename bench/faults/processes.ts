import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
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

/**
 * The process as a whole: stopped and continued, on one core, with few descriptors, with a stream that is gone, while the
 * clock of the wall jumps, and under other versions of Node.js.
 * @param nodes - the executables of these versions
 */
export function processCells(folder: string, nodes: readonly string[]): Cell[] {
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
      jumping(name, args, folder),
      ...nodes.map((node) => under(name, args, node)),
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

const FAKETIME = ['x86_64', 'aarch64'].map((arch) => `/usr/lib/${arch}-linux-gnu/faketime/libfaketime.so.1`);

/** CLOCK_REALTIME goes back ten years in the middle, and then forward by twenty. */
function jumping(name: string, args: readonly string[], folder: string): Cell {
  const clock = join(folder, `clock-${name}`);
  return {
    name: `${name}/clock jumps`,
    bound: BOUND,
    run: async (bound) => {
      const library = FAKETIME.find((path) => existsSync(path));
      if (library === undefined) return 'libfaketime is not installed';
      writeFileSync(clock, '+0');
      const env = {
        ...{ LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1' },
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      };
      return irqloom(args, bound, {
        env,
        started: () => {
          setTimeout(() => writeFileSync(clock, '-10y'), 500);
          setTimeout(() => writeFileSync(clock, '+10y'), 1000);
        },
      });
    },
    judge: expectEnd({ status: [0] }),
  };
}

function under(name: string, args: readonly string[], node: string): Cell {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  return {
    name: `${name}/Node ${version}`,
    bound: BOUND,
    run: (bound) => irqloom(args, bound, { node }),
    judge: expectEnd({ status: [0], silent: /^\s+at /m }),
  };
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The command has ended already.
  }
}
