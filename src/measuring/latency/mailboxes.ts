import type { Machine } from '../../board/machine.ts';
import { load } from '../../memory/word.ts';
import type { Dispatched } from '../../threads/dispatcher.ts';
import { type LatencyPlan, latencyViews } from './latency-plan.ts';
import { callOf, type GiveSignal } from './signalling.ts';

/**
 * The main thread's part in a measurement: serves the irqfds, and makes the calls of dispatch `main`, as a VMM's thread that reads a
 * device's eventfd and then calls KVM.
 *
 * Producer (device): writes its eventfd, which has no irqfd, then rings. Consumer (main thread): takes the ring while it serves the
 * irqfds, then reads the eventfds. So it finds every write whose ring it has taken.
 */
export function mailboxes(machine: Machine, plan: LatencyPlan): Dispatched {
  const { irqfds } = machine.vm;
  const { pathAt } = latencyViews(machine, plan);
  const boxes = plan.lines.map((line) => ({ line, box: irqfds.eventfd(line.mailFd) }));
  const calls = plan.paths.map(({ source, dispatch }): GiveSignal | undefined =>
    dispatch === 'main' && source !== 'irqfd' ? callOf(machine, plan, source) : undefined,
  );
  return {
    bell: irqfds.bell,
    get anyPending() {
      return irqfds.anyPending;
    },
    dispatchPending() {
      let served = irqfds.dispatchPending();
      const call = calls[load(machine.words, pathAt)];
      if (!call) return served;
      for (const { line, box } of boxes) {
        if (!box.drain()) continue;
        call(line);
        served++;
      }
      return served;
    },
  };
}
