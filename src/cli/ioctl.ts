import { Command, Option } from 'commander';
import { IrqError } from '../base/irq-error.ts';
import { didYouMean } from '../base/suggestion.ts';
import { createInitialisedVm } from '../board/create-vm.ts';
import type { Fd } from '../kvm/gsi.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import { CAPABILITIES, type CapabilityName } from '../kvm-abi/capabilities.ts';
import { applyIoctl } from '../kvm-abi/structs/apply.ts';
import { explainIoctl } from '../kvm-abi/structs/explain.ts';
import { formatHex, parseHex } from '../kvm-abi/structs/hex.ts';
import { findIoctl, IOCTLS, type Ioctl } from '../kvm-abi/structs/ioctls.ts';
import { type IoctlAnswer, type IoctlReport, ioctlText } from '../report/ioctl-text.ts';
import { DESIGN_NAMES, type DesignName } from '../vmm/design.ts';
import { withExamples } from './examples.ts';
import { EXIT } from './exit.ts';
import { printResult } from './stdout.ts';
import { wholeNumber } from './values.ts';

type Flags = { abi: DesignName; device: 'gic' | 'its'; fd?: Fd; memory?: string; json?: boolean };

const EXAMPLES = [
  [
    'ioctl KVM_IRQFD 0000000020000000000000000000000000000000000000000000000000000000',
    'an irqfd: eventfd 0, GSI 32',
  ],
  ['ioctl KVM_CHECK_EXTENSION 25', 'whether KVM has a capability'],
] as const;

/** `irqloom ioctl`: the meaning of the argument of a KVM call, and KVM's answer. */
export function ioctlCommand(): Command {
  const command = new Command('ioctl')
    .summary('explain the bytes of a KVM ioctl, and give the answer of KVM')
    .description(
      'Takes the argument of an ioctl as hexadecimal bytes in the order of memory, names its fields, and applies it to a fresh VM: one vCPU, a GICv3 and an ITS where QEMU has them, all initialised, eventfds 0 to 7 open.\n' +
        'Exit status 0 if KVM accepts the call, 1 if KVM refuses it (with the errno), 2 if there is no such call or the bytes are no hexadecimal.',
    )
    .argument('<name>', `name or number of the ioctl: ${IOCTLS.map(({ name }) => name).join(', ')}`)
    .argument('[hex...]', 'the bytes; - reads them from standard input; for KVM_CHECK_EXTENSION a capability')
    .addOption(
      new Option('--abi <design>', 'the design of the 2015 debate that the VM has')
        .choices(DESIGN_NAMES)
        .default('merged'),
    )
    .addOption(
      new Option('--device <which>', 'the device that ioctls of a device go to')
        .choices(['gic', 'its'])
        .default('gic'),
    )
    .option('--fd <n>', 'another descriptor in the place of that', wholeNumber(-(2 ** 31), 2 ** 31 - 1))
    .option('--memory <hex>', 'the bytes at the address in kvm_device_attr, 8 (4 for NR_IRQS)')
    .option('--json', 'print the result as one JSON object')
    .action(async (name: string, hex: string[], flags: Flags) => {
      const report = await reportOn(name, hex, flags);
      printResult(report, flags.json ? undefined : () => ioctlText(report));
      process.exitCode = report.answer.ok ? EXIT.held : EXIT.failed;
    });
  return withExamples(command, EXAMPLES);
}

async function reportOn(given: string, hex: readonly string[], flags: Flags): Promise<IoctlReport> {
  const ioctl = ioctlOf(given);
  const isValue = ioctl.name === 'KVM_CHECK_EXTENSION';
  const value = isValue ? capabilityOf(hex) : undefined;
  const bytes = isValue ? new Uint8Array() : await bytesOf(hex, ioctl);
  const { fields, notes } = explained(ioctl, bytes, flags.abi);
  const { name, number, on, struct } = ioctl;
  return {
    schemaVersion: 1,
    command: 'ioctl',
    abi: flags.abi,
    ioctl: { name, number, on, struct: struct?.name ?? null },
    bytes: formatHex(bytes),
    fields: fields.map((field) => ({ ...field, value: `0x${field.value.toString(16)}` })),
    notes,
    answer: answerOf(ioctl, bytes, value, flags),
  };
}

