import { FIRST_SPI, type Intid, PRIVATE_INTIDS, type VcpuId } from '../arch/intid.ts';
import { type Interrupts, NONE } from './interrupts.ts';
import {
  ACTIVE,
  EDGE,
  HELD,
  isDeliverable,
  LATCH,
  LOADED,
  NO_TARGET,
  REROUTED,
  reroutedLater,
  TARGET,
  TARGET_SHIFT,
  targetOf,
} from './state.ts';

/**
 * Where KVM leaves a pending interrupt unheard. Its vgic puts an interrupt on a vCPU's list when something happens to
 * that interrupt, and only then: one that was pending before it had a target, before the distributor was turned on, or
 * when its vCPU's LPIs were turned off is on no list, until it comes again or a register is written that makes the
 * vgic look at it. The state bit HELD says that an interrupt is in this place.
 *
 * An interrupt that is listed although it is held has come again while it was being held: its vCPU releases it.
 * @see vgic_target_oracle, vgic_queue_irq_unlock, vgic_prune_ap_list in vgic.c
 */

/** What this needs of the LPIs: those that nothing maps are disabled, and need no look. */
export type MappedLpis = { forEachMapped(visit: (lpi: Intid) => void): void };

/** The state with what is latched held back. */
function held(state: number): number {
  return (state & LATCH) === 0 ? state : (state & ~LATCH) | HELD;
}

/**
 * Takes an interrupt that waits for its vCPU off the list and holds it back. One that comes at the same time may count
 * as before, and is held, or as after, and is delivered. Any thread.
 */
export function hold(interrupts: Interrupts, at: number, intid: Intid): void {
  for (;;) {
    const before = interrupts.state(at);
    if (!isDeliverable(before)) return;
    const after = held(before);
    if (after !== before && !interrupts.replace(at, before, after)) continue;
    interrupts.unlist(targetOf(before), intid);
    // Latched again between the two steps, it must be on the list; and if not, it is listed once too often.
    const now = interrupts.state(at);
    if ((now & LATCH) !== 0 && isDeliverable(now)) interrupts.list(targetOf(now), intid);
    return;
  }
}

/** Holds back an interrupt that is latched and that no thread has listed. */
function holdUnlisted(interrupts: Interrupts, at: number, intid: Intid): void {
  const before = interrupts.state(at);
  if ((before & LATCH) === 0 || !isDeliverable(before)) return;
  if (interrupts.isListed(targetOf(before), intid)) return;
  // Where the swap fails, another thread has just changed the state, and has listed the interrupt if it must be listed.
  interrupts.replace(at, before, held(before));
}

/**
 * Sends an SPI to another vCPU by KVM's rule for GICD_IROUTER: the target changes and nothing is queued. What is queued
 * for the old target moves along; what was pending without a target is held back. Any thread.
 */
export function reroute(interrupts: Interrupts, at: number, intid: Intid, vcpu: VcpuId): void {
  for (;;) {
    const before = interrupts.state(at);
    if ((before & (ACTIVE | LOADED)) !== 0 && targetOf(before) !== NO_TARGET) {
      // It stays where it is active. The next target is written first: whichever thread ends it finds the target.
      interrupts.setNextTarget(intid, vcpu);
      if (!interrupts.replace(at, before, reroutedLater(before))) continue;
      if ((before & LOADED) !== 0) interrupts.ring(targetOf(before));
      return;
    }
    const moved = (before & ~(TARGET | REROUTED)) | (vcpu << TARGET_SHIFT);
    const after = targetOf(before) === NO_TARGET ? held(moved) : moved;
    if (!interrupts.replace(at, before, after)) continue;
    // A thread that raised the wire and has not listed the interrupt yet lists it at the old target, which passes it on.
    const wasListed = interrupts.unlist(targetOf(before), intid);
    const now = interrupts.state(at);
    if ((wasListed || (after & LATCH) !== 0) && isDeliverable(now)) interrupts.list(targetOf(now), intid);
    return;
  }
}

/**
 * Changes the trigger of an SPI by KVM's rule for GICD_ICFGR: it is not queued by that, even where its wire now counts.
 * Any thread.
 * @param edge - EDGE or 0
 */
