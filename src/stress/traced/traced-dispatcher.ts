import type { Machine } from '../../board/machine.ts';
import type { Dispatched } from '../../threads/dispatcher.ts';
import type { Plan } from '../stress-plan.ts';
import { kindOf } from './slices.ts';
import { ringOf } from './timelines.ts';

const DISPATCH = kindOf('dispatch');

/** What the main thread serves, and keeps each time that there was something to serve. */
export function tracedDispatched(machine: Machine, plan: Plan): Dispatched {
  const { irqfds } = machine.vm;
  const { clock } = machine;
  const ring = ringOf(machine, plan, { main: true });
  return {
    bell: irqfds.bell,
    get anyPending() {
      return irqfds.anyPending;
    },
    dispatchPending() {
      const from = clock.now();
      const served = irqfds.dispatchPending();
      if (served > 0) ring.record(DISPATCH, served, 0, 0, from, clock.now());
      return served;
    },
  };
}
