import type { VcpuId } from '../arch/intid.ts';
import type { Machine } from '../board/machine.ts';
import { HALTED, IN_GUEST } from '../board/vcpu-control.ts';
import { load } from '../memory/word.ts';
import { type Plan, stressViews } from './stress-plan.ts';
import { CHURN_COUNTS } from './stress-result.ts';

/**
 * Says the last action of a thread of a stress run, as far as the machine's words tell: for an error that names the thread.
 * Main thread; returns undefined for a name that no thread of the run has.
 */
export function lastActions(machine: Machine, plan: Plan): (name: string) => string | undefined {
  return (name) => {
    const [, kind, number] = /^(vcpu|device|driver)(\d*)$/.exec(name) ?? [];
    if (kind === 'vcpu') return vcpuText(machine, Number(number));
    if (kind === 'device') return deviceText(machine, plan, Number(number));
    return kind === 'driver' ? driverText(machine, plan) : undefined;
  };
}

function vcpuText(machine: Machine, vcpu: VcpuId): string {
  const { mode, taken } = machine.control(vcpu);
  const where = mode === IN_GUEST ? 'in its guest' : mode === HALTED ? 'asleep' : 'outside of its guest';
  return `${where}, ${taken >>> 0} interrupts taken`;
}

function deviceText(machine: Machine, plan: Plan, device: number): string {
  const { proof } = stressViews(machine, plan);
  const own = [...plan.sources.keys()].filter((source) => plan.sources[source]?.device === device);
  const sent = own.reduce((sum, source) => sum + (proof.sent(source) >>> 0), 0);
  const open = own.filter((source) => !proof.isSettled(source)).map((source) => proof.intidOf(source));
  const waits =
    open.length === 0 ? '' : `, no delivery of the last one of INTID ${open.slice(0, 4).join(', ')}`;
  return `${sent} signals${waits}`;
}

function driverText(machine: Machine, plan: Plan): string {
  const { churnAt } = stressViews(machine, plan);
  return CHURN_COUNTS.map((name, index) => `${name} ${load(machine.words, churnAt + index)}`).join(', ');
}
