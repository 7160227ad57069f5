import { type ItsNumber, VECTOR_LAYOUT } from '../../src/conformance/vectors/vector-layout.ts';
import type { RegisterPlace } from '../../src/conformance/vectors/vector-registers.ts';
import type { VectorMachine, VmNumber, Wire } from '../../src/conformance/vectors/vector-step.ts';
import type { VectorRoute, VmAnswer, VmCall } from '../../src/conformance/vectors/vector-vm.ts';
import { encode, findSystemRegister } from '../../src/gic/system-registers.ts';

/** A command to /init without an answer: some lines. */
export type Send = readonly string[];
/** Lines of which the last one is answered, and the meaning of the answer. */
export type Ask<T> = { readonly lines: Send; readonly decode: (answer: string) => T };

const ISR_EL1 = encode(3, 0, 12, 1, 0);
const IRQ_LINE_SPI = 1 << 24;
const IRQ_LINE_PPI = 2 << 24;
const VALID_DEVID = 1;
const HEX_CHUNK = 512;
/**
 * Every vCPU runs a NOP, so that KVM has moved between vCPUs whatever it moves when a vCPU leaves the guest. Comes before
 * each access to a CPU interface and each look at pending LPIs.
 */
const SETTLE = 'Z';

const hex = (value: number | bigint) => value.toString(16);
const number = (answer: string) => BigInt(`0x${answer}`);

/** The instruction MRS x0 or MSR x2 for a register's encoding (op0 15:14, op1 13:11, CRn 10:7, CRm 6:3, op2 2:0). */
export function instruction(encoding: number, reads: boolean): string {
  const fields = (((encoding >> 14) - 2) << 19) | ((encoding & 0x3fff) << 5);
  return hex((0xd510_0000 | (reads ? 1 << 21 : 0) | fields | (reads ? 0 : 2)) >>> 0);
}

function encodingOf(register: string): number {
  const found = findSystemRegister(`ICC_${register}_EL1`);
  if (!found) throw new Error(`there is no ICC_${register}_EL1`);
  return found.encoding;
}

const itsAt = (its: ItsNumber) => VECTOR_LAYOUT[its === 0 ? 'ITS' : 'ITS1'];
const doorbell = (its: ItsNumber) => itsAt(its) + 0x1_0040;

function addressOf(place: RegisterPlace, its: ItsNumber): number {
  if (place.frame === 'ITS') return itsAt(its) + place.offset;
  if (place.frame !== 'GICR') return VECTOR_LAYOUT[place.frame] + place.offset;
  return VECTOR_LAYOUT.GICR + place.cpu * VECTOR_LAYOUT.GICR_STRIDE + place.offset;
}

export const newVms = ({ cpus, itses, vms }: VectorMachine): Send => [`N ${hex(cpus)} ${itses} ${vms}`];

/** The VM that the commands after it concern. */
export const useVm = (vm: VmNumber): Send => [`h ${vm}`];

export const copyRam = (from: VmNumber): Send => [`j ${from}`];

/** A load by vCPU 0. */
export const read = (place: RegisterPlace, bytes: number, its: ItsNumber): Ask<bigint> => ({
  lines: [`R 0 ${hex(addressOf(place, its))} ${bytes}`],
  decode: number,
});

/** A store by vCPU 0. */
export const write = (place: RegisterPlace, bytes: number, value: bigint, its: ItsNumber): Send => [
  `W 0 ${hex(addressOf(place, its))} ${bytes} ${hex(BigInt.asUintN(8 * bytes, value))}`,
];

export const ramRead = (address: number, bytes: number): Ask<Uint8Array> => ({
  lines: [`Q ${hex(address)} ${hex(bytes)}`],
  decode: (answer) => Uint8Array.from(Buffer.from(answer, 'hex')),
});

export function ramWrite(address: number, data: Uint8Array): Send {
  const [first = 0] = data;
  if (data.length > 8 && data.every((byte) => byte === first))
    return [`F ${hex(address)} ${hex(data.length)} ${hex(first)}`];
  const lines: string[] = [];
  for (let at = 0; at < data.length; at += HEX_CHUNK) {
    const chunk = Buffer.from(data.subarray(at, at + HEX_CHUNK)).toString('hex');
    lines.push(`M ${hex(address + at)} ${chunk}`);
  }
  return lines;
}

/** KVM_SIGNAL_MSI: its errno and result. */
export const msi = (deviceId: number, eventId: number, its: ItsNumber): Ask<string> => ({
  lines: [`I ${hex(doorbell(its))} ${hex(eventId)} ${hex(deviceId)} ${VALID_DEVID}`],
  decode: String,
});

