import { type DeviceId, type EventId, FIRST_LPI, type Intid, type VcpuId } from '../arch/intid.ts';
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
 * A thread's view of the machine. A view holds no changing state, so each thread and buffer gets one view,
 * and not each schedule. All views of a buffer use the words of the first thread: an explorer sees the plain
 * accesses of the words handed to threads, but not of the words handed to `finally`, which runs later.
 * @param thread - 0 is the main thread, vCPU n is 1 + n, others follow; no two threads of a scenario share a number
 */
export function machineOf(shared: Shared, thread: number): SmallMachine {
  const known = views.get(shared.words.buffer) ?? { shared, machines: [] };
  views.set(shared.words.buffer, known);
  const machine = known.machines[thread] ?? new SmallMachine(known.shared, thread);
  known.machines[thread] = machine;
  // A thread's code runs many times, and each run begins as the first.
  machine.vm.irqchip.hints.clear();
  return machine;
}

/** Makes a scenario's memory on a machine: `prepare` brings the machine to the start of the race. */
export function onMachine(
  prepare: (machine: SmallMachine) => void,
  { vcpus = 1, dispatch = 'inline', listRegisters = 0, sizes }: Partial<SmallOptions> = {},
): { setup(): Shared; names(buffer: SharedArrayBuffer, byteOffset: number): string } {
  const options = { vcpus, dispatch, listRegisters, ...(sizes === undefined ? {} : { sizes }) };
  let layout: Layout | undefined;
  return {
    setup() {
      const machine = SmallMachine.create(options);
      layout ??= machine.layout;
      boot(machine);
      prepare(machine);
      // The threads get words of their own.
      views.delete(machine.shared.words.buffer);
      return machine.shared;
    },
    names: (_buffer, byteOffset) => {
      layout ??= SmallMachine.create(options).layout;
      return layout.nameOf(byteOffset / 4);
    },
  };
}

// Offsets in guest memory. The tables of devices and collections are written only on save: their entries need a place,
// and can share one. MAPTI reads a bit of the pending table, which lies there too and is 0.
const TABLES = 0;
const QUEUE = 0x1000;
const CONFIG_TABLE = 0x2000;
const CONFIG_BYTES = 0x2000;
const ITTS = 0x4000;
const ITT_BYTES = 0x200;

/** A guest's boot: enables everything, maps nothing. */
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

/** Maps an event to an LPI of vCPU 0 and caches its translation. */
export function mapEvent(machine: SmallMachine, deviceId: DeviceId, eventId: EventId, lpi: Intid): void {
  machine.itsDriver.send({ name: 'MAPTI', deviceId, eventId, lpi, collectionId: 0 });
  const found = machine.its.translate(deviceId, eventId);
  if (found !== lpi)
    throw new IrqError(
      'ERR_SCENARIO',
      `event ${deviceId}:${eventId} was mapped to LPI ${lpi}, and is at ${found}`,
    );
}

/** Writes an LPI's byte of the configuration table; the ITS is not told. */
export function configureLpi({ memory, ram }: SmallMachine, lpi: Intid, config: number): void {
  memory.setByte(ram.base + CONFIG_TABLE + lpi - FIRST_LPI, config);
}

/** Makes an MSI route. */
export function messageRoute({ bases }: SmallMachine, gsi: Gsi, deviceId: DeviceId, eventId: EventId): Route {
  const address = bases.its + gits.TRANSLATER;
  return { type: 'msi', gsi, flags: MSI_VALID_DEVID, address, data: eventId, deviceId };
}

/** Sends an MSI as KVM_SIGNAL_MSI does; 1: delivered. */
export function sendMessage({ bases, vm }: SmallMachine, deviceId: DeviceId, eventId: EventId): number {
  return vm.signalMsi({
    address: bases.its + gits.TRANSLATER,
    data: eventId,
    flags: MSI_VALID_DEVID,
    deviceId,
  });
}

/** Enables an SPI of vCPU 0. @param trigger - EDGE, or 0 for level-triggered */
export function enableSpi({ gic }: SmallMachine, intid: Intid, trigger: number = EDGE): void {
  const { interrupts } = gic;
  interrupts.change(interrupts.find(0, intid), intid, EDGE, ENABLED | trigger);
}

/** Whether an interrupt is pending, on any vCPU. */
export function pending({ gic }: SmallMachine, intid: Intid): boolean {
  return isPending(stateOf(gic.interrupts, intid));
}

export function stateOf(interrupts: Interrupts, intid: Intid): number {
  return interrupts.state(interrupts.find(0, intid));
}

/**
 * Takes the next interrupt of a vCPU, as its guest's acknowledge does; -1 if there is none. Ignores masks and
 * priorities of the CPU interface: they are in registers that only the vCPU's thread sees.
 */
export function takeNext(interrupts: Interrupts, vcpu: VcpuId): Intid {
  for (;;) {
    const intid = interrupts.best(vcpu, -1);
    if (intid === NONE || interrupts.take(vcpu, intid) !== 0) return intid;
  }
}
