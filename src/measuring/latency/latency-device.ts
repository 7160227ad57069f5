import type { Machine } from '../../machine/machine.ts';
import { load } from '../../memory/word.ts';
import { type LatencyPlan, latencyViews } from './latency-plan.ts';
import { makeSignaller } from './signaller.ts';

/** A device thread of a measurement: each run gives the signals of one block. */
export function latencyDevice(machine: Machine, options: unknown): { run(): number } {
  const { plan, device } = options as { plan: LatencyPlan; device: number };
  return makeSignaller(machine, plan, device);
}

/** The thread that storms the vCPUs of the background until the block ends. */
export function latencyStorm(machine: Machine, options: unknown): { run(): number } {
  const plan = options as LatencyPlan;
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
