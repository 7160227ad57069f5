import { type Command, Option } from 'commander';
import { readInputFile } from '../base/input-file.ts';
import { IrqError } from '../base/irq-error.ts';
import { type GuestSearchTask, readSymbols } from '../guest-explore/index.ts';
import { parseDevices } from './boot-devices.ts';
import { DEFAULT_MEMORY, type MemoryFlag, memoryOption } from './memory-option.ts';
import { wholeNumber } from './values.ts';

/** The flags of a guest, for `explore` and `replay`. None has a default: each is set only where the user gave the flag. */
export type GuestFlags = {
  readonly guest?: string;
  readonly vcpus?: number;
  readonly memory?: MemoryFlag;
  readonly append?: string;
  readonly initrd?: string;
  readonly device?: readonly string[];
  readonly from?: string;
  readonly limitInstructions?: number;
  readonly symbols?: string;
};

/** More than any guest's file needs. */
const MOST_BYTES = 2 ** 30;
const OF = 'of --guest: ';

/** Adds the options of the files that a guest is made of. */
export function addGuestFiles(command: Command): Command {
  return command
    .option(
      '--guest <file>',
      'an arm64 guest in the place of a scenario: an Image, an ELF file or a flat binary',
    )
    .option('--initrd <file>', `${OF}an initial RAM disk`)
    .option(
      '--device <device>',
      `${OF}a virtio device, as of boot: rng, net, console, block:64M; may be repeated`,
      collect,
    )
    .option('--symbols <file>', `${OF}an ELF file or a System.map with its functions (default: the guest)`);
}

/** Adds the options of how a guest is booted, and from where on its schedules differ. */
export function addGuestOptions(command: Command): Command {
  return addGuestFiles(command)
    .option('-v, --vcpus <n>', `${OF}its vCPUs (default: 2)`, wholeNumber(1, 64))
    .addOption(memoryOption(OF))
    .option('--append <text>', `${OF}the kernel's command line`)
    .addOption(
      new Option(
        '--from <mark|n>',
        `${OF}where schedules begin: behind a text on its console, or after so many instructions (default: 0)`,
      ),
    )
    .option(
      '--limit-instructions <n>',
      `${OF}end a schedule after so many instructions (default: 1000000; 20000 if the guest does not end by then)`,
      wholeNumber(1, 1e12),
    );
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

const NAMES = {
  vcpus: '--vcpus',
  memory: '--memory',
  append: '--append',
  initrd: '--initrd',
  device: '--device',
  from: '--from',
  limitInstructions: '--limit-instructions',
  symbols: '--symbols',
} as const satisfies Partial<Record<keyof GuestFlags, string>>;

/** @throws IrqError `ERR_USAGE` where an option of a guest was given without a guest */
export function checkNoGuest(flags: GuestFlags): void {
  const given = Object.entries(NAMES).find(([name]) => flags[name as keyof GuestFlags] !== undefined);
  if (given) throw new IrqError('ERR_USAGE', `${given[1]} is of a guest: add --guest FILE`);
}

/** The guest's files. @throws IrqError `ERR_FILE`, `ERR_USAGE` */
export function guestFiles(guest: string, flags: GuestFlags) {
  const kernel = readInputFile(guest, 'a guest', MOST_BYTES);
  const { devices, disks, testDevice } = parseDevices(flags.device ?? [], (disk) =>
    readInputFile(disk, 'a disk', MOST_BYTES),
  );
  if (testDevice) throw new IrqError('ERR_USAGE', '--device pci-testdev is for irqloom boot');
  if (disks.some((disk) => disk.some((byte) => byte !== 0)))
    throw new IrqError(
      'ERR_USAGE',
      '--device: disks of explored guests are empty: give a size, as block:64M',
    );
  return {
    name: guest,
    kernel,
    devices,
    ...(flags.initrd === undefined
      ? {}
      : { initrd: readInputFile(flags.initrd, 'an initial RAM disk', MOST_BYTES) }),
    symbolFile: flags.symbols === undefined ? kernel : symbolFile(flags.symbols),
  };
}

/** The bytes of a file of symbols. @throws IrqError `ERR_FILE` if the file has no functions: its user would wait in vain for their names */
function symbolFile(file: string): Uint8Array {
  const bytes = readInputFile(file, 'symbols', MOST_BYTES);
  if (readSymbols(bytes)) return bytes;
  throw new IrqError(
    'ERR_FILE',
    `${file}: has no functions; expected an ELF file that is not stripped, or a System.map (Debian's is in the package of the kernel with "-dbg")`,
  );
}

/** A guest as the command line has it. */
export function guestOf(
  guest: string,
  flags: GuestFlags,
): Omit<GuestSearchTask, 'strategy' | 'depth' | 'seed' | 'schedules' | 'seconds'> {
  const { vcpus = 2, memory = DEFAULT_MEMORY, append = '', from = '0' } = flags;
  return {
    ...guestFiles(guest, flags),
    vcpus,
    append,
    memoryMiB: memory.mebibytes,
    memoryModel: memory.model,
    from: /^\d[\d_]*$/.test(from) ? Number(from.replaceAll('_', '')) : from,
    limit: flags.limitInstructions,
  };
}
