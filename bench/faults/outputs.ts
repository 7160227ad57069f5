import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cell, expectEnd, irqloom } from './cell.ts';

/** A command that writes a file at its end, and the exit status of an undisturbed run. */
type Writer = {
  readonly name: string;
  readonly args: readonly string[];
  readonly flag: string;
  readonly status: number;
  readonly ending: string;
};

const STRESS = ['stress', '-v', '1', '-d', '1', '-e', '1', '-s', '0.3', '--churn', 'none'];
const LATENCY = ['latency', '-n', '64', '--boots', '1', '-s', '2', '--source', 'sgi', '--waiting', 'polling'];

function writers(scenario: string): Writer[] {
  const one = (args: readonly string[], flag: string, ending: string, status = 0): Writer => ({
    name: `${args[0]}${flag}`,
    args,
    flag,
    status,
    ending,
  });
  return [
    one(STRESS, '--report', '.html'),
    one(STRESS, '--trace', '.json'),
    one(STRESS, '--metrics', '.txt'),
    one([...STRESS, '--fault', 'drop-pending', '--perturb', 'off', '-s', '2'], '--keep', '.bin', 1),
    one(LATENCY, '--report', '.html'),
    one(LATENCY, '--trace', '.json'),
    one(LATENCY, '--hgrm', '.hgrm'),
    one(LATENCY, '--hdr-log', '.hlog'),
    one(['scale', '-v', '1', '-d', '1', '-l', '16', '-s', '0.3'], '--report', '.html'),
    one(['compare', '--abi', 'merged', '-s', '1'], '--report', '.html'),
    one(['explore', scenario], '--report', '.html', 1),
    one(['explore', scenario], '--save', '.test.ts', 1),
  ];
}

const SCENARIO = `const inc = (w) => { Atomics.store(w, 0, Atomics.load(w, 0) + 1) };
export default { name: 'lost', words: 1, threads: { a: inc, b: inc }, finally(w) { if (w[0] !== 2) throw new Error('lost') } };`;

const FILE_PRELOAD = new URL('./file-preload.js', import.meta.url).href;

const OLD = 'the file of before';
/** The run is not long; a busy machine is. */
const BOUND = 60;

/** Each output, on each file system and at each moment that can spoil the output. */
export function outputCells(folder: string): Cell[] {
  const scenario = join(folder, 'lost.mjs');
  writeFileSync(scenario, SCENARIO);
  return writers(scenario).flatMap((writer, index) => {
    const place = (name: string) => join(folder, `${index}-${name}`);
    return [
      missingFolder(writer, place('missing')),
      fullDevice(writer, place('device')),
      mounted(writer, place('full'), 'enospc', 'size=16k', /ENOSPC|no space/i),
      mounted(writer, place('readonly'), 'erofs', 'ro', /EROFS|read-only/i),
      killed(writer, place('killed')),
      readerGone(writer, place('fifo')),
      ...FILE_FAULTS.map((fault) => failingCall(writer, place(fault.call), fault)),
    ];
  });
}

function missingFolder({ name, args, flag, ending }: Writer, place: string): Cell {
  return {
    name: `${name}/no folder`,
    bound: BOUND,
    run: (bound) => irqloom([...args, flag, join(place, `x${ending}`)], bound),
    judge: (ended) =>
      ended.stdout === ''
        ? expectEnd({ status: [2], stderr: /cannot be written: ENOENT/ })(ended)
        : 'ran before the output was refused',
  };
}

/** `--save` wants a name of a test, so the device has another name. */
function fullDevice({ name, args, flag, status, ending }: Writer, place: string): Cell {
  const file = `${place}${ending}`;
  return {
    name: `${name}/full device`,
    bound: BOUND,
    run: (bound) => {
      symlinkSync('/dev/full', file);
      return irqloom([...args, flag, file], bound);
    },
    judge: (ended) =>
      ended.stdout === ''
        ? 'lost its result'
        : expectEnd({
            // Metrics go on for as long as the run does, so a full disk ends them, and not the run.
            status: [flag === '--metrics' ? 0 : Math.max(status, status === 0 ? 2 : 1)],
            stderr: /cannot be written: ENOSPC/,
            silent: /^\s+at /m,
          })(ended),
  };
}

/** On a file system of its own: too small for the file, or read-only. */
function mounted(
  { name, args, flag, status, ending }: Writer,
  place: string,
  kind: string,
  options: string,
  said: RegExp,
): Cell {
  const file = join(place, `out${ending}`);
  let before = '';
  let after = '';
  return {
    name: `${name}/${kind}`,
    bound: BOUND,
    run: async (bound) => {
      mkdirSync(place, { recursive: true });
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', kind === 'erofs' ? 'size=1m' : options, 'tmpfs', place], {
          stdio: 'pipe',
        });
      } catch {
        return 'this user may not mount a file system';
      }
      try {
        writeFileSync(file, OLD);
        // All but a page is taken, so that the part that is written does not fit either.
        if (kind === 'enospc') fill(join(place, 'filler'));
        else execFileSync('mount', ['-o', 'remount,ro', place]);
        before = readFileSync(file, 'utf8');
        const ended = await irqloom([...args, flag, file], bound);
        after = readFileSync(file, 'utf8');
        return ended;
      } finally {
        execFileSync('umount', [place]);
      }
    },
    judge: (ended) => {
      if (after !== before) return 'spoilt the file of before';
      if (kind === 'erofs' && ended.stdout !== '') return 'ran before the output was refused';
      if (kind === 'enospc' && ended.stdout === '') return 'lost its result';
      const wanted = kind === 'erofs' ? 2 : flag === '--metrics' ? 0 : Math.max(status, status === 0 ? 2 : 1);
      return expectEnd({ status: [wanted], stderr: said, silent: /^\s+at /m })(ended);
    },
  };
}

