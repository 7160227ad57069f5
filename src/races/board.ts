import { IrqError } from '../errors/irq-error.ts';
import { type Interrupts, NONE } from '../gic/interrupts.ts';
import { EDGE, ENABLED, isPending } from '../gic/state.ts';
import type { ItsCommand } from '../its/command.ts';
import type { Gsi } from '../kvm/gsi.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import { MSI_VALID_DEVID, type Route } from '../kvm/route.ts';
import { DEFAULT_CONFIG } from '../machine/config.ts';
import { Machine } from '../machine/machine.ts';

/** What the threads of a scenario on a whole machine share; structured clone takes it. */
export type Board = { readonly buffer: SharedArrayBuffer };

/** What to have on a machine that a race is run on. */
export type BoardOptions = {
  /** 1 where not given. */
  readonly vcpus?: number;
  readonly dispatch?: Dispatch;
};

/** Words that a scenario has for itself, behind `scenario` in a trace. */
const NOTES = 16;
/** Threads beside the vCPUs: numbers 1 + vcpus and up. */
const OTHER_THREADS = 4;

// Guest-physical addresses: as little memory as a guest can do with, for the explorer copies it for every schedule.
const RAM = 0x4000_0000;
/** Of devices and of collections: their entries have to have a place, and are written only when the tables are saved. */
const TABLES = RAM;
const QUEUE = RAM + 0x1000;
const CONFIG_TABLE = RAM + 0x2000;
const RAM_BYTES = 0x4000;
/** Where no memory is: there is nothing in it, and nothing is lost by that. */
const NOWHERE = RAM + 0x10_0000;
const ITT = NOWHERE;
const VALID = 1n << 63n;
const ENABLED_PRIORITY_A0 = 0xa1;

// Offsets of registers.
const GICR_PROPBASER = 0x70;
const GICR_PENDBASER = 0x78;
const GITS_CBASER = 0x80;
const GITS_BASER = 0x100;
const GITS_TRANSLATER = 0x1_0040;

const views = new WeakMap<SharedArrayBuffer, Machine[]>();

/**
 * A thread's view of the machine. A view holds nothing that changes, so it is made once for each thread and buffer, and
 * not once for each schedule.
 * @param thread - 0 is the main thread, vCPU n is 1 + n, others follow; no two threads of a scenario share a number
 */
export function machineOf({ buffer }: Board, thread: number): Machine {
  const known = views.get(buffer) ?? [];
  views.set(buffer, known);
  known[thread] ??= Machine.attach(buffer, thread);
  return known[thread];
}

/** What a scenario on a machine needs: `prepare` brings it to where the race begins. */
export function onMachine(
  prepare: (machine: Machine) => void,
  options: BoardOptions = {},
): { setup(): Board; names(buffer: SharedArrayBuffer, byteOffset: number): string } {
  return {
    setup() {
      const machine = createMachine(options);
      prepare(machine);
      return { buffer: machine.buffer };
    },
    names: (buffer, byteOffset) => machineOf({ buffer }, 0).layout.nameOf(byteOffset / 4),
  };
}

/** A machine whose guest has turned everything on, and mapped nothing. */
function createMachine({ vcpus = 1, dispatch = 'inline' }: BoardOptions): Machine {
  const machine = Machine.create({
    ...DEFAULT_CONFIG,
    vcpus,
    dispatch,
    spis: 32,
    idBits: 14,
    devices: 4,
    events: 8,
    eventfds: 4,
    otherThreads: OTHER_THREADS,
    haltPollNs: 0,
    memory: [{ base: RAM, bytes: RAM_BYTES }],
    scenarioWords: NOTES,
  });
  const { config, memory, mmio } = machine;
  const { gicdBase, gicrBase, itsBase } = config;
  mmio.write(gicdBase, 4, 2n);
  memory.fill(CONFIG_TABLE, 0x2000, ENABLED_PRIORITY_A0);
  for (let vcpu = 0; vcpu < vcpus; vcpu++) {
    const frame = gicrBase + vcpu * 0x2_0000;
    mmio.write(frame + GICR_PROPBASER, 8, BigInt(CONFIG_TABLE) | 13n);
    mmio.write(frame + GICR_PENDBASER, 8, BigInt(NOWHERE));
    mmio.write(frame, 4, 1n);
  }
  mmio.write(itsBase + GITS_BASER, 8, VALID | BigInt(TABLES));
  mmio.write(itsBase + GITS_BASER + 8, 8, VALID | BigInt(TABLES));
  mmio.write(itsBase + GITS_CBASER, 8, VALID | BigInt(QUEUE));
  mmio.write(itsBase, 4, 1n);
  return machine;
}

