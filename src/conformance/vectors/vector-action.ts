import { type DeviceId, FIRST_LPI, type Intid } from '../../arch/intid.ts';
import { excerpt } from '../../base/input-file.ts';
import { SYSTEM_REGISTERS } from '../../gic/system-registers.ts';
import { parseCommand } from './vector-command.ts';
import { type ItsNumber, PENDING_TABLES, VECTOR_LAYOUT } from './vector-layout.ts';
import type { ActingVerb, Bits, ObservingVerb, VectorAction, VmNumber } from './vector-step.ts';
import { parseCarry, parseVmCall, VM_OPS } from './vector-vm.ts';
import type { VectorWords } from './vector-words.ts';

/** The most vCPUs that a vector's machine may have. */
export const MAX_CPUS = 512;

const U32 = 0xffff_ffff;
const MAX_INTID = 0xff_ffff;

const STEPS = [
  ...[
    'r8',
    'r16',
    'r32',
    'r64',
    'w8',
    'w16',
    'w32',
    'w64',
    'fill',
    'mem64',
    'setup-dist',
    'setup-lpis',
    'setup-its',
  ],
  ...[
    'zero-itt',
    'cmd',
    'queue',
    'kick',
    'msi',
    'line',
    'lpi-config',
    'lpi-pending',
    'lpi-pending-all',
    'cpu',
  ],
  ...VM_OPS,
  ...['vm', 'its', 'carry', 'carry-ram'],
  ...['title', 'machine'],
];
const VERBS = [
  'on',
  'off',
  'pmr',
  'pmr?',
  'eoimode',
  'eoi',
  'dir',
  'sgi',
  'hppi',
  'ack',
  'drain',
  'take',
  'irq',
  'fiq',
  'rpr',
  'r',
  'w',
];
/** The system registers that `cpu N r REG` and `cpu N w REG` accept, named without ICC_ and _EL1. */
const READABLE = SYSTEM_REGISTERS.filter(({ read }) => read !== undefined).map(({ name }) => shortName(name));
const WRITABLE = SYSTEM_REGISTERS.filter(({ write }) => write !== undefined).map(({ name }) =>
  shortName(name),
);

function shortName(name: string): string {
  return name.replace(/^ICC_|_EL1$/g, '');
}

/**
 * Reads one step.
 * @param first - the step's first word.
 * @param rest - the step's other words.
 * @throws IrqError `ERR_VECTOR_FORMAT`
 */
export function parseAction(words: VectorWords, first: string, rest: readonly string[]): VectorAction {
  const { cpus, itses, vms } = words.machine;
  const access = /^([rw])(8|16|32|64)$/.exec(first);
  if (access !== null) return parseAccess(words, access[1] === 'r', bitsOf(access[2]), first, rest);
  const queue = /^queue(?:\*(.*))?$/.exec(first);
  if (queue !== null) {
    const times = words.number('the count after queue*', queue[1] ?? '1', 0, 0xffff);
    return { op: 'queue', command: parseCommand(words, rest), times };
  }
  switch (first) {
    case 'fill': {
      words.most('fill', rest, 3);
      const bytes = words.number('the length', rest[1], 0, 0x100_0000);
      const address = words.memory('the address', rest[0], bytes);
      return { op: 'fill', address, bytes, value: words.number('the byte', rest[2], 0, 0xff) };
    }
    case 'mem64':
      words.most('mem64', rest, 2);
      return {
        op: first,
        address: words.memory('the address', rest[0], 8),
        value: words.wide('the value', rest[1]),
      };
    case 'vm':
      words.most(first, rest, 1);
      return { op: first, number: words.number('the VM', rest[0], 0, vms - 1) as VmNumber };
    case 'its':
      words.most(first, rest, 1);
      return { op: first, number: words.number('the ITS', rest[0], 0, itses - 1) as ItsNumber };
    case 'carry':
    case 'carry-ram':
      if (vms < 2) throw words.error(`${first} needs a second VM; expected machine vms=2`);
      if (first === 'carry') return parseCarry(words, rest);
      words.most(first, rest, 0);
      return { op: first };
    case 'setup-dist':
    case 'kick':
    case 'lpi-pending-all':
      words.most(first, rest, 0);
      return { op: first };
    case 'setup-lpis':
      return parseSetupLpis(words, rest, cpus);
    case 'setup-its': {
      const queuePages = words.pairs(first, rest, ['queue']).get('queue') ?? '16';
      return { op: first, queuePages: words.number('setup-its queue', queuePages, 1, 256) };
    }
    case 'zero-itt': {
      const dev = words.pairs(first, rest, ['dev']).get('dev');
      return { op: first, deviceId: words.number('zero-itt dev=', dev, 0, U32) };
    }
    case 'cmd':
      return { op: first, command: parseCommand(words, rest) };
    case 'msi': {
      const pairs = words.pairs(first, rest, ['dev', 'event']);
      const deviceId: DeviceId = words.number('msi dev=', pairs.get('dev'), 0, U32);
      return { op: first, deviceId, eventId: words.number('msi event=', pairs.get('event'), 0, U32) };
    }
    case 'line':
      return parseLine(words, rest);
    case 'lpi-config':
      return parseLpiConfig(words, rest);
    case 'lpi-pending': {
      const lpi: Intid = words.number('the INTID', rest[0], 0, U32);
      const pairs = words.pairs(first, rest.slice(1), ['cpu']);
      return { op: first, lpi, cpu: words.cpu('lpi-pending cpu=', pairs.get('cpu')) };
    }
    case 'cpu':
      return { op: first, cpu: words.cpu('the vCPU', rest[0]), ...parseVerb(words, rest[1], rest.slice(2)) };
    default: {
      const call = parseVmCall(words, first, rest);
      if (call !== undefined) return call;
      throw words.unknown('step', first, STEPS);
    }
  }
}

