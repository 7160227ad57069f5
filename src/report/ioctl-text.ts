import type { ErrnoName } from '../kvm/errno.ts';
import type { DesignName } from '../vmm/design.ts';
import { table } from './table.ts';

/** KVM's answer to a call. */
export type IoctlAnswer =
  | {
      readonly ok: true;
      readonly value: number;
      /** The argument as KVM leaves it. */
      readonly bytes: string;
      /** The value that KVM_GET_DEVICE_ATTR has read, hexadecimal. */
      readonly read: string | null;
    }
  | { readonly ok: false; readonly errno: ErrnoName; readonly number: number; readonly rule: string };

/** The JSON of `irqloom ioctl`. */
export type IoctlReport = {
  readonly schemaVersion: 1;
  readonly command: 'ioctl';
  readonly abi: DesignName;
  readonly ioctl: {
    readonly name: string;
    readonly number: number;
    readonly on: 'vm' | 'device';
    readonly struct: string | null;
  };
  readonly bytes: string;
  readonly fields: readonly {
    readonly name: string;
    readonly at: number;
    readonly bytes: number;
    /** Hexadecimal. */
    readonly value: string;
    readonly means: string;
  }[];
  readonly notes: readonly string[];
  readonly answer: IoctlAnswer;
};

/** Fields that are printed one by one: three routes with all of theirs, and some. */
const SHOWN = 48;

/** An ioctl and its answer as text for people. */
export function ioctlText({ ioctl, abi, bytes, fields, notes, answer }: IoctlReport): string {
  const shown = fields.slice(0, SHOWN);
  const more = fields.length - shown.length;
  const lines = [
    `${ioctl.name} (0x${ioctl.number.toString(16)}) on a ${ioctl.on === 'vm' ? 'VM' : 'device'}, design ${abi}${ioctl.struct ? `: struct ${ioctl.struct}` : ''}`,
    ...(shown.length === 0
      ? []
      : [
          '',
          table(
            ['at', 'bytes', 'field', 'value', 'means'],
            shown.map((field) => [
              String(field.at),
              String(field.bytes),
              field.name,
              field.value,
              field.means,
            ]),
            [0, 1],
          ),
        ]),
    ...(more > 0 ? [`(and ${more} fields more: --json lists them)`] : []),
    ...notes.map((note) => `note: ${note}`),
    '',
    ...answerLines(answer, bytes),
  ];
  return `${lines.join('\n')}\n`;
}

function answerLines(answer: IoctlAnswer, before: string): string[] {
  if (!answer.ok) return [`refused: ${answer.errno} (${answer.number}): ${answer.rule}`];
  return [
    `returns ${answer.value}`,
    ...(answer.read === null ? [] : [`reads ${answer.read}`]),
    ...(answer.bytes === before ? [] : [`leaves ${answer.bytes}`]),
  ];
}
