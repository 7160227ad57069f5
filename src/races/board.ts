import { GICR_STRIDE } from '../arch/frames.ts';
import type { ItsCommand } from '../arch/its-command.ts';
import { gicr, gits } from '../arch/registers.ts';
import { IrqError } from '../base/irq-error.ts';
import { type Interrupts, NONE } from '../gic/interrupts.ts';
import { EDGE, ENABLED, isPending } from '../gic/state.ts';
import type { Gsi } from '../kvm/gsi.ts';
import { MSI_VALID_DEVID, type Route } from '../kvm/route.ts';
import { type Board, type BoardOptions, nameOfWord, SmallMachine } from './small-machine.ts';

export type { Board, SmallMachine } from './small-machine.ts';

const views = new WeakMap<SharedArrayBuffer, SmallMachine[]>();

/**
 * A thread's view of the machine. A view holds nothing that changes, so it is made once for each thread and buffer, and
 * not once for each schedule.
 * @param thread - 0 is the main thread, vCPU n is 1 + n, others follow; no two threads of a scenario share a number
 */
export function machineOf(board: Board, thread: number): SmallMachine {
  const known = views.get(board.buffer) ?? [];
  views.set(board.buffer, known);
  known[thread] ??= new SmallMachine(board, thread);
  // A thread's code is run many times, and begins each time as if it were the first.
  known[thread].vm.injector.hints.clear();
  return known[thread];
}

/** What a scenario on a machine needs: `prepare` brings it to where the race begins. */
export function onMachine(
  prepare: (machine: SmallMachine) => void,
  { vcpus = 1, dispatch = 'inline' }: Partial<BoardOptions> = {},
): { setup(): Board; names(buffer: SharedArrayBuffer, byteOffset: number): string } {
  const options = { vcpus, dispatch };
  return {
    setup() {
      const machine = SmallMachine.create(options);
      boot(machine);
      prepare(machine);
      return machine.board;
    },
    names: (_buffer, byteOffset) => nameOfWord(options, byteOffset),
  };
}

const VALID = 1n << 63n;
const ENABLED_PRIORITY_A0 = 0xa1;
// Offsets of registers.
// Offsets in guest memory. The tables of devices and collections are written only when they are saved; their entries
// need a place, and it may be the same. Pending tables, and ITTs, are where no memory is: there is nothing in them.
const TABLES = 0;
const QUEUE = 0x1000;
const CONFIG_TABLE = 0x2000;
const CONFIG_BYTES = 0x2000;
const NOWHERE = 0x10_0000;

/** What a guest does at boot: it turns everything on, and maps nothing. */
function boot({ board, bases, memory, mmio, ram }: SmallMachine): void {
  const { gicdBase, gicrBase, itsBase } = bases;
  const at = (offset: number) => BigInt(ram.base + offset);
  mmio.write(gicdBase, 4, 2n);
  memory.fill(ram.base + CONFIG_TABLE, CONFIG_BYTES, ENABLED_PRIORITY_A0);
  for (let vcpu = 0; vcpu < board.vcpus; vcpu++) {
    const frame = gicrBase + vcpu * GICR_STRIDE;
    mmio.write(frame + gicr.PROPBASER, 8, at(CONFIG_TABLE) | 13n);
    mmio.write(frame + gicr.PENDBASER, 8, at(NOWHERE));
    mmio.write(frame, 4, 1n);
  }
  mmio.write(itsBase + gits.BASER, 8, VALID | at(TABLES));
  mmio.write(itsBase + gits.BASER + 8, 8, VALID | at(TABLES));
  mmio.write(itsBase + gits.CBASER, 8, VALID | at(QUEUE));
  mmio.write(itsBase, 4, 1n);
}

/** Maps devices, each with 32 events, and a collection for each vCPU. */
export function mapDevices({ itsDriver, board, ram }: SmallMachine, ...devices: readonly number[]): void {
  const commands: ItsCommand[] = devices.map((deviceId) => {
    return { name: 'MAPD', deviceId, size: 4, ittAddr: ram.base + NOWHERE + deviceId * 0x1000, valid: true };
  });
  for (let vcpu = 0; vcpu < board.vcpus; vcpu++)
    commands.push({ name: 'MAPC', collectionId: vcpu, rdbase: vcpu, valid: true });
  itsDriver.send(...commands);
}

/** Maps an event to an LPI of vCPU 0 and has its translation cached. */
export function mapEvent(machine: SmallMachine, deviceId: number, eventId: number, lpi: number): void {
  machine.itsDriver.send({ name: 'MAPTI', deviceId, eventId, lpi, collectionId: 0 });
  const found = machine.its.translate(deviceId, eventId);
  if (found !== lpi)
    throw new IrqError(
      'ERR_SCENARIO',
      `event ${deviceId}:${eventId} was mapped to LPI ${lpi}, and is at ${found}`,
    );
}

/** An MSI route. */
export function messageRoute({ bases }: SmallMachine, gsi: number, deviceId: number, eventId: number): Route {
  const address = bases.itsBase + gits.TRANSLATER;
  return { type: 'msi', gsi: gsi as Gsi, flags: MSI_VALID_DEVID, address, data: eventId, deviceId };
}

/** Sends an MSI as KVM_SIGNAL_MSI does: 1 where it was delivered. */
export function sendMessage({ bases, vm }: SmallMachine, deviceId: number, eventId: number): number {
  return vm.signalMsi({
    address: bases.itsBase + gits.TRANSLATER,
    data: eventId,
    flags: MSI_VALID_DEVID,
    deviceId,
  });
}

/** Enables an SPI of vCPU 0. @param trigger - EDGE, or 0 for a level-triggered one */
export function enableSpi({ gic }: SmallMachine, intid: number, trigger: number = EDGE): void {
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
export function pending({ gic }: SmallMachine, intid: number): boolean {
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
