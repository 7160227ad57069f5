import { FIRST_LPI, FIRST_PPI, FIRST_SPI, type Intid } from '../../arch/intid.ts';
import type { Machine } from '../../board/machine.ts';
import type { Guest, Vcpu } from '../../board/vcpu.ts';
import { openCpuInterface } from '../../guest/index.ts';
import { add, load } from '../../memory/word.ts';
import { guestProgram } from '../../threads/programs.ts';
import { loadOwnGuest, type OwnGuest } from '../own/own-guest.ts';
import { Games } from './games.ts';
import { type LatencyPlan, latencyViews } from './latency-plan.ts';
import { makeSignaller } from './signaller.ts';

/** How long a polling vCPU polls: longer than any wait of a measurement. */
const POLLING_NS = 1e9;

/** The guest of one vCPU: of a measured vCPU, of the background, or of the vCPU that sends SGIs. */
export function latencyGuest(machine: Machine, vcpu: Vcpu, plan: LatencyPlan): Guest | Promise<Guest> {
  const id = vcpu.cpu.vcpu;
  const boot = () => {
    openCpuInterface(vcpu.cpu);
  };
  if (id === plan.sender) return { boot, ...senderGuest(machine, plan) };
  if (id >= plan.vcpus) return { boot, ...backgroundGuest(vcpu, plan) };
  if (plan.own.guest === undefined) return { boot, ...measuredGuest(machine, vcpu, plan) };
  return ownGuest(machine, vcpu, plan, plan.own.guest);
}

/** A user's guest: its function replaces the measurement's handler. Its SGIs do not count as signals. */
async function ownGuest(machine: Machine, vcpu: Vcpu, plan: LatencyPlan, module: string): Promise<Guest> {
  const { vcpus, lines, own } = plan;
  const { places } = latencyViews(machine, plan);
  const eventOf = (intid: Intid) => {
    const line = lines[intid - FIRST_LPI];
    if (!line) return undefined;
    const { device, deviceId, eventId, fd, gsi, lpi } = line;
    return { device, event: line.vcpu, deviceId, eventId, fd, gsi, intid: lpi, vcpu: line.vcpu };
  };
  const parts = { machine, vcpu, module, shared: own.shared, vcpus, places, eventOf };
  const user: OwnGuest = await loadOwnGuest(parts);
  const measured = measuredGuest(machine, vcpu, plan);
  return {
    ...measured,
    boot() {
      openCpuInterface(vcpu.cpu);
      user.start();
    },
    interrupt(intid: Intid) {
      user.interrupt(intid);
      if (intid >= FIRST_PPI) measured.interrupt(intid);
    },
  };
}

/**
 * The measured guest. Reports handled signals to the devices when it has no more interrupts, after the EOI: so no stage includes the
 * cost of the report.
 */
function measuredGuest(machine: Machine, vcpu: Vcpu, plan: LatencyPlan): Guest {
  const { clock, words } = machine;
  const { pathAt, doneAt, bells } = latencyViews(machine, plan);
  const { lines, handlerNs, vcpus } = plan;
  const id = vcpu.cpu.vcpu;
  const firstSpi = lines[0]?.spi ?? FIRST_SPI;
  const games = id === 0 ? new Games(machine, plan) : undefined;
  const handled = new Int32Array(Math.max(1, lines.length));
  let waiting = 0;

  const lineOf = (intid: Intid) => {
    if (intid >= FIRST_LPI) return intid - FIRST_LPI;
    return intid >= FIRST_SPI ? intid - firstSpi : id;
  };

  return {
    interrupt(intid: Intid) {
      if (handlerNs > 0) for (const end = clock.now() + handlerNs; clock.now() < end; );
      handled[waiting++] = lineOf(intid);
    },
    finished() {
      for (let i = 0; i < waiting; i++) {
        const line = handled[i] ?? 0;
        add(words, doneAt(line), 1);
        bells[Math.floor(line / vcpus)]?.signal();
      }
      waiting = 0;
      games?.pongIfOn();
      // Runs before each halt, outside the measured stages.
      const path = plan.paths[load(words, pathAt)];
      vcpu.control.pollNs = path?.waiting === 'polling' ? POLLING_NS : 0;
      return false;
    },
  };
}

/** A guest of the background: sleeps, computes without end, or handles the storm's interrupts. */
function backgroundGuest(vcpu: Vcpu, { background }: LatencyPlan): Guest {
  return {
    interrupt() {},
    resumed() {
      vcpu.control.pollNs = 0;
      if (background !== 'busy') return;
      while (vcpu.control.requests === 0);
    },
  };
}

/** Sends the SGIs of a block, then exits. */
function senderGuest(machine: Machine, plan: LatencyPlan): Guest {
  const { pathAt } = latencyViews(machine, plan);
  const signaller = makeSignaller(machine, plan, 0);
  return {
    interrupt() {},
    resumed() {
      if (plan.paths[load(machine.words, pathAt)]?.source === 'sgi') signaller.run();
    },
    finished: () => true,
  };
}

export const latencyGuestProgram = guestProgram(import.meta.url, latencyGuest);
