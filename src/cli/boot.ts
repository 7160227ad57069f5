import { Command, Option } from 'commander';
import { readInputFile } from '../base/input-file.ts';
import { IrqError } from '../base/irq-error.ts';
import { DISPATCHES, FAULTS, type Fault } from '../board/config.ts';
import { CLOCKS, type ClockKind } from '../boot/plan.ts';
import type { BootResult } from '../boot/result.ts';
import { runGuest, SCHEDULERS, type Scheduler } from '../boot/run.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import { bootText } from '../report/boot-text.ts';
import { parseDevices } from './boot-devices.ts';
import { bootHelp } from './boot-help.ts';
import { ConsoleOutput } from './console-output.ts';
import { withExamples } from './examples.ts';
import { EXIT, interruptible } from './exit.ts';
import { attachTerminal } from './guest-terminal.ts';
import { DEFAULT_MEMORY, type MemoryFlag, memoryOption } from './memory-option.ts';
import { printResult, printText, say } from './stdout.ts';
import { number, wholeNumber } from './values.ts';

type Flags = {
  vcpus: number;
  memory?: MemoryFlag;
  append: string;
  initrd?: string;
  device: string[];
  clock: ClockKind;
  scheduler: Scheduler;
  quantum: number;
  dispatch: Dispatch;
  fault: Fault;
  seed?: number;
  limitInstructions: number;
  limitSeconds?: number;
  console?: string;
  gdb?: number;
  json?: boolean;
};

/** How long a guest may run without a terminal, seconds. */
const UNATTENDED_SECONDS = 600;

/** The largest kernel, RAM disk or disk that is read: all lie in memory. */
const MOST_BYTES = 2 ** 30;

const EXAMPLES = [
  ['boot Image --append console=ttyAMA0 --initrd initrd.gz', 'a kernel with its RAM disk'],
  ['boot Image --scheduler controlled --seed 7', 'vCPUs in turns, the same in every run'],
] as const;