/** In the design that has the DeviceID in the padding of KVM_IRQFD, that is no padding. */
function explained({ name }: Ioctl, bytes: Uint8Array, abi: DesignName) {
  const { fields, notes } = explainIoctl(name, bytes);
  if (name !== 'KVM_IRQFD' || abi !== 'direct') return { fields, notes };
  return {
    fields: fields.map((field) =>
      field.name === 'pad' ? { ...field, means: `DeviceID ${field.value & 0xffff_ffffn}` } : field,
    ),
    notes: notes.filter((note) => !note.startsWith('pad ')),
  };
}

function answerOf(
  { name, on }: Ioctl,
  bytes: Uint8Array,
  value: number | undefined,
  { abi, device, fd, memory }: Flags,
): IoctlAnswer {
  const there = memory === undefined ? undefined : parseHex(memory);
  const { vm, gic, its } = createInitialisedVm({ design: abi });
  try {
    const done = applyIoctl(vm, name, bytes, {
      ...(on === 'device' ? { fd: fd ?? (device === 'gic' ? gic : its) } : {}),
      ...(value === undefined ? {} : { value }),
      ...(there ? { memory: () => there } : {}),
    });
    return {
      ok: true,
      value: done.value,
      bytes: formatHex(done.bytes),
      read: done.read === undefined ? null : `0x${done.read.toString(16)}`,
    };
  } catch (error) {
    if (!(error instanceof KvmError)) throw error;
    const { errno, number, message } = error;
    return { ok: false, errno, number, rule: message.slice(message.indexOf(errno) + errno.length + 2) };
  }
}

function ioctlOf(given: string): Ioctl {
  const number = Number(given);
  try {
    return findIoctl(Number.isInteger(number) ? number : given.toUpperCase());
  } catch (error) {
    if (!(error instanceof KvmError)) throw error;
    const names = IOCTLS.map(({ name }) => name);
    throw new IrqError('ERR_USAGE', `"${given}" is none of ${names.join(', ')}${didYouMean(given, names)}`);
  }
}

function capabilityOf([given, ...more]: readonly string[]): number {
  const names = Object.keys(CAPABILITIES) as CapabilityName[];
  const named = names.find((name) => name === given?.toUpperCase());
  if (named) return CAPABILITIES[named];
  const number = Number(given ?? Number.NaN);
  if (
    more.length === 0 &&
    given?.trim() !== '' &&
    Number.isInteger(number) &&
    number >= 0 &&
    number < 2 ** 32
  )
    return number;
  throw new IrqError(
    'ERR_USAGE',
    `KVM_CHECK_EXTENSION takes the number of a capability, or one of ${names.join(', ')}${didYouMean(given ?? '', names)}`,
  );
}

async function bytesOf(hex: readonly string[], { name, struct }: Ioctl): Promise<Uint8Array> {
  if (hex.length === 0 && struct) {
    throw new IrqError(
      'ERR_IOCTL_BYTES',
      `${name} takes struct ${struct.name}: give its ${struct.bytes} bytes in hexadecimal, or - for standard input`,
    );
  }
  return parseHex(hex.length === 1 && hex[0] === '-' ? await readStdin(MOST_HEX) : hex.join(' '));
}

/** The largest ioctl argument is a routing table of 4,096 entries; in hexadecimal, with spaces, this is enough. */
const MOST_HEX = 1024 * 1024;

/** Standard input to its end. @throws IrqError `ERR_IOCTL_BYTES` for more bytes than any ioctl takes, `ERR_FILE` */
async function readStdin(most: number): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of process.stdin) {
      pieces.push(piece as Buffer);
      length += (piece as Buffer).length;
      if (length > most) break;
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new IrqError('ERR_FILE', `standard input cannot be read: ${why}`, { cause });
  }
  if (length > most)
    throw new IrqError(
      'ERR_IOCTL_BYTES',
      `standard input has more than ${most} bytes; no ioctl takes so many`,
    );
  return Buffer.concat(pieces).toString('utf8');
}