const bitsOf = (text: string | undefined): Bits =>
  text === '8' ? 8 : text === '16' ? 16 : text === '32' ? 32 : 64;

function parseAccess(
  words: VectorWords,
  isRead: boolean,
  bits: Bits,
  first: string,
  rest: readonly string[],
): VectorAction {
  words.most(first, rest, isRead ? 1 : 2);
  const place = words.place(rest[0], bits / 8);
  if (isRead) return { op: 'read', bits, place };
  const value = words.wide('the value', rest[1]);
  if (value >> BigInt(bits) !== 0n) {
    throw words.error(`the value is ${excerpt(rest[1] ?? '')}; expected at most ${bits} bits`);
  }
  return { op: 'write', bits, place, value };
}

function parseSetupLpis(words: VectorWords, rest: readonly string[], cpus: number): VectorAction {
  const pairs = words.pairs('setup-lpis', rest, ['idbits', 'cpus']);
  const idBits = words.number('setup-lpis idbits', pairs.get('idbits') ?? '16', 1, 32);
  const list = pairs.get('cpus');
  const chosen =
    list === undefined
      ? Array.from({ length: cpus }, (_, cpu) => cpu)
      : words.list('setup-lpis cpus', list, cpus - 1);
  if (chosen.some((cpu) => cpu >= PENDING_TABLES)) {
    throw words.error(
      `setup-lpis has pending tables for vCPUs 0 to ${PENDING_TABLES - 1}; expected no other`,
    );
  }
  return { op: 'setup-lpis', idBits, cpus: chosen };
}

function parseLine(words: VectorWords, rest: readonly string[]): VectorAction {
  const pairs = words.pairs('line', rest, ['spi', 'ppi', 'cpu', 'level']);
  const level = words.bit('line level=', pairs.get('level'));
  const [spi, ppi, cpu] = [pairs.get('spi'), pairs.get('ppi'), pairs.get('cpu')];
  if ((spi === undefined) === (ppi === undefined))
    throw words.error('line needs spi= or ppi=, one of the two');
  if (spi === undefined) {
    const wire = { ppi: words.number('line ppi=', ppi, 16, 31), cpu: words.cpu('line cpu=', cpu) };
    return { op: 'line', wire, level };
  }
  if (cpu !== undefined) throw words.error('line spi= has no cpu=: an SPI has one wire for all');
  return { op: 'line', wire: { spi: words.number('line spi=', spi, 32, 1019) }, level };
}

function parseLpiConfig(words: VectorWords, [intid, ...rest]: readonly string[]): VectorAction {
  const last = FIRST_LPI + VECTOR_LAYOUT.PEND - VECTOR_LAYOUT.PROP - 1;
  const lpi: Intid = words.number('the INTID', intid, FIRST_LPI, last);
  const states = rest.filter((word) => !word.includes('='));
  const pairs = words.pairs(
    'lpi-config',
    rest.filter((word) => word.includes('=')),
    ['prio'],
  );
  const [state] = states;
  if (states.length !== 1 || (state !== 'on' && state !== 'off')) {
    throw words.error(`lpi-config has ${excerpt(states.join(' '))}; expected on or off, once`);
  }
  const priority = words.number('lpi-config prio', pairs.get('prio') ?? '0xa0', 0, 0xff);
  return { op: 'lpi-config', lpi, enabled: state === 'on', priority };
}

function parseVerb(
  words: VectorWords,
  verb: string | undefined,
  rest: readonly string[],
): ActingVerb | ObservingVerb {
  if (verb === undefined) throw words.error(`the verb is missing; expected one of ${VERBS.join(', ')}`);
  const one = () => {
    words.most(verb, rest, 1);
    return rest[0];
  };
  switch (verb) {
    case 'on':
    case 'off':
    case 'hppi':
    case 'ack':
    case 'irq':
    case 'fiq':
    case 'rpr':
    case 'pmr?':
      words.most(verb, rest, 0);
      return { verb };
    case 'pmr':
      return { verb, value: words.number('the priority', one(), 0, 0xff) };
    case 'eoimode':
      return { verb, mode: words.bit('the mode', one()) };
    case 'eoi':
    case 'dir':
      return { verb, intid: words.number('the INTID', one(), 0, MAX_INTID) };
    case 'r':
      return { verb, register: registerOf(words, one(), READABLE) };
    case 'w': {
      words.most(verb, rest, 2);
      const register = registerOf(words, rest[0], WRITABLE);
      return { verb, register, value: words.wide('the value', rest[1]) };
    }
    case 'drain':
    case 'take':
      return { verb, most: words.number('the most', one() ?? '64', verb === 'take' ? 1 : 0, 0xffff) };
    case 'sgi': {
      const to = words.pairs(verb, rest.slice(1), ['to']).get('to');
      if (to === undefined) throw words.error('sgi needs to=; expected to=0,2 (vCPUs) or to=others');
      // A target without a vCPU is legal: the SGI has no effect there.
      const targets = to === 'others' ? to : words.list('sgi to', to, MAX_CPUS - 1);
      return { verb, intid: words.number('the INTID', rest[0], 0, 15), to: targets };
    }
    default:
      throw words.unknown('verb of cpu', verb, VERBS);
  }
}

function registerOf(words: VectorWords, text: string | undefined, known: readonly string[]): string {
  if (text === undefined) throw words.error(`the register is missing; expected one of ${known.join(', ')}`);
  const name = text.toUpperCase();
  if (!known.includes(name)) throw words.unknown('system register', text, known);
  return name;
}