/** KVM_IRQ_LINE: its errno. */
export function line(wire: Wire, level: 0 | 1): Ask<string> {
  const irq = 'spi' in wire ? IRQ_LINE_SPI | wire.spi : IRQ_LINE_PPI | (wire.cpu << 16) | wire.ppi;
  return { lines: [`L ${hex(irq)} ${level}`], decode: String };
}

type Pending = readonly (readonly [cpu: number, lpi: number])[];

/** Undefined where KVM refuses to save the pending tables: one of them lies outside memory. */
export const lpiPendingAll = (): Ask<Pending | undefined> => ({
  lines: [SETTLE, 'P'],
  decode: (answer) => {
    const [errno, ...pairs] = answer.split(' ');
    if (errno !== '0') return undefined;
    return pairs.map((pair) => {
      const [cpu = 0, lpi = 0] = pair.split(':').map(Number);
      return [cpu, lpi] as const;
    });
  },
});

export const iccRead = (cpu: number, register: string): Ask<bigint> => ({
  lines: [SETTLE, `G ${hex(cpu)} ${instruction(encodingOf(register), true)}`],
  decode: number,
});

export function iccWrite(cpu: number, register: string, value: bigint): Send {
  const write = `S ${hex(cpu)} ${instruction(encodingOf(register), false)} ${hex(value)}`;
  return [SETTLE, write];
}

/** Interrupts taken by the guest's vector. */
export const take = (cpu: number, most: number): Ask<readonly number[]> => ({
  lines: [SETTLE, `t ${hex(cpu)} ${hex(most)}`],
  decode: (answer) => (answer === '' ? [] : answer.split(' ').map(Number)),
});

/** ISR_EL1. */
export const signals = (cpu: number): Ask<bigint> => ({
  lines: [SETTLE, `G ${hex(cpu)} ${instruction(ISR_EL1, true)}`],
  decode: number,
});

/** Numbers of devices in /init: the vGIC, then the ITSes. */
const deviceOf = (device: 'vgic' | 'its', its: ItsNumber) => (device === 'vgic' ? 0 : 1 + its);
const RESAMPLE = 2;
const DEASSIGN = 1;

/** The lowest number of an eventfd in /init. */
export const FIRST_EVENTFD = 0x40;

/** An eventfd's number in /init. */
export const newEventFd = (): Ask<number> => ({ lines: ['E'], decode: Number });

/** A route, and the ITS that its MSIs go to. */
export type RouteTo = { readonly route: VectorRoute; readonly its: ItsNumber };

/**
 * A call of userland.
 * @param its - the ITS that the call concerns
 * @param fds - numbers in /init of the vector's eventfds
 * @param routes - those of the steps before, for a whole table
 */
export function vmCall(
  call: VmCall,
  its: ItsNumber,
  fds: (fd: number) => number,
  routes: readonly RouteTo[],
): Ask<VmAnswer> {
  const errno = (line: string): Ask<VmAnswer> => ({
    lines: [SETTLE, line],
    decode: (answer) => ({ errno: Number(answer.split(' ')[0]) }),
  });
  const valued = (line: string): Ask<VmAnswer> => ({
    lines: [SETTLE, line],
    decode: (answer) => {
      const [failed = '', value = '0'] = answer.split(' ');
      return { errno: Number(failed), value: number(value) };
    },
  });
  switch (call.op) {
    case 'attr': {
      const name = `${deviceOf(call.device, its)} ${hex(call.group)} ${hex(call.attr)} ${hex(call.value)}`;
      return call.call === 'get' ? valued(`A g ${name}`) : errno(`A ${call.call[0]} ${name}`);
    }
    case 'route':
      return errno(`T ${hex(routes.length + 1)} ${[...routes, { route: call, its }].map(entry).join(' ')}`);
    case 'irqfd': {
      const flags = (call.off ? DEASSIGN : 0) | (call.resample === undefined ? 0 : RESAMPLE);
      const resample = call.resample === undefined ? 0 : fds(call.resample);
      return errno(`K ${hex(fds(call.fd))} ${hex(call.gsi)} ${flags} ${hex(resample)}`);
    }
    case 'signal':
      return errno(`D ${hex(fds(call.fd))} 1`);
    case 'told':
      return valued(`U ${hex(fds(call.fd))}`);
  }
}

/** A kvm_irq_routing_entry: GSI, type, four words of the union, flags. */
function entry({ route, its }: RouteTo): string {
  if ('pin' in route) return `${hex(route.gsi)} 1 0 ${hex(route.pin)} 0 0 0`;
  return `${hex(route.gsi)} 2 ${hex(doorbell(its))} 0 ${hex(route.eventId)} ${hex(route.deviceId)} ${VALID_DEVID}`;
}

export const IRQ_SIGNAL = 0x80n;
export const FIQ_SIGNAL = 0x40n;
