import { FIRST_LPI, type Intid, type VcpuId } from '../../arch/intid.ts';
import { IrqError } from '../../base/irq-error.ts';
import type { JsonObject } from '../../base/json-line.ts';
import type { VectorAnswer } from './vector-answers.ts';
import { wordsOf } from './vector-command.ts';
import { type ItsNumber, VECTOR_LAYOUT } from './vector-layout.ts';
import { setUpDistributor, setUpLpis, setUpVectorIts, sgiValues, zeroItt } from './vector-macros.ts';
import { VectorQueue } from './vector-queue.ts';
import type { Place } from './vector-registers.ts';
import {
  type ActingVerb,
  type Bits,
  type Deed,
  type Observation,
  observes,
  type Vector,
  type VmNumber,
} from './vector-step.ts';
import type { VectorTarget } from './vector-target.ts';
import { type Carry, type VmAnswer, vmAnswerSeen } from './vector-vm.ts';

const NONE = 1023n;
const UNSUPPORTED: JsonObject = { unsupported: true };

/** State of a running vector. */
type Run = {
  readonly cpus: number;
  readonly target: VectorTarget;
  vm: VmNumber;
  its: ItsNumber;
  /** The command queue of each ITS of each VM. */
  readonly queues: Record<`${VmNumber} ${ItsNumber}`, VectorQueue>;
};

const queueOf = ({ queues, vm, its }: Run) => queues[`${vm} ${its}`];
const otherVm = ({ vm }: Run): VmNumber => (vm === 0 ? 1 : 0);

/**
 * Runs a vector on a target, and returns the answers of its observing steps in order.
 * @throws the target's IrqError, its message prefixed with the vector's file and line.
 */
export function runVector({ file, cpus, steps }: Vector, target: VectorTarget): VectorAnswer[] {
  const queue = () => new VectorQueue(target);
  const queues = { '0 0': queue(), '0 1': queue(), '1 0': queue(), '1 1': queue() };
  const run: Run = { cpus, target, vm: 0, its: 0, queues };
  const answers: VectorAnswer[] = [];
  for (const { line, text, action, marks } of steps) {
    const [op = '', ...words] = text.split(/\s+/);
    try {
      if (observes(action)) {
        answers.push({ i: answers.length, line, op, fields: observe(run, action, words), marks });
      } else act(run, action);
    } catch (error) {
      if (!(error instanceof IrqError)) throw error;
      throw new IrqError(error.code, `${file}:${line}: ${error.message}`, { cause: error });
    }
  }
  return answers;
}

function act(run: Run, deed: Deed): void {
  const { cpus, target, its } = run;
  const queue = queueOf(run);
  switch (deed.op) {
    case 'vm':
    case 'its':
      run[deed.op] = deed.number as ItsNumber & VmNumber;
      target.use(run.vm, run.its);
      break;
    case 'carry-ram':
      target.copyRam(otherVm(run));
      break;
    case 'write':
      writePlace(target, deed.place, deed.bits, deed.value);
      if (deed.place.frame === 'ITS' && (deed.place.offset & ~7) === 0x80 && deed.bits >= 32) queue.forget();
      break;
    case 'fill':
      target.ramWrite(deed.address, new Uint8Array(deed.bytes).fill(deed.value));
      break;
    case 'mem64':
      target.ramWrite(deed.address, littleEndian(deed.value, 8));
      break;
    case 'setup-dist':
      setUpDistributor(target, cpus);
      break;
    case 'setup-lpis':
      setUpLpis(target, deed.idBits, deed.cpus);
      break;
    case 'setup-its':
      setUpVectorIts(target, deed.queuePages, its);
      queue.forget();
      break;
    case 'zero-itt':
      zeroItt(target, deed.deviceId, its);
      break;
    case 'queue': {
      const words = wordsOf(deed.command);
      for (let n = 0; n < deed.times; n++) queue.append(words);
      break;
    }
    case 'msi':
      target.msi(deed.deviceId, deed.eventId);
      break;
    case 'line':
      target.line(deed.wire, deed.level);
      break;
    case 'lpi-config': {
      const byte = (deed.priority & 0xfc) | 2 | (deed.enabled ? 1 : 0); // bit 1 is RES1
      target.ramWrite(VECTOR_LAYOUT.PROP + deed.lpi - FIRST_LPI, Uint8Array.of(byte));
      break;
    }
    case 'cpu':
      actOnCpu(target, deed.cpu, deed);
      break;
  }
}

function actOnCpu(target: VectorTarget, cpu: VcpuId, deed: ActingVerb): void {
  switch (deed.verb) {
    case 'on':
      target.iccWrite(cpu, 'SRE', 7n);
      target.iccWrite(cpu, 'CTLR', 0n);
      target.iccWrite(cpu, 'PMR', 0xf0n);
      target.iccWrite(cpu, 'BPR1', 0n);
      target.iccWrite(cpu, 'IGRPEN1', 1n);
      break;
    case 'off':
      target.iccWrite(cpu, 'IGRPEN1', 0n);
      break;
    case 'pmr':
      target.iccWrite(cpu, 'PMR', BigInt(deed.value));
      break;
    case 'eoimode':
      target.iccWrite(cpu, 'CTLR', BigInt(deed.mode) << 1n);
      break;
    case 'eoi':
      target.iccWrite(cpu, 'EOIR1', BigInt(deed.intid));
      break;
    case 'dir':
      target.iccWrite(cpu, 'DIR', BigInt(deed.intid));
      break;
    case 'w':
      target.iccWrite(cpu, deed.register, deed.value);
      break;
    case 'sgi':
      for (const value of sgiValues(deed.intid, deed.to)) target.iccWrite(cpu, 'SGI1R', value);
  }
}

