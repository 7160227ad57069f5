import type { Machine } from '../board/machine.ts';
import type { Guest, Vcpu } from '../board/vcpu.ts';
import { type Plan, stressGuest } from '../stress/index.ts';
import { guestProgram } from '../threads/programs.ts';

/** Polls for as long as anything in a comparison can take. */
export const POLL_NS = 1e9;

export type CompareGuest = { readonly plan: Plan; readonly polls: boolean };

/**
 * The guest of a stress run. Where there is a core for each thread its vCPU always polls: whether one parks would be
 * decided by what else the machine does, and would hide the design.
 */
export function compareGuest(machine: Machine, vcpu: Vcpu, { plan, polls }: CompareGuest): Guest {
  const guest = stressGuest(machine, vcpu, plan);
  if (!polls) return guest;
  return {
    ...guest,
    resumed() {
      guest.resumed?.();
      vcpu.control.pollNs = POLL_NS;
    },
  };
}

export const compareGuestProgram = guestProgram(import.meta.url, compareGuest);
