import type { DeviceId, EventId, Intid, VcpuId } from '../arch/intid.ts';
import type { ItsCommand } from '../arch/its-command.ts';
import { lpiConfig } from '../arch/lpi-config.ts';
import { gits } from '../arch/registers.ts';
import { IrqError } from '../base/irq-error.ts';
import { type Interrupts, NONE } from '../gic/interrupts.ts';
import { EDGE, ENABLED, isPending } from '../gic/state.ts';
import { GicDriver, LINUX_PRIORITY, setUpIts } from '../guest/index.ts';
import type { Gsi } from '../kvm/gsi.ts';
import { MSI_VALID_DEVID, type Route } from '../kvm/route.ts';
import type { Layout } from '../memory/layout.ts';
import { type Shared, SmallMachine, type SmallOptions } from './small-machine.ts';

export type { Shared, SmallMachine } from './small-machine.ts';

type Views = { readonly shared: Shared; readonly machines: SmallMachine[] };
const views = new WeakMap<SharedArrayBuffer, Views>();

/**
 * A thread's view of the machine. A view holds nothing that changes, so it is made once for each thread and buffer, and
 * not once for each schedule. All views of a buffer use the words that the first thread was given: an explorer hands
 * threads words whose plain accesses it sees, and `finally`, which runs later, words whose plain accesses it does not.
 * @param thread - 0 is the main thread, vCPU n is 1 + n, others follow; no two threads of a scenario share a number
 */
export function machineOf(shared: Shared, thread: number): SmallMachine {
  const known = views.get(shared.words.buffer) ?? { shared, machines: [] };
  views.set(shared.words.buffer, known);
  const machine = known.machines[thread] ?? new SmallMachine(known.shared, thread);
  known.machines[thread] = machine;
  // A thread's code is run many times, and begins each time as if it were the first.
  machine.vm.irqchip.hints.clear();
  return machine;
}

/** What a scenario on a machine needs: `prepare` brings it to where the race begins. */
export function onMachine(
  prepare: (machine: SmallMachine) => void,
  { vcpus = 1, dispatch = 'inline' }: Partial<SmallOptions> = {},
): { setup(): Shared; names(buffer: SharedArrayBuffer, byteOffset: number): string } {
  const options = { vcpus, dispatch };
  let layout: Layout | undefined;
  return {
    setup() {
      const machine = SmallMachine.create(options);
      layout ??= machine.layout;
      boot(machine);
      prepare(machine);
      // The threads are handed words of their own.
      views.delete(machine.shared.words.buffer);
      return machine.shared;
    },
    names: (_buffer, byteOffset) => {
      layout ??= SmallMachine.create(options).layout;
      return layout.nameOf(byteOffset / 4);
    },
  };
}

// Offsets in guest memory. The tables of devices and collections are written only when they are saved; their entries
// need a place, and it may be the same; MAPTI reads a bit of the pending table, which lies there as well and is 0.
const TABLES = 0;
const QUEUE = 0x1000;
const CONFIG_TABLE = 0x2000;
const CONFIG_BYTES = 0x2000;
const ITTS = 0x4000;
const ITT_BYTES = 0x200;

/** What a guest does at boot: it turns everything on, and maps nothing. */
function boot({ shared, bases, memory, bus, ram }: SmallMachine): void {
  const at = (offset: number) => ram.base + offset;
  const gic = new GicDriver(bus, { gicdBase: bases.gicd, gicrBase: bases.gicr });
  gic.enable();
  memory.fill(at(CONFIG_TABLE), CONFIG_BYTES, lpiConfig(LINUX_PRIORITY));
  for (let vcpu: VcpuId = 0; vcpu < shared.vcpus; vcpu++) {
    gic.setLpiTables(vcpu, { configTable: at(CONFIG_TABLE), pendingTable: at(TABLES), idBits: 14 });
    gic.enableLpis(vcpu);
  }
  const tables = { deviceTable: at(TABLES), collectionTable: at(TABLES), queue: at(QUEUE), queuePages: 1 };
  setUpIts(bus, bases.its, tables);
}

/** Maps devices, each with 32 events, and a collection for each vCPU. */
export function mapDevices({ itsDriver, shared, ram }: SmallMachine, ...devices: readonly DeviceId[]): void {
  const commands: ItsCommand[] = devices.map((deviceId) => {
    return { name: 'MAPD', deviceId, size: 4, ittAddr: ram.base + ITTS + deviceId * ITT_BYTES, valid: true };
  });
  for (let vcpu: VcpuId = 0; vcpu < shared.vcpus; vcpu++)
    commands.push({ name: 'MAPC', collectionId: vcpu, rdbase: vcpu, valid: true });
  itsDriver.send(...commands);
}

/** Maps an event to an LPI of vCPU 0 and has its translation cached. */
export function mapEvent(machine: SmallMachine, deviceId: DeviceId, eventId: EventId, lpi: Intid): void {
  machine.itsDriver.send({ name: 'MAPTI', deviceId, eventId, lpi, collectionId: 0 });
  const found = machine.its.translate(deviceId, eventId);
  if (found !== lpi)
    throw new IrqError(
      'ERR_SCENARIO',
      `event ${deviceId}:${eventId} was mapped to LPI ${lpi}, and is at ${found}`,
    );
}

/** An MSI route. */
export function messageRoute({ bases }: SmallMachine, gsi: Gsi, deviceId: DeviceId, eventId: EventId): Route {
  const address = bases.its + gits.TRANSLATER;
  return { type: 'msi', gsi, flags: MSI_VALID_DEVID, address, data: eventId, deviceId };
}

/** Sends an MSI as KVM_SIGNAL_MSI does: 1 where it was delivered. */
export function sendMessage({ bases, vm }: SmallMachine, deviceId: DeviceId, eventId: EventId): number {
  return vm.signalMsi({
    address: bases.its + gits.TRANSLATER,
    data: eventId,
    flags: MSI_VALID_DEVID,
    deviceId,
  });
}

/** Enables an SPI of vCPU 0. @param trigger - EDGE, or 0 for a level-triggered one */
export function enableSpi({ gic }: SmallMachine, intid: Intid, trigger: number = EDGE): void {
  const { interrupts } = gic;
  interrupts.change(interrupts.find(0, intid), intid, EDGE, ENABLED | trigger);
}

/** Whether an interrupt is pending, for whichever vCPU. */
export function pending({ gic }: SmallMachine, intid: Intid): boolean {
  return isPending(stateOf(gic.interrupts, intid));
}

export function stateOf(interrupts: Interrupts, intid: Intid): number {
  return interrupts.state(interrupts.find(0, intid));
}

/**
 * Takes the next interrupt of a vCPU, as the acknowledge of its guest does; -1 where there is none. What a CPU interface
 * adds to this are masks and priorities, in registers that only its own thread sees.
 */
export function takeNext(interrupts: Interrupts, vcpu: VcpuId): Intid {
  for (;;) {
    const intid = interrupts.best(vcpu, -1);
    if (intid === NONE || interrupts.take(vcpu, intid) !== 0) return intid;
  }
}
