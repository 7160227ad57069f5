import type { Machine } from '../../board/machine.ts';
import { load } from '../../memory/word.ts';
import type { Dispatched } from '../../threads/dispatcher.ts';
import { type LatencyPlan, latencyViews } from './latency-plan.ts';
import { callOf, type GiveSignal } from './signalling.ts';

/**
 * The main thread's part in a measurement: the irqfds, and the calls that devices leave to it, as the thread of a VMM
 * does that reads a device's eventfd and then calls KVM.
 *
 * A device writes its eventfd, which has no irqfd, and then rings. Serving the irqfds takes the ring; the eventfds are
 * looked at after that, so a write whose ring was taken is found.
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