function fill(path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(2 ** 20));
  } catch {
    // The file system is full now, as wanted.
  }
}

/** A call on the output that fails, and whether that is before the run. */
const FILE_FAULTS = [
  { call: 'open', errno: 'EMFILE', before: true },
  { call: 'write', errno: 'EIO', before: false },
  { call: 'fsync', errno: 'EIO', before: false },
  { call: 'close', errno: 'EIO', before: false },
  { call: 'rename', errno: 'EROFS', before: false },
] as const;

/** One call on the output fails: the file of before stays, no part of the new one is left, and the result is printed. */
function failingCall(
  { name, args, flag, status, ending }: Writer,
  place: string,
  { call, errno, before }: (typeof FILE_FAULTS)[number],
): Cell {
  const file = join(place, `out${ending}`);
  let wrong: string | undefined;
  return {
    name: `${name}/${call} ${errno}`,
    bound: BOUND,
    run: async (bound) => {
      mkdirSync(place, { recursive: true });
      writeFileSync(file, OLD);
      const env = {
        NODE_OPTIONS: `--import ${FILE_PRELOAD}`,
        ...{ FAULT_CALL: call, FAULT_ERRNO: errno, FAULT_NAME: `out${ending}` },
      };
      const ended = await irqloom([...args, flag, file], bound, { env });
      const left = readdirSync(place).filter((each) => each !== `out${ending}`);
      wrong =
        readFileSync(file, 'utf8') !== OLD
          ? 'spoilt the file of before'
          : left.length > 0
            ? `left ${left.join(', ')} behind`
            : undefined;
      rmSync(place, { recursive: true });
      return ended;
    },
    judge: (ended) => {
      if (wrong !== undefined) return wrong;
      if (before && ended.stdout !== '') return 'ran before the output was refused';
      if (!before && ended.stdout === '') return 'lost its result';
      const wanted = before ? 2 : flag === '--metrics' ? 0 : Math.max(status, status === 0 ? 2 : 1);
      return expectEnd({ status: [wanted], stderr: new RegExp(`${errno}: `), silent: /^\s+at /m })(ended);
    },
  };
}

/** The output is a FIFO whose reader goes away before a byte is written. */
function readerGone({ name, args, flag, status, ending }: Writer, place: string): Cell {
  const fifo = `${place}${ending}`;
  return {
    name: `${name}/EPIPE`,
    bound: BOUND,
    run: (bound) =>
      irqloom([...args, flag, fifo], bound, {
        shell: `mkfifo '${fifo}'; { sleep 0.1 < '${fifo}'; } & COMMAND`,
      }),
    judge: (ended) =>
      ended.stdout === ''
        ? 'lost its result'
        : expectEnd({
            status: [flag === '--metrics' ? 0 : Math.max(status, status === 0 ? 2 : 1)],
            stderr: /EPIPE/,
            silent: /^\s+at /m,
          })(ended),
  };
}

/** SIGKILL as soon as bytes of the output are on disk, or at the end: the name has the old file, or the whole new one. */
function killed({ name, args, flag, ending }: Writer, place: string): Cell {
  const file = join(place, `out${ending}`);
  let wrong: string | undefined;
  return {
    name: `${name}/SIGKILL`,
    bound: BOUND,
    run: async (bound) => {
      mkdirSync(place, { recursive: true });
      writeFileSync(file, OLD);
      const ended = await irqloom([...args, flag, file], bound, {
        started: (pid) => {
          const look = setInterval(() => {
            if (isAlive(pid) && !partHasBytes(place)) return;
            clearInterval(look);
            if (isAlive(pid)) process.kill(pid, 'SIGKILL');
          }, 0);
        },
      });
      const now = readFileSync(file);
      wrong =
        now.equals(Buffer.from(OLD)) || isWhole(now, ending) ? undefined : 'left half a file under its name';
      rmSync(place, { recursive: true });
      return ended;
    },
    judge: (ended) => (ended.late ? 'did not end within its bound' : wrong),
  };
}

function partHasBytes(place: string): boolean {
  try {
    return readdirSync(place).some((name) => name.endsWith('.part') && statSync(join(place, name)).size > 0);
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether a file ends as a whole one of its kind does. */
function isWhole(bytes: Buffer, ending: string): boolean {
  const text = bytes.toString('latin1').trimEnd();
  switch (ending) {
    case '.html':
      return text.endsWith('</html>');
    case '.json':
      return text.startsWith('{') && text.endsWith('}');
    case '.txt':
      return text.endsWith('# EOF');
    default:
      return text.length > 0 && text !== OLD.slice(0, text.length);
  }
}
