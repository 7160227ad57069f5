import type { DeviceId, EventId } from '../../arch/intid.ts';
import { gits } from '../../arch/registers.ts';
import { IrqError } from '../../base/irq-error.ts';
import type { Machine } from '../../board/machine.ts';
import type { Guest, Vcpu } from '../../board/vcpu.ts';
import { MSI_VALID_DEVID } from '../../kvm/route.ts';
import { nap } from '../../memory/nap.ts';
import { guestProgram, threadProgram } from '../../threads/programs.ts';
import { VECTOR_LAYOUT } from '../vectors/vector-layout.ts';
import { CheckFailed, GuestCpu } from './guest-cpu.ts';
import { Noticeboard } from './noticeboard.ts';
import { PROGRAMS, type Program, type ProgramKey } from './programs.ts';
import { type LpiStress, MAPPED, SENT } from './programs-its.ts';

/** The parameters of a vCPU's thread: the program and its options. */
type GuestTask = { readonly program: ProgramKey; readonly options: unknown };

/** The guest of a vCPU: runs a program once. */
export function programGuest(machine: Machine, vcpu: Vcpu, { program, options }: GuestTask): Guest {
  const run: Program = PROGRAMS[program];
  const guest = new GuestCpu(machine, vcpu);
  let begun = false;
  return {
    resumed() {
      if (begun) return;
      begun = true;
      run(guest, options);
    },
    // Interrupts that the program has left.
    interrupt: (intid) => guest.notices.count(guest.id, intid),
    finished: () => true,
  };
}

export const programGuestProgram = guestProgram(import.meta.url, programGuest);

const NAP_MS = 0.05;
const BOUND_MS = 10_000;

/** The parameters of a device thread of the LPI stress. */
type MsiTask = LpiStress & { readonly thread: number };

/** A device thread: in each round, sends every event of its devices by KVM_SIGNAL_MSI and waits until all are delivered. */
export function msiSender(machine: Machine, task: MsiTask): { run(): { sent: number } } {
  const { devices, events, rounds, threads, thread } = task;
  const notices = new Noticeboard(machine);
  const mine = Array.from({ length: devices }, (_, device) => device).filter((d) => d % threads === thread);
  const lpis = mine.flatMap((device) =>
    Array.from({ length: events }, (_, event) => 8192 + device * events + event),
  );
  const until = (condition: () => boolean) => {
    const end = machine.clock.now() + BOUND_MS * 1e6;
    while (!condition()) {
      if (notices.isAborted || machine.clock.now() > end) return false;
      nap(NAP_MS);
    }
    return true;
  };
  const send = (deviceId: DeviceId, eventId: EventId) => {
    const address = VECTOR_LAYOUT.ITS + gits.TRANSLATER;
    const answer = machine.vm.signalMsi({ address, data: eventId, flags: MSI_VALID_DEVID, deviceId });
    if (answer !== 1)
      throw new CheckFailed(`KVM_SIGNAL_MSI of ${deviceId}:${eventId} returned ${answer}, not 1`);
  };
  return {
    run() {
      if (!until(() => notices.flag(MAPPED) === 1))
        throw new IrqError('ERR_SCENARIO', 'the guest mapped nothing');
      let sent = 0;
      for (let round = 1; round <= rounds; round++) {
        for (const deviceId of mine)
          for (let eventId: EventId = 0; eventId < events; eventId++, sent++) send(deviceId, eventId);
        if (!until(() => lpis.every((lpi) => notices.gotByAll(lpi) >= round))) break;
      }
      notices.setFlag(SENT + thread, 1);
      return { sent };
    },
  };
}

export const msiSenderProgram = threadProgram(import.meta.url, msiSender);
