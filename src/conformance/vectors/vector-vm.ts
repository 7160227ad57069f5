import type { DeviceId, EventId, Pin } from '../../arch/intid.ts';
import type { JsonObject } from '../../base/json-line.ts';
import type { Fd, Gsi } from '../../kvm/gsi.ts';
import { ADDRESSES, CONTROLS, GROUPS } from '../../kvm-abi/devices/attribute.ts';
import type { VectorWords } from './vector-words.ts';

/** A route of the vector's table. */
export type VectorRoute =
  | { readonly gsi: Gsi; readonly pin: Pin }
  | { readonly gsi: Gsi; readonly deviceId: DeviceId; readonly eventId: EventId };

export const ATTRIBUTE_CALLS = ['get', 'set', 'has'] as const;
export const ATTRIBUTE_DEVICES = ['vgic', 'its'] as const;

/** What userland calls of a VM: each is a step that answers with the call's errno. Only a KVM has these calls. */
export type VmCall =
  /** KVM_GET_DEVICE_ATTR and its kin, on the vGIC or the ITS: so state is saved and restored too. */
  | {
      readonly op: 'attr';
      readonly call: (typeof ATTRIBUTE_CALLS)[number];
      readonly device: (typeof ATTRIBUTE_DEVICES)[number];
      readonly group: number;
      readonly attr: bigint;
      readonly value: bigint;
    }
  /** KVM_SET_GSI_ROUTING, with this route beside those of the steps before. */
  | ({ readonly op: 'route' } & VectorRoute)
  /** KVM_IRQFD. Eventfds are numbered by the vector; `resample` names the one that is written at the EOI. */
  | {
      readonly op: 'irqfd';
      readonly fd: Fd;
      readonly gsi: Gsi;
      readonly off: boolean;
      readonly resample?: Fd;
    }
  /** write(2) of 1 to an eventfd, and read(2) of one: the count, 0 with EAGAIN. */
  | { readonly op: 'signal' | 'told'; readonly fd: Fd };

/** Reads an attribute in the other VM and writes it in this one: a step of a migration. Answers with the errno and the value. */
export type Carry = {
  readonly op: 'carry';
  readonly device: (typeof ATTRIBUTE_DEVICES)[number];
  readonly group: number;
  readonly attr: bigint;
};

/** The errno, 0 for success, and what was read. */
export type VmAnswer = { readonly errno: number; readonly value?: bigint };

export const VM_OPS = ['attr', 'route', 'irqfd', 'signal', 'told'] as const;

const MOST_EVENTFDS = 16;
const MOST_GSI = 4095;
const U32 = 0xffff_ffff;

/** Reads a step that is a call of a VM; undefined for another word. @throws IrqError `ERR_VECTOR_FORMAT` */
export function parseVmCall(words: VectorWords, op: string, rest: readonly string[]): VmCall | undefined {
  if (op === 'attr') return parseAttribute(words, rest);
  if (op === 'signal' || op === 'told') {
    words.most(op, rest, 1);
    return { op, fd: words.number('the eventfd', rest[0], 0, MOST_EVENTFDS - 1) };
  }
  if (op === 'irqfd') {
    const pairs = words.pairs(op, rest.slice(1), ['gsi', 'resample', 'off']);
    const resample = pairs.get('resample');
    return {
      op,
      fd: words.number('the eventfd', rest[0], 0, MOST_EVENTFDS - 1),
      gsi: words.number('irqfd gsi=', pairs.get('gsi'), 0, U32),
      off: words.bit('irqfd off=', pairs.get('off') ?? '0') === 1,
      ...(resample === undefined
        ? {}
        : { resample: words.number('irqfd resample=', resample, 0, MOST_EVENTFDS - 1) }),
    };
  }
  if (op !== 'route') return undefined;
  const pairs = words.pairs(op, rest, ['gsi', 'pin', 'dev', 'event']);
  const gsi: Gsi = words.number('route gsi=', pairs.get('gsi'), 0, MOST_GSI);
  const pin = pairs.get('pin');
  if (pin !== undefined) return { op, gsi, pin: words.number('route pin=', pin, 0, U32) };
  const deviceId: DeviceId = words.number('route dev=', pairs.get('dev'), 0, U32);
  return { op, gsi, deviceId, eventId: words.number('route event=', pairs.get('event'), 0, U32) };
}

function parseAttribute(words: VectorWords, rest: readonly string[]): VmCall {
  const [call = '', ...named] = rest;
  words.most('attr', rest, 5);
  if (!isOneOf(ATTRIBUTE_CALLS, call)) throw words.unknown('call of attr', call, ATTRIBUTE_CALLS);
  return {
    op: 'attr',
    call,
    ...parseName(words, 'attr', named),
    value: words.wide('the value', named[3] ?? '0'),
  };
}

/** Reads `carry DEVICE GROUP ATTR`. @throws IrqError `ERR_VECTOR_FORMAT` */
export function parseCarry(words: VectorWords, rest: readonly string[]): Carry {
  words.most('carry', rest, 3);
  return { op: 'carry', ...parseName(words, 'carry', rest) };
}

function parseName(
  words: VectorWords,
  op: string,
  [device = '', groupName = '', attrName = '']: readonly string[],
): Omit<Carry, 'op'> {
  if (!isOneOf(ATTRIBUTE_DEVICES, device)) throw words.unknown(`device of ${op}`, device, ATTRIBUTE_DEVICES);
  const group = numberOr(words, 'group', groupName, GROUPS);
  const names = group === GROUPS.CTRL ? CONTROLS : group === GROUPS.ADDR ? ADDRESSES : {};
  const attr = numberOr(words, 'attribute', attrName, names);
  return { device, group: Number(group), attr: BigInt(attr) };
}

/** A number, or the name of one. */
function numberOr(
  words: VectorWords,
  what: string,
  text: string,
  names: Readonly<Record<string, number>>,
): number | bigint {
  if (Object.hasOwn(names, text)) return names[text] ?? 0;
  if (/^[A-Z]/.test(text)) throw words.unknown(what, text, Object.keys(names));
  return words.wide(`the ${what}`, text === '' ? undefined : text);
}

const isOneOf = <T extends string>(all: readonly T[], word: string): word is T =>
  (all as readonly string[]).includes(word);

/** The step in the vector language. */
export function formatVmCall(call: VmCall | Carry): string {
  if (call.op === 'carry') return `carry ${call.device} ${call.group} 0x${call.attr.toString(16)}`;
  if (call.op === 'attr') {
    const value = call.value === 0n ? '' : ` 0x${call.value.toString(16)}`;
    return `attr ${call.call} ${call.device} ${call.group} 0x${call.attr.toString(16)}${value}`;
  }
  if (call.op === 'route')
    return 'pin' in call
      ? `route gsi=${call.gsi} pin=${call.pin}`
      : `route gsi=${call.gsi} dev=${call.deviceId} event=${call.eventId}`;
  if (call.op !== 'irqfd') return `${call.op} ${call.fd}`;
  const resample = call.resample === undefined ? '' : ` resample=${call.resample}`;
  return `irqfd ${call.fd} gsi=${call.gsi}${resample}${call.off ? ' off=1' : ''}`;
}

/** The answer of a step. */
export function vmAnswerSeen({ errno, value }: VmAnswer): JsonObject {
  return { errno, ...(value === undefined ? {} : { value: `0x${value.toString(16)}` }) };
}
