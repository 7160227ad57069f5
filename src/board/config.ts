import { FRAME_BYTES, VIRT_FRAMES } from '../arch/frames.ts';
import { type Intid, PRIVATE_INTIDS } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import { MOST_LIST_REGISTERS } from '../gic/list-registers.ts';
import { IRQCHIP_PINS, MAX_IRQ_ROUTES } from '../kvm/gsi.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import { MOST_ITSES } from '../kvm/vgic/vgic-state.ts';
import type { MemorySlot } from '../memory/guest-memory.ts';
import { DESIGN_NAMES, type DesignName } from '../vmm/design.ts';

/** Whose identification, reset values and options the hardware has. */
export const PERSONALITIES = ['kvm', 'qemu-virt', 'kvm-6.12', 'kvm-6.1'] as const;
export type PersonalityName = (typeof PERSONALITIES)[number];

export const DISPATCHES = ['main', 'inline'] as const satisfies readonly Dispatch[];

/** A rule of the machine that is broken on purpose, to see that the proof notices. */
export const FAULTS = [
  'none',
  'drop-kick',
  'drop-pending',
  'stale-route',
  'wrong-vcpu',
  'double',
  'lost-ack',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Everything that decides how the shared buffer is laid out. It is kept in the buffer's header. */
export type MachineConfig = {
  /** 1 to 512. */
  readonly vcpus: number;
  /** SPIs, a multiple of 32 up to 960, or 988; KVM's default is 224. */
  readonly spis: number;
  /** Bits of an INTID, 14 to 16: LPIs end at 2^idBits - 1. */
  readonly idBits: number;
  /** DeviceIDs that the ITS can map at one time, 1 to 65,535. */
  readonly devices: number;
  /** DevID:EvID pairs that the ITS can map at one time, 1 to 65,535. */
  readonly events: number;
  /** 1 to 65,534. */
  readonly eventfds: number;
  /** Threads that may attach beside the vCPUs: the main thread is number 0, vCPU n is 1 + n, others follow. */
  readonly otherThreads: number;
  readonly dispatch: Dispatch;
  /** Which design of the debate: how userland names a source, and a signal finds its interrupt. */
  readonly abi: DesignName;
  readonly personality: PersonalityName;
  readonly fault: Fault;
  /** Longest time that an idle vCPU polls before it parks, ns; 0 parks at once. @see halt_poll_ns */
  readonly haltPollNs: number;
  /** Guest-physical bases of the frames, multiples of 64 KiB. */
  readonly gicdBase: number;
  readonly gicrBase: number;
  readonly itsBase: number;
  readonly memory: readonly MemorySlot[];
  /** Words that a scenario has for itself. */
  readonly scenarioWords: number;
  /**
   * How many stages of interrupts each thread stamps and keeps, a power of two from 2 to 2^24. Left out, or 0: none, and
   * no trace of it on the interrupt path. Not together with a fault.
   */
  readonly stamps?: number;

  // Sizes that are KVM's where they are left out, and that a machine that is to be explored has smaller.
  /** VMs that share the process's file descriptors: 1. */
  readonly vms?: number;
  /** ITSes that a VM has room for, 0 to 4: 1. A {@link Machine} has them all, one behind the other from `itsBase` on. */
  readonly itses?: number;
  /** GSIs, and routes, of the table: 4,096. */
  readonly gsis?: number;
  /** Pins of the irqchip that a table knows: 988. */
  readonly pins?: number;
  /** Collections that an ITS has room for: 64 and two for each vCPU. */
  readonly collections?: number;
  /** How often a thread looks again at a lock that is held, before it sleeps: 100. */
  readonly spins?: number;
  /**
   * List registers of each vCPU, up to 16, as the host of a KVM has them: a guest sees no more interrupts at one time. 0: none, and
   * no trace of them on the interrupt path. Only with a personality of KVM's, and not together with stamps.
   */
  readonly listRegisters?: number;
  /**
   * vPEs that a GICv4.1 has room for, up to 4,096; then a redistributor has four frames, and the ITS, of which there is one, three.
   * 0: a GICv3, and no trace of them on the interrupt path.
   */
  readonly vpes?: number;

  /** The host and the habits of userland, for a VM that ioctls set up. */
  readonly host?: Host;
};

/** The host's capabilities, as {@link KvmVm} shows them to a VMM. */
export type Host = {
  /** Bits of a guest-physical address. */
  readonly physBits: number;
  /** Whether the host can run a GICv2, of at most 8 vCPUs. */
  readonly gicV2: boolean;
  /** PPIs that a device in the kernel drives once a vCPU has run, beside the timers' own: the PMU's. */
  readonly ownedPpis: readonly Intid[];
  /** Linux 6.17 and up: an eventfd takes one irqfd of all VMs. */
  readonly exclusiveEventFds: boolean;
  /** The VM starts without vCPUs, and KVM_CREATE_VCPU adds them. */
  readonly vcpusLater: boolean;
};

export const DEFAULT_HOST: Host = {
  physBits: 40,
  gicV2: false,
  ownedPpis: [],
  exclusiveEventFds: true,
  vcpusLater: false,
};

/** The optional sizes, with their defaults. */
export const DEFAULT_SIZES = {
  stamps: 0,
  vms: 1,
  itses: 1,
  gsis: MAX_IRQ_ROUTES,
  pins: IRQCHIP_PINS,
  /** As many as the vCPUs want. */
  collections: 0,
  spins: 100,
  listRegisters: 0,
  vpes: 0,
} as const satisfies Partial<MachineConfig>;

/** The sizes of a machine, those that were left out among them. */
export function sizesOf(config: MachineConfig): Readonly<Record<keyof typeof DEFAULT_SIZES, number>> {
  const sizes = { ...DEFAULT_SIZES, ...pick(config) };
  return { ...sizes, collections: sizes.collections || Math.min(65_535, 2 * config.vcpus + 64) };
}

function pick(config: MachineConfig): Partial<Record<keyof typeof DEFAULT_SIZES, number>> {
  const given = SIZE_NAMES.flatMap((name) => (config[name] === undefined ? [] : [[name, config[name]]]));
  return Object.fromEntries(given);
}

const SIZE_NAMES = Object.keys(DEFAULT_SIZES) as (keyof typeof DEFAULT_SIZES)[];

/** Threads that a machine's shared tables are made for: the main one, the vCPUs', and others. */
export function threadsOf({ vcpus, otherThreads }: MachineConfig): number {
  return 1 + vcpus + otherThreads;
}

/** A small machine of KVM's kind: the addresses are those of QEMU's `virt` board. */
export const DEFAULT_CONFIG: MachineConfig = {
  vcpus: 1,
  spis: 224,
  idBits: 16,
  devices: 256,
  events: 4096,
  eventfds: 64,
  otherThreads: 1,
  dispatch: 'inline',
  abi: 'merged',
  personality: 'kvm',
  fault: 'none',
  haltPollNs: 200_000,
  gicdBase: VIRT_FRAMES.gicd,
  gicrBase: VIRT_FRAMES.gicr,
  itsBase: VIRT_FRAMES.its,
  memory: [{ base: 0x4000_0000, bytes: 0x20_0000 }],
  scenarioWords: 0,
};

/** vPEs of a machine: a vLPI's number and its vPE's share one word. */
const MOST_VPES = 4096;

/** VMs of one process. */
export const MOST_VMS = 64;

const PAGE = 4096;
const HIGHEST_ADDRESS = 2 ** 48;

function sizeWithin(name: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new IrqError('ERR_CONFIG', `${name} is a whole number from ${low} to ${high}, not ${value}`);
}

/** @throws IrqError `ERR_CONFIG` for the first value that no machine can have */
export function checkConfig(config: MachineConfig): void {
  const within = (name: keyof MachineConfig, low: number, high: number) => {
    const value = config[name];
    if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return;
    throw new IrqError(
      'ERR_CONFIG',
      `${name} is a whole number from ${low} to ${high}, not ${String(value)}`,
    );
  };
  within('vcpus', 1, 512);
  within('spis', 32, 988);
  if (config.spis % 32 !== 0 && config.spis !== 988) {
    throw new IrqError('ERR_CONFIG', `spis is a multiple of 32, or 988, not ${config.spis}`);
  }
  within('idBits', 14, 16);
  within('devices', 1, 65_535);
  within('events', 1, 65_535);
  within('eventfds', 1, 65_534);
  within('otherThreads', 1, 4096);
  within('haltPollNs', 0, 1e9);
  within('scenarioWords', 0, 2 ** 28);
  const { stamps, vms, itses, gsis, pins, collections, spins, listRegisters, vpes } = sizesOf(config);
  sizeWithin('vms', vms, 1, MOST_VMS);
  sizeWithin('itses', itses, 0, MOST_ITSES);
  sizeWithin('gsis', gsis, 1, MAX_IRQ_ROUTES);
  sizeWithin('pins', pins, 1, IRQCHIP_PINS);
  sizeWithin('collections', collections, 1, 65_535);
  if (config.host) sizeWithin('physBits', config.host.physBits, 32, 52);
  sizeWithin('spins', spins, 0, 1e6);
  sizeWithin('listRegisters', listRegisters, 0, MOST_LIST_REGISTERS);
  if (listRegisters !== 0) checkListRegisters(config);
  sizeWithin('vpes', vpes, 0, MOST_VPES);
  if (vpes !== 0) checkVpes(itses);
  if (stamps !== 0 && !(stamps >= 2 && stamps <= 2 ** 24 && Number.isInteger(Math.log2(stamps)))) {
    throw new IrqError('ERR_CONFIG', `stamps is 0, or a power of two from 2 to 2^24, not ${stamps}`);
  }
  if (stamps !== 0 && config.fault !== 'none') {
    throw new IrqError('ERR_CONFIG', `a machine with the fault ${config.fault} stamps nothing`);
  }
  for (const name of ['gicdBase', 'gicrBase', 'itsBase'] as const) {
    within(name, 0, HIGHEST_ADDRESS);
    if (config[name] % FRAME_BYTES !== 0)
      throw new IrqError('ERR_CONFIG', `${name} is a multiple of 64 KiB, not 0x${config[name].toString(16)}`);
  }
  let end = 0;
  for (const { base, bytes } of [...config.memory].sort((a, b) => a.base - b.base)) {
    const slot = `memory slot 0x${base.toString(16)} of ${bytes} bytes`;
    if (base % PAGE !== 0 || bytes % PAGE !== 0 || bytes <= 0)
      throw new IrqError('ERR_CONFIG', `${slot}: both are multiples of 4 KiB above 0`);
    if (base < end || base + bytes > HIGHEST_ADDRESS)
      throw new IrqError('ERR_CONFIG', `${slot} overlaps another, or ends past 2^48`);
    end = base + bytes;
  }
}

function checkVpes(itses: number): void {
  if (itses !== 1)
    throw new IrqError('ERR_CONFIG', `a machine with vPEs (GICv4.1) has one ITS, not ${itses}`);
}

function checkListRegisters({ personality, fault, stamps = 0 }: MachineConfig): void {
  const refuse = (reason: string) => new IrqError('ERR_CONFIG', `list registers are KVM's: ${reason}`);
  if (personality === 'qemu-virt') throw refuse('the personality qemu-virt has none');
  if (stamps !== 0) throw refuse('a machine that stamps the stages of interrupts has none');
  if (fault === 'double') throw refuse('the fault double is of a machine without them');
}

const HALF = 2 ** 32;

/** A configuration as words of the header. */
export function encodeConfig(config: MachineConfig): number[] {
  const long = (value: number) => [value | 0, Math.floor(value / HALF)];
  return [
    config.vcpus,
    config.spis,
    config.idBits,
    config.devices,
    config.events,
    config.eventfds,
    config.otherThreads,
    DISPATCHES.indexOf(config.dispatch),
    DESIGN_NAMES.indexOf(config.abi),
    PERSONALITIES.indexOf(config.personality),
    FAULTS.indexOf(config.fault),
    config.haltPollNs,
    config.scenarioWords,
    ...SIZE_NAMES.map((name) => config[name] ?? DEFAULT_SIZES[name]),
    ...(config.host ? encodeHost(config.host) : [NO_HOST]),
    ...long(config.gicdBase),
    ...long(config.gicrBase),
    ...long(config.itsBase),
    config.memory.length,
    ...config.memory.flatMap(({ base, bytes }) => [...long(base), ...long(bytes)]),
  ];
}

/** In place of a host that was left out. */
const NO_HOST = 0;

function encodeHost({ physBits, gicV2, ownedPpis, exclusiveEventFds, vcpusLater }: Host): number[] {
  const flags = [gicV2, exclusiveEventFds, vcpusLater].map(Number);
  return [physBits, ...flags, ownedPpis.reduce((bits, intid) => bits | (1 << intid), 0)];
}

function decodeHost(word: () => number): Host | undefined {
  const physBits = word();
  if (physBits === NO_HOST) return undefined;
  const flag = () => word() === 1;
  const flags = { gicV2: flag(), exclusiveEventFds: flag(), vcpusLater: flag() };
  const ppis = word();
  const ownedPpis = Array.from({ length: PRIVATE_INTIDS }, (_, intid) => intid);
  return { physBits, ...flags, ownedPpis: ownedPpis.filter((intid) => (ppis & (1 << intid)) !== 0) };
}

/** @throws IrqError `ERR_LAYOUT` where the words are no configuration of a machine that {@link checkConfig} takes */
export function decodeConfig(words: readonly number[]): MachineConfig {
  const config = readConfig(words);
  try {
    checkConfig(config);
  } catch (error) {
    throw new IrqError('ERR_LAYOUT', 'the header of the buffer holds no configuration of a machine', {
      cause: error,
    });
  }
  return config;
}

/**
 * As {@link decodeConfig}, but takes any size: VMs that userland sets up are judged call by call.
 * @throws IrqError `ERR_LAYOUT`
 */
export function readConfig(words: readonly number[]): MachineConfig {
  let next = 0;
  const word = () => words[next++] ?? -1;
  const long = () => (word() >>> 0) + word() * HALF;
  const one = <T>(names: readonly T[]): T => {
    const name = names[word()];
    if (name === undefined)
      throw new IrqError('ERR_LAYOUT', 'the header of the buffer holds no configuration of a machine');
    return name;
  };
  const fixed = {
    vcpus: word(),
    spis: word(),
    idBits: word(),
    devices: word(),
    events: word(),
    eventfds: word(),
    otherThreads: word(),
    dispatch: one(DISPATCHES),
    abi: one(DESIGN_NAMES),
    personality: one(PERSONALITIES),
    fault: one(FAULTS),
    haltPollNs: word(),
    scenarioWords: word(),
  };
  const given = SIZE_NAMES.map((name) => [name, word()] as const);
  const host = decodeHost(word);
  return {
    ...fixed,
    ...Object.fromEntries(given.filter(([name, value]) => value !== DEFAULT_SIZES[name])),
    ...(host ? { host } : {}),
    gicdBase: long(),
    gicrBase: long(),
    itsBase: long(),
    memory: Array.from({ length: slotsLeft(words.length - next, word()) }, () => ({
      base: long(),
      bytes: long(),
    })),
  };
}

/** Words of a memory slot in a header. */
const SLOT_WORDS = 4;

/** Checks a number of memory slots against the words that are left, the number itself among them. */
function slotsLeft(wordsLeft: number, slots: number): number {
  if (slots >= 0 && 1 + slots * SLOT_WORDS <= wordsLeft) return slots;
  throw new IrqError(
    'ERR_LAYOUT',
    `the header of the buffer claims ${slots} memory slots, and has no room for them`,
  );
}