/** `irqloom boot`: runs an unmodified arm64 guest on the machine. */
export function bootCommand(): Command {
  const command = new Command('boot')
    .summary('run an unmodified arm64 guest: Linux, or bare metal')
    .description(
      'Boots an arm64 kernel on this machine: an AArch64 core in every vCPU thread, the GICv3 and ITS model, and virtio devices that signal from threads of their own. Without FILE, boot says where a kernel comes from.',
    )
    .argument('[file]', 'a kernel: an Image (also compressed with gzip), an ELF file, or a flat binary')
    .option('-v, --vcpus <n>', 'vCPUs, each a worker thread', wholeNumber(1, 64), 1)
    .addOption(memoryOption())
    .option('--append <text>', "the kernel's command line", '')
    .option('--initrd <file>', 'an initial RAM disk')
    .option(
      '--device <device>',
      'a virtio device: rng, net, console, block:FILE, block:FILE:ro or block:64M; or pci-testdev; may be repeated',
      collect,
      [],
    )
    .addOption(
      new Option('--clock <kind>', "the guest's time: a tick an instruction, or the host's clock")
        .choices(CLOCKS)
        .default('virtual'),
    )
    .addOption(
      new Option('--scheduler <kind>', 'vCPUs in threads, or in turns from the seed, the same in every run')
        .choices(SCHEDULERS)
        .default('threads'),
    )
    .option(
      '--quantum <n>',
      'mean instructions of a turn of the controlled scheduler',
      wholeNumber(1, 10_000_000),
      1000,
    )
    .addOption(
      new Option('--dispatch <where>', 'the thread that routes: the main thread, or the signalling one')
        .choices(DISPATCHES)
        .default('inline'),
    )
    .addOption(new Option('--fault <rule>', 'break a rule of the machine').choices(FAULTS).default('none'))
    .option('--seed <n>', 'seed of every random choice', wholeNumber(0, 2 ** 31 - 1))
    .option(
      '--limit-instructions <n>',
      'end after so many instructions of all vCPUs; 0: no limit',
      wholeNumber(0, 2 ** 52),
      0,
    )
    .option(
      '--limit-seconds <n>',
      `end after so many seconds; 0: no limit (default: ${UNATTENDED_SECONDS}, none at a terminal)`,
      number(0, 1e6, 'seconds'),
    )
    .option('--console <file>', "write the guest's console there (default: stderr)")
    .option(
      '--gdb <port>',
      'wait for a debugger on this port of this machine; vCPUs then run in turns',
      wholeNumber(0, 65_535),
    )
    .option('--json', 'print the result as one JSON object')
    .action(async (file: string | undefined, flags: Flags) => {
      if (file === undefined) printText(bootHelp());
      else process.exitCode = await boot(file, flags);
    });
  return withExamples(command, EXAMPLES);
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

async function boot(file: string, flags: Flags): Promise<number> {
  const seed = flags.seed ?? Math.floor(Math.random() * 2 ** 31);
  const { devices, disks, testDevice } = parseDevices(flags.device, (disk) =>
    readInputFile(disk, 'a disk', MOST_BYTES),
  );
  if (flags.fault === 'wrong-vcpu' && flags.vcpus === 1)
    throw new IrqError('ERR_USAGE', '--fault wrong-vcpu needs at least 2 vCPUs');
  const memory = flags.memory ?? DEFAULT_MEMORY;
  if (memory.model === 'arm' && (flags.gdb !== undefined || flags.scheduler !== 'controlled'))
    throw new IrqError(
      'ERR_USAGE',
      flags.gdb === undefined
        ? '--memory arm lets the schedule decide when a store leaves: add --scheduler controlled'
        : '--memory arm and --gdb do not go together: a debugger sees no stores that wait',
    );
  const kernel = readInputFile(file, 'a kernel', MOST_BYTES);
  const initrd =
    flags.initrd === undefined
      ? {}
      : { initrd: readInputFile(flags.initrd, 'an initial RAM disk', MOST_BYTES) };
  const console = new ConsoleOutput(flags.console);
  const scheduler = flags.gdb === undefined ? flags.scheduler : 'controlled';
  const attended = process.stdin.isTTY === true && scheduler === 'threads';
  say(`seed ${seed}${attended ? '; Ctrl-A x ends the run' : ''}\n`);
  let detach: () => void = () => undefined;
  const abort = new AbortController();
  try {
    const result = await interruptible((signal) => {
      signal.addEventListener('abort', () => abort.abort());
      return runGuest(
        {
          append: flags.append,
          vcpus: flags.vcpus,
          clock: flags.clock,
          scheduler,
          ...(flags.gdb === undefined ? {} : { gdbPort: flags.gdb }),
          quantum: flags.quantum,
          dispatch: flags.dispatch,
          fault: flags.fault,
          limitInstructions: flags.limitInstructions,
          kernel,
          ...initrd,
          devices,
          disks,
          testDevice,
          memoryMiB: memory.mebibytes,
          memoryModel: memory.model,
          semihosting: true,
          paced: attended,
          seed,
          limitSeconds: flags.limitSeconds ?? (attended ? 0 : UNATTENDED_SECONDS),
        },
        {
          signal: abort.signal,
          listening: (port) => say(`waiting for gdb: target remote :${port}\n`),
          output: (bytes) => console.write(bytes),
          started: (board) => {
            detach = attachTerminal(board, () => abort.abort());
          },
        },
      );
    });
    printResult(result, flags.json ? undefined : () => bootText(result));
    await console.close();
    const status = exitOf(result);
    return status === EXIT.held && console.isCut ? EXIT.usage : status;
  } catch (error) {
    await console.close();
    throw error;
  } finally {
    detach();
  }
}

/** A guest that ended by itself gives its own status; a guest that panicked failed; a guest that was ended gave no answer. */
function exitOf({ end, exitStatus }: BootResult): number {
  if (end === 'power-off' || end === 'reset') return exitStatus === 0 ? EXIT.held : EXIT.failed;
  if (end === 'panic') return EXIT.failed;
  return end === 'interrupted' ? EXIT.interrupted : EXIT.noAnswer;
}
