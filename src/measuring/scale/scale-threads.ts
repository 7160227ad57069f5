import { FIRST_LPI, type Intid } from '../../arch/intid.ts';
import { gits } from '../../arch/registers.ts';
import type { Machine } from '../../board/machine.ts';
import type { Guest, Vcpu } from '../../board/vcpu.ts';
import { openCpuInterface } from '../../guest/index.ts';
import { MSI_VALID_DEVID } from '../../kvm/route.ts';
import { readStamp, writeStamp } from '../../measure/stamp.ts';
import { load, peek, store } from '../../memory/word.ts';
import { guestProgram, type Program, threadProgram } from '../../threads/programs.ts';
import type { MachineEvent } from '../../threads/user/contract.ts';
import { OwnDevice } from '../own/own-device.ts';
import { loadOwnGuest } from '../own/own-guest.ts';
import { placeOf } from './scale-build.ts';
import { type ScalePlan, scaleViews } from './scale-plan.ts';

/** How many rounds without a handled LPI a device makes before it sleeps. */
const ROUNDS_IN_VAIN = 4;
const NAP_MS = 20;
/** How often a user's device polls before it sleeps. */
const LOOKS = 500;

/** The guest of one vCPU: times each interrupt from its signal, and reports it to the device. */
export function scaleGuest(machine: Machine, vcpu: Vcpu, plan: ScalePlan): Guest | Promise<Guest> {
  const { guest: module } = plan.own;
  if (module !== undefined) return ownGuest(machine, vcpu, plan, module);
  const { time, tell } = timing(machine, vcpu, plan);
  return {
    boot() {
      openCpuInterface(vcpu.cpu);
    },
    interrupt(intid: Intid) {
      time(intid - FIRST_LPI);
      tell(intid - FIRST_LPI);
    },
  };
}

export const scaleGuestProgram = guestProgram(import.meta.url, scaleGuest);

/** A user's guest: its function runs between the timing and the report. */
async function ownGuest(machine: Machine, vcpu: Vcpu, plan: ScalePlan, module: string): Promise<Guest> {
  const { places } = scaleViews(machine, plan);
  const { vcpus, own } = plan;
  const eventOf = (intid: Intid) => eventOfLpi(machine, plan, intid - FIRST_LPI);
  const user = await loadOwnGuest({ machine, vcpu, module, shared: own.shared, vcpus, places, eventOf });
  const { time, tell } = timing(machine, vcpu, plan);
  return {
    boot() {
      openCpuInterface(vcpu.cpu);
      user.start();
    },
    interrupt(intid: Intid) {
      const isSignal = intid >= FIRST_LPI;
      if (isSignal) time(intid - FIRST_LPI);
      user.interrupt(intid);
      if (isSignal) tell(intid - FIRST_LPI);
    },
  };
}

/** A vCPU's actions for LPI number `index`: record the latency, and report that the handler has run. */
function timing(machine: Machine, vcpu: Vcpu, plan: ScalePlan) {
  const { words, clock } = machine;
  const { stampAt, doneAt, bells, latency } = scaleViews(machine, plan);
  const histogram = latency[vcpu.cpu.vcpu];
  return {
    time(index: number) {
      histogram?.record(clock.now() - readStamp(words, stampAt(index)));
    },
    tell(index: number) {
      const at = doneAt(index);
      store(words, at, (peek(words, at) + 1) | 0);
      bells[index % plan.devices]?.signal();
    },
  };
}

function eventOfLpi(machine: Machine, plan: ScalePlan, index: number): MachineEvent | undefined {
  if (index < 0 || index >= plan.lpis) return undefined;
  const { deviceId, eventId } = placeOf(plan, index);
  const { devices, vcpus } = plan;
  const gsi = machine.config.spis + index;
  return {
    device: index % devices,
    event: eventId,
    deviceId,
    fd: index,
    gsi,
    intid: FIRST_LPI + index,
    vcpu: index % vcpus,
  };
}

