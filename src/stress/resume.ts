import { FIRST_SPI } from '../arch/intid.ts';
import type { Machine } from '../board/machine.ts';
import { NONE } from '../gic/interrupts.ts';
import { isPending, targetOf } from '../gic/state.ts';
import type { Fd } from '../kvm/gsi.ts';
import { Harness } from '../threads/harness.ts';
import type { Moment } from './moment.ts';
import { type Proof, VIOLATIONS, type ViolationKind } from './proof.ts';
import { type OpenSource, type ResumeResult, type Verdict, WAITS } from './resume-result.ts';
import { stressGuestProgram } from './stress-guest.ts';
import { type Plan, stressViews } from './stress-plan.ts';
import { comeToRest } from './stress-run.ts';
import { namedViolations, violationCounts } from './stress-summary.ts';
import { readTracks, type Track } from './traced/timelines.ts';

/**
 * Runs the guests of a kept moment again, without devices and without a driver: every vCPU looks once more for interrupts,
 * and the main thread serves the counts of the eventfds. Where a signal without a delivery is delivered now, a wake-up was
 * missing; where the signal is pending still, no list leads to the interrupt; else the signal itself is gone.
 * Main thread.
 * @throws IrqError `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`
 */
export async function resumeMoment({ machine, plan, command }: Moment): Promise<ResumeResult> {
  const before = countsOf(machine, plan);
  const kept = namedViolations(machine, plan);
  const open = openSignals(machine, plan);
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
    violations: kept,
    open: open.map(({ told, signal }) => ({ ...told, after: verdictOn(machine, signal) })),
    foundSince: VIOLATIONS.reduce((sum, kind) => sum + after[kind] - before[kind], 0),
  };
}

/** The last actions of each thread of a kept moment; none for a run without slices. */
export function tracksOf({ machine, plan }: Moment): Track[] {
  return plan.slices > 0 ? readTracks(machine, plan) : [];
}

function countsOf(machine: Machine, plan: Plan): Record<ViolationKind, number> {
  const { proof, sgis } = stressViews(machine, plan);
  return violationCounts(proof, sgis);
}

/** A source of a device, or a pair of vCPUs of which one sends the other SGIs. */
type Signal = { readonly proof: Proof; readonly source: number };

/** Sources whose last signal no handler has seen, or that are pending, and where the signal waits. */
function openSignals(
  machine: Machine,
  plan: Plan,
): { readonly signal: Signal; readonly told: Omit<OpenSource, 'after'> }[] {
  const { proof, sgis } = stressViews(machine, plan);
  const describe = (signal: Signal, source: number, device: string, fd: Fd) => {
    const { proof, source: key } = signal;
    const waits = waitOf(machine, signal, fd);
    if (proof.isSettled(key) && waits.waits !== WAITS.pending) return [];
    const counts = { intid: proof.intidOf(key), sent: proof.sent(key), seen: proof.seen(key) };
    return [{ signal, told: { source, device, ...counts, ...waits } }];
  };
  const ofDevices = [...plan.sources.entries()].flatMap(([source, { device, fd }]) =>
    describe({ proof, source }, source, `device${device}`, fd),
  );
  const ofVcpus = Array.from({ length: sgis.sources }, (_, pair) =>
    describe({ proof: sgis, source: pair }, NONE, `vcpu${Math.floor(pair / plan.vcpus)}`, NONE),
  );
  return [...ofDevices, ...ofVcpus.flat()];
}

function stateOf({ gic: { interrupts } }: Machine, { proof, source }: Signal): number {
  const at = interrupts.find(Math.max(0, proof.vcpuOf(source)), proof.intidOf(source));
  return at === NONE ? 0 : interrupts.state(at);
}

function waitOf(machine: Machine, signal: Signal, fd: Fd): Pick<OpenSource, 'waits' | 'vcpu'> {
  const state = stateOf(machine, signal);
  if (isPending(state)) {
    const { proof, source } = signal;
    // Only the target vCPU takes an SGI.
    const vcpu = proof.intidOf(source) < FIRST_SPI ? proof.vcpuOf(source) : targetOf(state);
    return { waits: WAITS.pending, vcpu };
  }
  const inEventFd = fd !== NONE && machine.vm.irqfds.eventfd(fd).readable;
  return { waits: inEventFd ? WAITS.eventfd : WAITS.nowhere, vcpu: -1 };
}

function verdictOn(machine: Machine, signal: Signal): Verdict {
  if (isPending(stateOf(machine, signal))) return 'pending';
  return signal.proof.isSettled(signal.source) ? 'delivered' : 'gone';
}
