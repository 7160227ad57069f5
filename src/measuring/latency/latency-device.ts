import type { Machine } from '../../board/machine.ts';
import { load } from '../../memory/word.ts';
import { type Program, threadProgram } from '../../threads/programs.ts';
import { type LatencyPlan, latencyViews } from './latency-plan.ts';
import { ownSignaller } from './own-signaller.ts';
import { makeSignaller } from './signaller.ts';

/** The plan, and the index of the thread's device. */
type LatencyDevice = { readonly plan: LatencyPlan; readonly device: number };

/** A device thread of a measurement: each run sends the signals of one block. */
export function latencyDevice(machine: Machine, { plan, device }: LatencyDevice): Program | Promise<Program> {
  const { device: module } = plan.own;
  return module === undefined
    ? makeSignaller(machine, plan, device)
    : ownSignaller(machine, plan, device, module);
}

export const latencyDeviceProgram = threadProgram(import.meta.url, latencyDevice);

/** The thread that signals the background's vCPUs without pause until the block ends. */
export function latencyStorm(machine: Machine, plan: LatencyPlan): { run(): number } {
  const { stopAt } = latencyViews(machine, plan);
  const { irqfds } = machine.vm;
  return {
    run() {
      let signals = 0;
      while (load(machine.words, stopAt) === 0) {
        for (const fd of plan.stormFds) irqfds.raise(fd);
        signals += plan.stormFds.length;
      }
      return signals;
    },
  };
}

export const latencyStormProgram = threadProgram(import.meta.url, latencyStorm);
