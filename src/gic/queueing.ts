import { FIRST_SPI, type Intid, PRIVATE_INTIDS, type VcpuId } from '../arch/intid.ts';
import { type Interrupts, NONE } from './interrupts.ts';
import {
  ACTIVE,
  EDGE,
  isDeliverable,
  LATCH,
  LOADED,
  NO_TARGET,
  REROUTED,
  reroutedLater,
  TARGET,
  TARGET_SHIFT,
  targetOf,
  UNQUEUED,
} from './state.ts';

/**
 * KVM's rules for queueing a pending interrupt (vgic_queue_irq_unlock). The vgic queues an interrupt on a vCPU's list only in the
 * call that signals or configures that interrupt. So an interrupt stays pending on no list if it became pending before it had a
 * target, before the guest enabled the distributor, or while its vCPU's LPIs were disabled. A new signal, or a register write that
 * calls vgic_queue_irq_unlock, queues the interrupt. The state bit UNQUEUED marks such an interrupt.
 *
 * A producer may list an interrupt again while another thread sets UNQUEUED. The vCPU that finds an UNQUEUED interrupt on its list
 * clears the bit: the new signal counts.
 * @see vgic_target_oracle, vgic_queue_irq_unlock, vgic_prune_ap_list in vgic.c
 */

/** The mapped LPIs; unmapped LPIs are disabled, so no rule here concerns them. */
export type MappedLpis = { forEachMapped(visit: (lpi: Intid) => void): void };

/** The state with LATCH, if set, turned into UNQUEUED. */
function unqueued(state: number): number {
  return (state & LATCH) === 0 ? state : (state & ~LATCH) | UNQUEUED;
}

/**
 * Takes a deliverable interrupt off its vCPU's list and marks it UNQUEUED. A concurrent signal is either merged into the
 * unqueued interrupt or delivered. Any thread.
 */
export function unqueue(interrupts: Interrupts, at: number, intid: Intid): void {
  for (;;) {
    const before = interrupts.state(at);
    if (!isDeliverable(before)) return;
    const after = unqueued(before);
    if (after !== before && !interrupts.replace(at, before, after)) continue;
    interrupts.unlist(targetOf(before), intid);
    // A producer may have latched the interrupt between the two steps: then the list must have it. Listing it twice is harmless.
    const now = interrupts.state(at);
    if ((now & LATCH) !== 0 && isDeliverable(now)) interrupts.list(targetOf(now), intid);
    return;
  }
}

/** Marks a latched interrupt UNQUEUED if it is on no list. */
function unqueueUnlisted(interrupts: Interrupts, at: number, intid: Intid): void {
  const before = interrupts.state(at);
  if ((before & LATCH) === 0 || !isDeliverable(before)) return;
  if (interrupts.isListed(targetOf(before), intid)) return;
  // If the swap fails, another thread has just changed the state, and lists the interrupt if it is deliverable.
  interrupts.replace(at, before, unqueued(before));
}

/**
 * Routes an SPI to another vCPU by KVM's rule for GICD_IROUTER: the write changes the target and queues nothing. An SPI that is
 * queued for the old target moves to the new one. An SPI without a target stays on the list that has it until that vCPU prunes its
 * list, and moves if it gets a target before; else it was dropped and becomes UNQUEUED. Any thread.
 */
export function reroute(interrupts: Interrupts, at: number, intid: Intid, vcpu: VcpuId): void {
  for (;;) {
    const before = interrupts.state(at);
    if ((before & (ACTIVE | LOADED)) !== 0 && targetOf(before) !== NO_TARGET) {
      // The SPI stays on the vCPU where it is active. The next target is stored first, so the thread that ends the SPI finds it.
      interrupts.setNextTarget(intid, vcpu);
      if (!interrupts.replace(at, before, reroutedLater(before))) continue;
      if ((before & LOADED) !== 0) interrupts.ring(targetOf(before));
      return;
    }
    const moved = (before & ~(TARGET | REROUTED)) | (vcpu << TARGET_SHIFT);
    const from = targetOf(before) === NO_TARGET ? listedOn(interrupts, intid) : targetOf(before);
    const after = from === NO_TARGET ? unqueued(moved) : moved;
    if (!interrupts.replace(at, before, after)) continue;
    if (vcpu === NO_TARGET) return;
    // A producer that has raised the wire but not listed the SPI yet lists it for the old target, which passes it on.
    const wasListed = interrupts.unlist(from, intid);
    const now = interrupts.state(at);
    if ((wasListed || (after & LATCH) !== 0) && isDeliverable(now)) interrupts.list(targetOf(now), intid);
    return;
  }
}