/** Performs an observing step. @param words - the step's words without the first, which the answer quotes */
function observe(run: Run, action: Observation, words: readonly string[]): JsonObject {
  const { target } = run;
  const queue = queueOf(run);
  switch (action.op) {
    case 'read':
      return { at: words[0] ?? '', ...valueSeen(readPlace(target, action.place, action.bits)) };
    case 'cmd':
      queue.append(wordsOf(action.command));
      return { cmd: words.join(' '), ...creadrSeen(queue.kick()) };
    case 'kick':
      return creadrSeen(queue.kick());
    case 'lpi-pending': {
      const { lpi, cpu } = action;
      return { intid: lpi, cpu, ...flagSeen('pending', target.lpiPending(cpu, lpi)) };
    }
    case 'lpi-pending-all': {
      const pending = target.lpiPendingAll();
      return pending === undefined ? UNSUPPORTED : { pending };
    }
    case 'cpu':
      return { cpu: action.cpu, verb: action.verb, ...observeCpu(target, action.cpu, action) };
    default: {
      const answer = action.op === 'carry' ? carry(run, action) : target.vm(action);
      return { call: words.join(' '), ...(answer === undefined ? UNSUPPORTED : vmAnswerSeen(answer)) };
    }
  }
}

/** The answer of the read where it fails, else that of the write, with the value that was read. */
function carry(run: Run, { device, group, attr }: Carry): VmAnswer | undefined {
  const { target, vm, its } = run;
  const call = { op: 'attr', device, group, attr } as const;
  target.use(otherVm(run), its);
  const read = target.vm({ ...call, call: 'get', value: 0n });
  target.use(vm, its);
  if (read === undefined || read.errno !== 0) return read;
  const { value = 0n } = read;
  const written = target.vm({ ...call, call: 'set', value });
  return written && { ...written, value };
}

function observeCpu(
  target: VectorTarget,
  cpu: VcpuId,
  action: Observation & { readonly op: 'cpu' },
): JsonObject {
  switch (action.verb) {
    case 'hppi':
      return intidSeen(target.iccRead(cpu, 'HPPIR1'));
    case 'ack':
      return intidSeen(target.iccRead(cpu, 'IAR1'));
    case 'drain':
      return drain(target, cpu, action.most);
    case 'take': {
      const intids = target.take(cpu, action.most);
      return intids === undefined ? UNSUPPORTED : { intids };
    }
    case 'irq':
      return flagSeen('irq', target.irq(cpu));
    case 'fiq':
      return flagSeen('fiq', target.fiq(cpu));
    case 'r':
      return { reg: action.register, ...valueSeen(target.iccRead(cpu, action.register)) };
    case 'rpr':
      return valueSeen(target.iccRead(cpu, 'RPR'));
    case 'pmr?':
      return valueSeen(target.iccRead(cpu, 'PMR'));
  }
}

/** Acknowledges and ends interrupts until no interrupt is pending, or `most` were taken. */
function drain(target: VectorTarget, cpu: VcpuId, most: number): JsonObject {
  const intids: Intid[] = [];
  while (intids.length < most) {
    const intid = target.iccRead(cpu, 'IAR1');
    if (intid === undefined && intids.length === 0) return UNSUPPORTED;
    if (intid === undefined || intid === NONE) break;
    intids.push(Number(intid));
    target.iccWrite(cpu, 'EOIR1', intid);
  }
  return { intids };
}

const hex = (value: bigint) => `0x${value.toString(16)}`;

const valueSeen = (value: bigint | undefined): JsonObject =>
  value === undefined ? UNSUPPORTED : { value: hex(value) };
const intidSeen = (value: bigint | undefined): JsonObject =>
  value === undefined ? UNSUPPORTED : { intid: Number(value) };
const flagSeen = (name: string, flag: boolean | undefined): JsonObject =>
  flag === undefined ? UNSUPPORTED : { [name]: flag ? 1 : 0 };
const creadrSeen = (creadr: bigint | undefined): JsonObject =>
  creadr === undefined ? UNSUPPORTED : { creadr: hex(creadr & ~1n), stalled: Number(creadr & 1n) };

function readPlace(target: VectorTarget, place: Place, bits: Bits): bigint | undefined {
  if (place.frame !== 'RAM') return target.read(place, BYTES[bits]);
  const data = target.ramRead(VECTOR_LAYOUT.RAM + place.offset, BYTES[bits]);
  return data.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function writePlace(target: VectorTarget, place: Place, bits: Bits, value: bigint): void {
  if (place.frame !== 'RAM') target.write(place, BYTES[bits], value);
  else target.ramWrite(VECTOR_LAYOUT.RAM + place.offset, littleEndian(value, BYTES[bits]));
}

const BYTES = { 8: 1, 16: 2, 32: 4, 64: 8 } as const satisfies Record<Bits, number>;

function littleEndian(value: bigint, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => Number((value >> BigInt(index * 8)) & 0xffn));
}
