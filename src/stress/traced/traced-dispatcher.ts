import type { Machine } from '../../board/machine.ts';
import type { Dispatched } from '../../threads/dispatcher.ts';
import type { Plan } from '../stress-plan.ts';
import { kindOf } from './slices.ts';
import { ringOf } from './timelines.ts';

const DISPATCH = kindOf('dispatch');

/** The main thread's dispatcher, which keeps a slice of each round with work. */
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