/** Maps devices, each with 32 events, and a collection for each vCPU. */
export function mapDevices({ itsDriver, config }: Machine, ...devices: readonly number[]): void {
  const commands: ItsCommand[] = devices.map((deviceId) => {
    return { name: 'MAPD', deviceId, size: 4, ittAddr: ITT + deviceId * 0x1000, valid: true };
  });
  for (let vcpu = 0; vcpu < config.vcpus; vcpu++)
    commands.push({ name: 'MAPC', collectionId: vcpu, rdbase: vcpu, valid: true });
  itsDriver.send(...commands);
}

/** Maps an event to an LPI of vCPU 0 and has its translation cached. */
export function mapEvent(machine: Machine, deviceId: number, eventId: number, lpi: number): void {
  machine.itsDriver.send({ name: 'MAPTI', deviceId, eventId, lpi, collectionId: 0 });
  const found = machine.its.translate(deviceId, eventId);
  if (found !== lpi)
    throw new IrqError(
      'ERR_SCENARIO',
      `event ${deviceId}:${eventId} was mapped to LPI ${lpi}, and is at ${found}`,
    );
}

/** An MSI route. */
export function messageRoute({ config }: Machine, gsi: number, deviceId: number, eventId: number): Route {
  const address = config.itsBase + GITS_TRANSLATER;
  return { type: 'msi', gsi: gsi as Gsi, flags: MSI_VALID_DEVID, address, data: eventId, deviceId };
}

/** Sends an MSI as KVM_SIGNAL_MSI does: 1 where it was delivered. */
export function sendMessage({ config, vm }: Machine, deviceId: number, eventId: number): number {
  return vm.signalMsi({
    address: config.itsBase + GITS_TRANSLATER,
    data: eventId,
    flags: MSI_VALID_DEVID,
    deviceId,
  });
}

/** Enables an SPI of vCPU 0. @param trigger - EDGE, or 0 for a level-triggered one */
export function enableSpi({ gic }: Machine, intid: number, trigger: number = EDGE): void {
  const { interrupts } = gic;
  interrupts.change(interrupts.find(0, intid), intid, EDGE, ENABLED | trigger);
  warm(interrupts, 0, intid);
}

/**
 * Takes an interrupt off the list of a vCPU where it is not. A list remembers, in a plain word and as a mere hint, where it
 * was claimed from last; here that is made so before the threads begin, so that none of them changes that word.
 */
export function warm(interrupts: Interrupts, vcpu: number, intid: number): void {
  interrupts.unlist(vcpu, intid);
}

/** Whether an interrupt is pending, for whichever vCPU. */
export function pending({ gic }: Machine, intid: number): boolean {
  return isPending(stateOf(gic.interrupts, intid));
}

export function stateOf(interrupts: Interrupts, intid: number): number {
  return interrupts.state(interrupts.find(0, intid));
}

/**
 * Takes the next interrupt of a vCPU, as the acknowledge of its guest does; -1 where there is none. What a CPU interface
 * adds to this are masks and priorities, in registers that only its own thread sees.
 */
export function takeNext(interrupts: Interrupts, vcpu: number): number {
  for (;;) {
    const intid = interrupts.best(vcpu, -1);
    if (intid === NONE || interrupts.take(vcpu, intid) !== 0) return intid;
  }
}