/** The plan, and the index of the thread's device. */
type ScaleDevice = { readonly plan: ScalePlan; readonly device: number };

/** A device: keeps one signal of each of its LPIs in flight until the run ends. Returns the number of signals. */
export function scaleDevice(machine: Machine, { plan, device }: ScaleDevice): Program | Promise<Program> {
  const { words } = machine;
  const { device: module } = plan.own;
  if (module !== undefined) return ownDevice(machine, plan, device, module);
  const { stopAt } = scaleViews(machine, plan);
  const { lpis, give, isHandled, sleepUnless } = deviceLpis(machine, plan, device);

  /** Signals every LPI whose last signal was handled. */
  const goRound = () => {
    let given = 0;
    for (let which = 0; which < lpis; which++) {
      if (!isHandled(which)) continue;
      give(which);
      given++;
    }
    return given;
  };

  let total = 0;
  const goesRoundLate = () => {
    const late = goRound();
    total += late;
    return late > 0;
  };

  return {
    run() {
      let inVain = 0;
      while (load(words, stopAt) === 0) {
        const given = goRound();
        total += given;
        inVain = given > 0 ? 0 : inVain + 1;
        if (inVain < ROUNDS_IN_VAIN) continue;
        sleepUnless(goesRoundLate);
        inVain = 0;
      }
      return total;
    },
  };
}

export const scaleDeviceProgram = threadProgram(import.meta.url, scaleDevice);

/** A user's device: calls its `run` until the run ends. Event `n` is the device's `n`-th LPI. */
async function ownDevice(
  machine: Machine,
  plan: ScalePlan,
  device: number,
  module: string,
): Promise<Program> {
  const { stopAt } = scaleViews(machine, plan);
  const { lpis, give, isHandled, sleepUnless } = deviceLpis(machine, plan, device);
  const isOver = () => load(machine.words, stopAt) !== 0;
  let total = 0;

  const settle = (event: number) => {
    for (let look = 0; look < LOOKS && !isHandled(event); look++);
    while (!isHandled(event)) {
      if (isOver()) return false;
      sleepUnless(() => isHandled(event));
    }
    return true;
  };
  const user = await OwnDevice.load(module, {
    index: device,
    events: lpis,
    shared: plan.own.shared,
    signal(event) {
      // A second signal before the first is handled would merge with it.
      if (!settle(event)) return;
      give(event);
      total++;
    },
    settle,
    isOver,
  });
  return {
    run() {
      user.repeat();
      return total;
    },
  };
}

/** The LPIs of one device for its thread, by their number within the device. */
function deviceLpis(machine: Machine, plan: ScalePlan, device: number) {
  const { words, clock, vm, config } = machine;
  const { stampAt, doneAt, bells } = scaleViews(machine, plan);
  const bell = bells[device];
  const mine: number[] = [];
  for (let index = device; index < plan.lpis; index += plan.devices) mine.push(index);
  const messages = mine.map((index) => {
    const { deviceId, eventId } = placeOf(plan, index);
    return { address: config.itsBase + gits.TRANSLATER, data: eventId, flags: MSI_VALID_DEVID, deviceId };
  });
  const sent = new Int32Array(mine.length);
  return {
    lpis: mine.length,
    give(which: number) {
      const index = mine[which] ?? 0;
      sent[which] = ((sent[which] ?? 0) + 1) | 0;
      writeStamp(words, stampAt(index), clock.now());
      const message = messages[which];
      if (plan.via === 'irqfd') vm.irqfds.write(index);
      else if (message) vm.signalMsi(message);
    },
    isHandled: (which: number) => load(words, doneAt(mine[which] ?? 0)) === sent[which],
    /** Sleeps until a vCPU reports a handled LPI, at most {@link NAP_MS}. Returns at once if `isReady` is true. */
    sleepUnless(isReady: () => boolean) {
      if (!bell) return;
      const ticket = bell.announce();
      if (isReady()) bell.withdraw();
      else bell.park(ticket, NAP_MS);
    },
  };
}
