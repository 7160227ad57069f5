import { FIRST_LPI, type Intid } from '../../arch/intid.ts';
import { gits } from '../../arch/registers.ts';
import type { Machine } from '../../board/machine.ts';
import type { Guest, Vcpu } from '../../board/vcpu.ts';
import { openCpuInterface } from '../../guest/index.ts';
import { MSI_VALID_DEVID } from '../../kvm/route.ts';
import { readStamp, writeStamp } from '../../measure/stamp.ts';
import { load, peek, store } from '../../memory/word.ts';
import { guestProgram, threadProgram } from '../../threads/programs.ts';
import { placeOf } from './scale-build.ts';
import { type ScalePlan, scaleViews } from './scale-plan.ts';

/** How often a device goes round in vain before it sleeps. */
const ROUNDS_IN_VAIN = 4;
const NAP_MS = 20;

/** The guest of one vCPU: times each interrupt from its signal, and tells the device. */
export function scaleGuest(machine: Machine, vcpu: Vcpu, plan: ScalePlan): Guest {
  const { words, clock } = machine;
  const { stampAt, doneAt, bells, latency } = scaleViews(machine, plan);
  const histogram = latency[vcpu.cpu.vcpu];
  return {
    boot() {
      openCpuInterface(vcpu.cpu);
    },
    interrupt(intid: Intid) {
      const index = intid - FIRST_LPI;
      histogram?.record(clock.now() - readStamp(words, stampAt(index)));
      const at = doneAt(index);
      store(words, at, (peek(words, at) + 1) | 0);
      bells[index % plan.devices]?.signal();
    },
  };
}

export const scaleGuestProgram = guestProgram(import.meta.url, scaleGuest);

/** Which device of the plan a thread is. */
type ScaleDevice = { readonly plan: ScalePlan; readonly device: number };

/** A device: keeps each of its LPIs on its way, one signal at a time, until the run ends. Returns how many it gave. */
export function scaleDevice(machine: Machine, { plan, device }: ScaleDevice): { run(): number } {
  const { words, clock, vm, config } = machine;
  const { stopAt, stampAt, doneAt, bells } = scaleViews(machine, plan);
  const bell = bells[device];
  const mine: number[] = [];
  for (let index = device; index < plan.lpis; index += plan.devices) mine.push(index);
  const messages = mine.map((index) => {
    const { deviceId, eventId } = placeOf(plan, index);
    return { address: config.itsBase + gits.TRANSLATER, data: eventId, flags: MSI_VALID_DEVID, deviceId };
  });
  const sent = new Int32Array(mine.length);

  const give = (which: number, index: number) => {
    sent[which] = ((sent[which] ?? 0) + 1) | 0;
    writeStamp(words, stampAt(index), clock.now());
    const message = messages[which];
    if (plan.via === 'irqfd') vm.irqfds.write(index);
    else if (message) vm.signalMsi(message);
  };

  /** Signals everything that has been handled. */
  const goRound = () => {
    let given = 0;
    for (let which = 0; which < mine.length; which++) {
      const index = mine[which] ?? 0;
      if (load(words, doneAt(index)) !== sent[which]) continue;
      give(which, index);
      given++;
    }
    return given;
  };

  return {
    run() {
      let total = 0;
      let inVain = 0;
      while (load(words, stopAt) === 0) {
        const given = goRound();
        total += given;
        inVain = given > 0 ? 0 : inVain + 1;
        if (inVain < ROUNDS_IN_VAIN || !bell) continue;
        const ticket = bell.announce();
        const late = goRound();
        total += late;
        if (late > 0) bell.withdraw();
        else bell.park(ticket, NAP_MS);
        inVain = 0;
      }
      return total;
    },
  };
}

export const scaleDeviceProgram = threadProgram(import.meta.url, scaleDevice);