export function retrigger(interrupts: Interrupts, at: number, intid: Intid, edge: number): void {
  const before = interrupts.amend(at, EDGE & ~edge, edge);
  if (!isDeliverable(before) || isDeliverable((before & ~EDGE) | edge)) return;
  interrupts.unlist(targetOf(before), intid);
  const now = interrupts.state(at);
  if (isDeliverable(now)) interrupts.list(targetOf(now), intid);
}

/** Clears the active state by register; what is pending is listed again, what is held back stays so. Any thread. */
export function endActive(interrupts: Interrupts, at: number, intid: Intid): void {
  for (;;) {
    const before = interrupts.state(at);
    if ((before & ACTIVE) === 0) return;
    const after = interrupts.rerouted(intid, before & ~ACTIVE);
    // guard: active-ends-in-one-step
    if (!interrupts.replace(at, before, after)) continue;
    if (isDeliverable(after)) interrupts.list(targetOf(after), intid);
    return;
  }
}

/**
 * Takes what is pending of an LPI away, in its state and in a list register, in one step: a fold that comes before has latched what
 * the guest did not take, and a fold that comes after finds nothing to give back. Returns the state from before. Any thread.
 * @see vgic_flush_pending_lpis
 */
export function forget(interrupts: Interrupts, at: number, lpi: Intid): number {
  // guard: forgotten-in-one-step
  for (;;) {
    const before = interrupts.state(at);
    const after = interrupts.rerouted(lpi, before & ~(LATCH | HELD | LOADED));
    if (after === before || interrupts.replace(at, before, after)) return before;
  }
}

/**
 * What KVM does with the list of a vCPU that leaves the guest: takes off what is not to be delivered, passes on what has moved. While
 * the distributor is off nothing is to be delivered, and what is latched is held back. The thread of `vcpu` only.
 * @see vgic_prune_ap_list
 */
export function prune(interrupts: Interrupts, vcpu: VcpuId): void {
  if (interrupts.forwarding === 0) {
    interrupts.forEachListed(vcpu, (at, intid) => {
      hold(interrupts, at, intid);
      // Turned on meanwhile, and perhaps made pending since: KVM looks and removes under one lock.
      // guard: prune-looks-at-distributor-again
      if (interrupts.forwarding !== 0) interrupts.change(at, intid, 0, 0);
    });
  }
  interrupts.prune(vcpu);
}

/**
 * Sets which groups the distributor forwards, and makes every vCPU look. Writers of it must exclude each other.
 * @param requeues - whether what is pending already is brought forth when the distributor is turned on; if not, it is
 * held back, in two passes: the first takes the leftover interrupts off the lists (no thread adds to a list while the
 * distributor is off; with list registers, each vCPU does that when it leaves its guest), the second finds the interrupts that were latched between the first pass and the turning on.
 */
export function setForwarding(
  interrupts: Interrupts,
  lpis: MappedLpis,
  groups: number,
  requeues: boolean,
): void {
  const turnsOn = interrupts.forwarding === 0 && groups !== 0;
  const forEach = (visit: (at: number, intid: Intid) => void) => forEachInterrupt(interrupts, lpis, visit);
  if (turnsOn && !requeues && !interrupts.isPrunedAtExit) forEach((at, intid) => hold(interrupts, at, intid));
  interrupts.setForwarding(groups);
  if (turnsOn && requeues) {
    forEach((at, intid) => {
      const state = interrupts.state(at);
      if (isDeliverable(state)) interrupts.list(targetOf(state), intid);
    });
  }
  if (turnsOn && !requeues) forEach((at, intid) => holdUnlisted(interrupts, at, intid));
  for (let vcpu: VcpuId = 0; vcpu < interrupts.vcpus; vcpu++) interrupts.ring(vcpu);
}

function forEachInterrupt(
  interrupts: Interrupts,
  lpis: MappedLpis,
  visit: (at: number, intid: Intid) => void,
): void {
  for (let vcpu: VcpuId = 0; vcpu < interrupts.vcpus; vcpu++) {
    for (let intid: Intid = 0; intid < PRIVATE_INTIDS; intid++) visit(interrupts.find(vcpu, intid), intid);
  }
  for (let intid: Intid = FIRST_SPI; intid < interrupts.endSpi; intid++) {
    const at = interrupts.find(0, intid);
    if (at !== NONE) visit(at, intid);
  }
  lpis.forEachMapped((lpi) => visit(interrupts.find(0, lpi), lpi));
}
