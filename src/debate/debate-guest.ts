import type { Machine } from '../board/machine.ts';
import type { Guest, Vcpu } from '../board/vcpu.ts';
import { type Plan, stressGuest } from '../stress/index.ts';
import { guestProgram } from '../threads/programs.ts';

/** Longer than any wait of a comparison. */
export const POLL_NS = 1e9;

export type DebateGuest = { readonly plan: Plan; readonly polls: boolean };

/**
 * The guest of a stress run. With a core for each thread its vCPU always polls: the load of the machine would decide
 * whether a vCPU parks, and that would hide the design.
 */
export function debateGuest(machine: Machine, vcpu: Vcpu, { plan, polls }: DebateGuest): Guest {
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

export const debateGuestProgram = guestProgram(import.meta.url, debateGuest);
