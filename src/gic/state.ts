import type { VcpuId } from '../arch/intid.ts';

/**
 * The whole state of one interrupt in one 32-bit word. Every change is one compare-and-swap, and the thread that makes the change
 * knows from the old and new word whether to list the interrupt, and for which vCPU.
 *
 * ```
 *  31      29 28     27       26     25         16 15      8 7    6      5    4      3       2      1    0
 *  | reroutes | LOADED REROUTED ORPHAN | target vCPU | priority | UNQUEUED MAPPED EDGE GROUP1 ENABLED ACTIVE LINE LATCH |
 * ```
 * Pending is LATCH or UNQUEUED; a level interrupt is pending with LINE too. LPIs use LATCH, UNQUEUED, ENABLED, MAPPED, priority and
 * target.
 * @see Arm IHI 0069, "Interrupt handling state machine"; KVM keeps the same in `struct vgic_irq`, under its irq_lock
 */
export const LATCH = 1 << 0;
/** The input wire of a level interrupt is high. */
export const LINE = 1 << 1;
export const ACTIVE = 1 << 2;
export const ENABLED = 1 << 3;
export const GROUP1 = 1 << 4;
export const EDGE = 1 << 5;
/** Of an LPI: a DevID:EvID pair translates to the LPI. Of a PPI: HW-mapped, as the virtual timer's interrupt is. @see kvm_vgic_map_phys_irq */
export const MAPPED = 1 << 6;
/**
 * Pending, but queued on no vCPU's list until a new signal, or a register write that queues. KVM leaves some pending interrupts on no
 * ap_list; here UNQUEUED then replaces LATCH. So LATCH always means "listed, or about to be listed", and injection stays cheap.
 * See queueing.ts.
 */
export const UNQUEUED = 1 << 7;

/**
 * An unmapped LPI that is still on a vCPU's list. KVM counts references, so a pending LPI outlives DISCARD and MAPD and is delivered
 * once. The LPI ends when it leaves the list; a MAPTI before that keeps its state.
 */
export const ORPHAN = 1 << 26;
/** Rerouted while active or loaded: the target changes to the next target when the interrupt is deactivated or leaves its list register. */
export const REROUTED = 1 << 27;
/** In a list register of its target (KVM: on_lr). The target does not change until that vCPU exits its guest. */
export const LOADED = 1 << 28;
/** Unit of the count of reroutes, modulo 8: it makes the compare-and-swap of a thread that has read an older next target fail. */
const ONE_REROUTE = 1 << 29;

export const PRIORITY_SHIFT = 8;
export const PRIORITY = 0xff << PRIORITY_SHIFT;
export const TARGET_SHIFT = 16;
export const TARGET = 0x3ff << TARGET_SHIFT;
/** Target of an LPI in an unmapped collection, and of an SPI routed to an affinity without a vCPU. */
export const NO_TARGET = 0x3ff;

export function priorityOf(state: number): number {
  return (state >>> PRIORITY_SHIFT) & 0xff;
}

export function targetOf(state: number): VcpuId {
  return (state >>> TARGET_SHIFT) & NO_TARGET;
}

const PERMIT = ENABLED | ACTIVE;
const WIRE = EDGE | LINE;

/** Pending, as ISPENDR and ICPENDR read. */
export function isPending(state: number): boolean {
  return (state & (LATCH | UNQUEUED)) !== 0 || (state & WIRE) === LINE;
}

/** Pending, or in a list register, where it may be pending. */
export function isOnItsWay(state: number): boolean {
  return isPending(state) || (state & LOADED) !== 0;
}

/**
 * Pending and not UNQUEUED, enabled, not active: its target vCPU should check it. Groups, masks and priorities then decide whether
 * it is signalled.
 */
export function isDeliverable(state: number): boolean {
  // guard: deliverable-is-taken
  return (state & PERMIT) === ENABLED && ((state & LATCH) !== 0 || (state & WIRE) === LINE);
}

/** The state with UNQUEUED turned back into LATCH. @param release - UNQUEUED; 0 leaves the state as it is */
export function requeued(state: number, release: number): number {
  return (state & release) === 0 ? state : (state & ~UNQUEUED) | LATCH;
}

/** The state after an acknowledge. @param keepsLevelLatch - whether a level interrupt stays latched until its deactivation (KVM) */
export function taken(state: number, isLpi: boolean, keepsLevelLatch: boolean): number {
  if (isLpi) return state & ~(LATCH | UNQUEUED);
  // guard: acknowledge-takes-latch
  return ((state & EDGE) === 0 && keepsLevelLatch ? state : state & ~(LATCH | UNQUEUED)) | ACTIVE;
}

/** The state after deactivation by EOI or DIR. KVM clears the latch of a level interrupt when its list register is empty. */
export function ended(state: number, keepsLevelLatch: boolean): number {
  return state & ~((state & EDGE) === 0 && keepsLevelLatch ? ACTIVE | LATCH | UNQUEUED : ACTIVE);
}

/** The state of an active or loaded interrupt after a reroute. */
export function reroutedLater(state: number): number {
  // guard: reroutes-are-counted
  return ((state | REROUTED) + ONE_REROUTE) | 0;
}

/** Result for an INTID without an interrupt. */
export const NONE = -1;
