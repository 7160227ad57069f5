import { formatCommand } from './vector-command.ts';
import type { ItsNumber } from './vector-layout.ts';
import { formatMark } from './vector-mark.ts';
import { namePlace } from './vector-registers.ts';
import type { Mark, VectorAction, VectorMachine } from './vector-step.ts';
import { formatVmCall } from './vector-vm.ts';

/** A step to write: its action, and the marks of an observing step. */
export type WritableStep = { readonly action: VectorAction; readonly marks?: readonly Mark[] };

/**
 * Writes `steps` as a vector, from which `parseVector` reads the same actions and marks. So a test can save a failing sequence
 * as a file.
 */
export function writeVector(
  steps: readonly WritableStep[],
  { title = '', cpus = 4, itses = 1, vms = 1 }: { readonly title?: string } & Partial<VectorMachine> = {},
): string {
  let its: ItsNumber = 0;
  const lines = steps.flatMap(({ action, marks = [] }) => {
    if (action.op === 'its') its = action.number;
    return [...marks.map(formatMark), formatAction(action, its)];
  });
  const heading = title === '' ? [] : [`title ${title}`];
  const more = `${itses === 1 ? '' : ` itses=${itses}`}${vms === 1 ? '' : ` vms=${vms}`}`;
  return `${[...heading, `machine cpus=${cpus}${more}`, '', ...lines].join('\n')}\n`;
}

/** One step in the vector language. @param its - the ITS that it concerns */
export function formatAction(action: VectorAction, its: ItsNumber = 0): string {
  switch (action.op) {
    case 'read':
      return `r${action.bits} ${namePlace(action.place)}`;
    case 'write':
      return `w${action.bits} ${namePlace(action.place)} ${hex(action.value)}`;
    case 'fill':
      return `fill ${hex(action.address)} ${hex(action.bytes)} ${hex(action.value)}`;
    case 'mem64':
      return `mem64 ${hex(action.address)} ${hex(action.value)}`;
    case 'vm':
    case 'its':
      return `${action.op} ${action.number}`;
    case 'carry-ram':
    case 'setup-dist':
    case 'kick':
    case 'lpi-pending-all':
      return action.op;
    case 'setup-lpis':
      return `setup-lpis idbits=${action.idBits} cpus=${action.cpus.join(',')}`;
    case 'setup-its':
      return `setup-its queue=${action.queuePages}`;
    case 'zero-itt':
      return `zero-itt dev=${hex(action.deviceId)}`;
    case 'cmd':
      return `cmd ${formatCommand(action.command, its)}`;
    case 'queue':
      return `queue${action.times === 1 ? '' : `*${action.times}`} ${formatCommand(action.command, its)}`;
    case 'msi':
      return `msi dev=${hex(action.deviceId)} event=${action.eventId}`;
    case 'line': {
      const { wire, level } = action;
      return 'spi' in wire
        ? `line spi=${wire.spi} level=${level}`
        : `line ppi=${wire.ppi} cpu=${wire.cpu} level=${level}`;
    }
    case 'lpi-config':
      return `lpi-config ${action.lpi} ${action.enabled ? 'on' : 'off'} prio=${hex(action.priority)}`;
    case 'lpi-pending':
      return `lpi-pending ${action.lpi} cpu=${action.cpu}`;
    case 'cpu':
      return `cpu ${action.cpu} ${formatVerb(action)}`;
    default:
      return formatVmCall(action);
  }
}

function formatVerb(action: VectorAction & { readonly op: 'cpu' }): string {
  switch (action.verb) {
    case 'pmr':
      return `pmr ${hex(action.value)}`;
    case 'eoimode':
      return `eoimode ${action.mode}`;
    case 'eoi':
    case 'dir':
      return `${action.verb} ${action.intid}`;
    case 'sgi':
      return `sgi ${action.intid} to=${action.to === 'others' ? 'others' : action.to.join(',')}`;
    case 'drain':
    case 'take':
      return `${action.verb} ${action.most}`;
    case 'r':
      return `r ${action.register}`;
    case 'w':
      return `w ${action.register} ${hex(action.value)}`;
    default:
      return action.verb;
  }
}

const hex = (value: number | bigint) => `0x${value.toString(16)}`;
