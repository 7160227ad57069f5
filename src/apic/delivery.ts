import type { LocalApic } from './local-apic.ts';
import {
  BROADCAST,
  DELIVERY,
  DELIVERY_SHIFT,
  FIXED,
  LEVEL_TRIGGERED,
  LOWEST_PRIORITY,
  VECTOR,
} from './message.ts';

/** No local APIC has the destination, or the delivery mode is not modelled. */
export const NOBODY = -1;

/**
 * Brings a message to the local APICs of its destination: to all of them (fixed), or to one (lowest priority). KVM chooses
 * the one by the vector, by default, and so does this function: the same vector always goes to the same vCPU.
 *
 * Any thread, also within a reader section: no lock, no allocation.
 * @param message - vector, delivery mode and trigger mode, in the bits of `message.ts`
 * @param anyOf - whether the message may go to one of several, in any delivery mode: an MSI's redirection hint
 * @returns how many local APICs took the message, 0 where those with the destination are disabled, {@link NOBODY}
 * @see kvm_irq_delivery_to_apic, kvm_vector_to_index
 */
export function deliver(
  apics: readonly LocalApic[],
  destination: number,
  logical: boolean,
  message: number,
  anyOf: boolean,
): number {
  const mode = (message & DELIVERY) >>> DELIVERY_SHIFT;
  if (mode !== FIXED && mode !== LOWEST_PRIORITY) return NOBODY;
  const vector = message & VECTOR;
  const level = (message & LEVEL_TRIGGERED) !== 0;
  // A physical destination is one APIC, or all of them: there is nothing to choose.
  if (logical && (anyOf || mode === LOWEST_PRIORITY)) return deliverToOne(apics, destination, vector, level);
  let taken = NOBODY;
  for (let index = 0; index < apics.length; index++) {
    const apic = apics[index];
    if (!apic?.matches(destination, logical)) continue;
    // An APIC that is disabled has no logical ID, but hears a broadcast.
    if (logical && destination !== BROADCAST && !apic.enabled) continue;
    if (taken === NOBODY) taken = 0;
    if (apic.accept(vector, level)) taken++;
  }
  return taken;
}

function deliverToOne(
  apics: readonly LocalApic[],
  destination: number,
  vector: number,
  level: boolean,
): number {
  let candidates = 0;
  for (let index = 0; index < apics.length; index++) if (isCandidate(apics[index], destination)) candidates++;
  if (candidates === 0) return NOBODY;
  // guard: lowest-priority-goes-round
  let left = vector % candidates;
  for (let index = 0; index < apics.length; index++) {
    const apic = apics[index];
    if (!isCandidate(apic, destination)) continue;
    if (left === 0) return apic?.accept(vector, level) ? 1 : 0;
    left--;
  }
  // An APIC was disabled between the two looks: the message is dropped, as by that APIC.
  return 0;
}

function isCandidate(apic: LocalApic | undefined, destination: number): boolean {
  return apic?.enabled === true && apic.matches(destination, true);
}