/** The vCPU on whose list an interrupt without a target still is, or NO_TARGET. */
function listedOn(interrupts: Interrupts, intid: Intid): VcpuId {
  for (let vcpu: VcpuId = 0; vcpu < interrupts.vcpus; vcpu++)
    if (interrupts.isListed(vcpu, intid)) return vcpu;
  return NO_TARGET;
}

/**
 * Changes the trigger of an SPI by KVM's rule for GICD_ICFGR: the write does not queue the SPI, even if its high wire makes it pending.
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

/** Clears the active state (ICACTIVER). A pending interrupt is listed; an UNQUEUED one stays unqueued. Any thread. */
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
 * Ends the pending state of an LPI, in its word and in a list register, in one step: an earlier fold has latched the LPI if the guest did
 * not take it, and a later fold finds the LPI unloaded. Returns the state from before. Any thread.
 * @see vgic_flush_pending_lpis
 */
export function forget(interrupts: Interrupts, at: number, lpi: Intid): number {
  // guard: forgotten-in-one-step
  for (;;) {
    const before = interrupts.state(at);
    const after = interrupts.rerouted(lpi, before & ~(LATCH | UNQUEUED | LOADED));
    if (after === before || interrupts.replace(at, before, after)) return before;
  }
}

/**
 * Prunes a vCPU's list, as KVM does when the vCPU leaves its guest: drops undeliverable interrupts and passes on those with another
 * target. While the distributor is disabled no interrupt is deliverable, so all latched ones become UNQUEUED. The thread of `vcpu` only.
 * @see vgic_prune_ap_list
 */
export function prune(interrupts: Interrupts, vcpu: VcpuId): void {
  if (interrupts.forwarding === 0) {
    interrupts.forEachListed(vcpu, (at, intid) => {
      unqueue(interrupts, at, intid);
      // If the guest has enabled the distributor since, a new signal may have come: KVM checks and removes under one lock.
      // guard: prune-looks-at-distributor-again
      if (interrupts.forwarding !== 0) interrupts.change(at, intid, 0, 0);
    });
  }
  interrupts.prune(vcpu);
}

/**
 * Sets which groups the distributor forwards, and rings every vCPU. Callers exclude each other (the configuration lock).
 * @param requeues - true: enabling the distributor lists all pending interrupts. false (KVM): pending interrupts become UNQUEUED, in
 * two passes. The first takes leftover interrupts off the lists: no thread adds to a list while the distributor is disabled. (With
 * list registers, each vCPU does so when it leaves its guest.) The second finds interrupts latched between the first pass and the
 * enable.
 */
export function setForwarding(
  interrupts: Interrupts,
  lpis: MappedLpis,
  groups: number,
  requeues: boolean,
): void {
  const turnsOn = interrupts.forwarding === 0 && groups !== 0;
  const forEach = (visit: (at: number, intid: Intid) => void) => forEachInterrupt(interrupts, lpis, visit);
  if (turnsOn && !requeues && !interrupts.isPrunedAtExit)
    forEach((at, intid) => unqueue(interrupts, at, intid));
  interrupts.setForwarding(groups);
  if (turnsOn && requeues) {
    forEach((at, intid) => {
      const state = interrupts.state(at);
      if (isDeliverable(state)) interrupts.list(targetOf(state), intid);
    });
  }
  if (turnsOn && !requeues) forEach((at, intid) => unqueueUnlisted(interrupts, at, intid));
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
