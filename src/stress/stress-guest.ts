import { FIRST_SPI, type Intid } from '../arch/intid.ts';
import type { Machine } from '../board/machine.ts';
import type { Guest, Vcpu } from '../board/vcpu.ts';
import { openCpuInterface } from '../guest/index.ts';
import { load } from '../memory/word.ts';
import { guestProgram } from '../threads/programs.ts';
import { GuestModes } from './stress-guest-modes.ts';
import { type Plan, SGIS, stressViews } from './stress-plan.ts';

/** Wraps the handlers of a vCPU, if at all: called once, before the vCPU runs. */
export type GuestWatch = (handle: (intid: Intid) => void) => (intid: Intid) => void;

/**
 * The guest of a stress run, on one vCPU: its handlers read the words that the devices have written, tell the proof, and wake
 * the device that waits. The handler serves a level-triggered device on KVM_IRQ_LINE: the line falls, unless the device has
 * signalled anew. A device that holds its line until userland tells of the end looks by itself; the handlers ask each device
 * of a shared line.
 */
export function stressGuest(
  machine: Machine,
  vcpu: Vcpu,
  plan: Plan,
  watch: GuestWatch = (handle) => handle,
): Guest {
  const { proof, pairs, lines, account, sgis, turns, stopAt } = stressViews(machine, plan);
  const modes = plan.sgis ? new GuestModes(machine, vcpu, plan) : undefined;
  const { clock, vm } = machine;
  const id = vcpu.cpu.vcpu;
  const devices = Int32Array.from(plan.sources, (source) => source.device);
  const histograms = plan.sources.map(({ device }) => pairs.histogram(id, device));
  const isDriven = plan.sources.map((source) => source.kind === 'level' && source.resamplefd < 0);
  const lineOf = Int32Array.from(plan.sources, (_, source) =>
    lines.findIndex(({ sources }) => sources.includes(source)),
  );
  let epoch = proof.epoch;

  const serveLevel = (source: number, intid: Intid) => {
    const irq = vm.design.lineOfPin(intid - FIRST_SPI);
    vm.irqLine(irq, false);
    // The device writes its signal and then raises the line; the handler lowers the line and then looks: one of the two sees
    // the other.
    if (proof.sent(source) !== proof.seen(source)) vm.irqLine(irq, true);
  };

  const isOver = () => load(machine.words, stopAt) !== 0;

  const deliver = (source: number, intid: Intid) => {
    turns.began(source, isOver);
    const signalled = proof.deliver(source, intid, id, epoch);
    if (signalled >= 0) histograms[source]?.record(clock.now() - signalled);
    pairs.count(id, devices[source] ?? 0);
  };

  /** The handlers of a line that devices share, as Linux runs them: each handler asks its device. */
  const serveLine = (line: number, source: number, intid: Intid) => {
    let served = false;
    for (const sharer of lines[line]?.sources ?? []) {
      if (proof.isSettled(sharer)) continue;
      served = true;
      deliver(sharer, intid);
    }
    if (!account.took(line, served)) proof.violate('spurious', source, intid, id);
  };

  const handle = watch((intid: Intid) => {
    if (intid < SGIS && modes) {
      sgis.deliver(modes.pairOf(intid), intid, id, epoch);
      return;
    }
    const source = proof.ownerOf(intid);
    if (source < 0) {
      proof.violate('spurious', source, intid, id);
      return;
    }
    const line = lineOf[source] ?? -1;
    if (line < 0) {
      deliver(source, intid);
      if (isDriven[source]) serveLevel(source, intid);
      proof.wake(devices[source] ?? 0, source);
    } else {
      // The device sleeps until userland tells of the end, and needs no other call.
      serveLine(line, source, intid);
    }
  });

  return {
    boot() {
      openCpuInterface(vcpu.cpu);
    },
    interrupt(intid: Intid) {
      handle(intid);
      modes?.handled(intid, handle);
      epoch = proof.epoch;
    },
    finished() {
      modes?.idle();
      return false;
    },
    resumed() {
      epoch = proof.epoch;
    },
  };
}

export const stressGuestProgram = guestProgram(import.meta.url, stressGuest);
