import type { Machine } from '../board/machine.ts';
import { isPending, targetOf } from '../gic/state.ts';
import { Harness } from '../threads/harness.ts';
import type { Moment } from './moment.ts';
import { VIOLATIONS } from './proof.ts';
import { type OpenSource, type ResumeResult, type Verdict, WAITS } from './resume-result.ts';
import { stressGuestProgram } from './stress-guest.ts';
import { type Plan, stressViews } from './stress-plan.ts';
import { comeToRest } from './stress-run.ts';
import { named } from './stress-summary.ts';
import { readTracks, type Track } from './traced/timelines.ts';

/**
 * Runs the guests of a kept moment again, without devices and without a driver: every vCPU looks once more for
 * interrupts, and the main thread serves what lies in eventfds. Where a signal without a delivery is delivered now, a
 * wake-up was missing; where the signal is pending still, no list leads to the interrupt; else the signal itself is gone.
 * Main thread.
 * @throws IrqError `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`
 */
export async function resumeMoment({ machine, plan, command }: Moment): Promise<ResumeResult> {
  const { proof } = stressViews(machine, plan);
  const before = countsOf(machine, plan);
  const kept = proof.violations();
  const open = openSources(machine, plan);
  const harness = await Harness.boot(machine, { guest: stressGuestProgram(plan), programs: {} });
  try {
    const vcpus = harness.runVcpus();
    const failure = vcpus.then(() => new Promise<never>(() => undefined));
    await Promise.race([comeToRest(harness), failure]);
    harness.kickAll();
    await Promise.all(harness.vcpus.map((thread) => thread.within('leave the guest', vcpus)));
  } finally {
    await harness.close();
  }
  const after = countsOf(machine, plan);
  const { vcpus, abi, dispatch, fault } = machine.config;
  return {
    schemaVersion: 1,
    command: 'stress',
    resumed: true,
    config: { vcpus, devices: plan.devices, abi, dispatch, churn: plan.churn, seed: plan.seed, fault },
    run: command,
    ...before,
    violations: kept.map((violation) => named(violation, plan)),
    open: open.map((source) => ({ ...source, after: verdictOn(machine, plan, source.source) })),
    foundSince: VIOLATIONS.reduce((sum, kind) => sum + after[kind] - before[kind], 0),
  };
}

/** What each thread of a kept moment did last; none where the run kept no slices. */
export function tracksOf({ machine, plan }: Moment): Track[] {
  return plan.slices > 0 ? readTracks(machine, plan) : [];
}

function countsOf(machine: Machine, plan: Plan) {
  const { proof } = stressViews(machine, plan);
  return {
    lost: proof.count('lost'),
    misrouted: proof.count('misrouted'),
    spurious: proof.count('spurious'),
    stranded: proof.count('stranded'),
  };
}

/** Sources whose last signal no handler has seen, and where the signal waits. */
function openSources(machine: Machine, plan: Plan): Omit<OpenSource, 'after'>[] {
  const { proof } = stressViews(machine, plan);
  return [...plan.sources.entries()].flatMap(([source, { device, fd }]) => {
    if (proof.isSettled(source)) return [];
    const intid = proof.intidOf(source);
    const counts = { intid, sent: proof.sent(source), seen: proof.seen(source) };
    return [{ source, device: `device${device}`, ...counts, ...waitOf(machine, intid, fd) }];
  });
}

function waitOf(machine: Machine, intid: number, fd: number): Pick<OpenSource, 'waits' | 'vcpu'> {
  const { interrupts } = machine.gic;
  const at = interrupts.find(0, intid);
  const state = at < 0 ? 0 : interrupts.state(at);
  if (isPending(state)) return { waits: WAITS.pending, vcpu: targetOf(state) };
  const inEventFd = machine.vm.irqfds.eventfd(fd).readable;
  return { waits: inEventFd ? WAITS.eventfd : WAITS.nowhere, vcpu: -1 };
}

function verdictOn(machine: Machine, plan: Plan, source: number): Verdict {
  const { proof } = stressViews(machine, plan);
  if (proof.isSettled(source)) return 'delivered';
  const { interrupts } = machine.gic;
  const at = interrupts.find(0, proof.intidOf(source));
  return at >= 0 && isPending(interrupts.state(at)) ? 'pending' : 'gone';
}
