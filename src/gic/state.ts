import type { VcpuId } from '../arch/intid.ts';

/**
 * The state of one interrupt, all of it, in one 32-bit word: so every change is one compare-and-swap, and the
 * thread that changes it knows from the old word whether the interrupt must be listed for a vCPU, and for which.
 *
 * ```
 *  31      29 28     27       26     25         16 15      8 7    6      5    4      3       2      1    0
 *  | reroutes | LOADED REROUTED ORPHAN | target vCPU | priority | HELD MAPPED EDGE GROUP1 ENABLED ACTIVE LINE LATCH |
 * ```
 * Pending is LATCH or HELD, or for a level interrupt LINE as well. LPIs use LATCH, HELD, ENABLED, MAPPED, priority and
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
/** An LPI that some DevID:EvID translates to. */
export const MAPPED = 1 << 6;
/**
 * Pending like LATCH, but no vCPU has been told, and none is until the interrupt comes again or a register is written
 * that makes the controller look at it. Where KVM leaves a pending interrupt on no list, this bit takes LATCH's place:
 * so that LATCH always means "listed, or about to be", which makes injecting cheap.
 */
export const HELD = 1 << 7;

/**
 * An LPI that nothing maps any more, and that a vCPU's list still holds: KVM counts references, so a pending LPI outlives DISCARD
 * and MAPD, and is delivered once. It ends when it leaves the list; MAPTI before that finds it as it is.
 */
export const ORPHAN = 1 << 26;
/** An SPI that was routed to another vCPU while it was active: it stays where it is active, and goes there when it ends. */
export const REROUTED = 1 << 27;
/** In a list register of its target (KVM: on_lr): the target stays, as for an active SPI, until that vCPU has left its guest. */
export const LOADED = 1 << 28;
/** Where states count how often they were rerouted, modulo 8: a thread that has read an older target fails to replace the state. */
const ONE_REROUTE = 1 << 29;

export const PRIORITY_SHIFT = 8;
export const PRIORITY = 0xff << PRIORITY_SHIFT;
export const TARGET_SHIFT = 16;
export const TARGET = 0x3ff << TARGET_SHIFT;
/** The target of an interrupt that goes to no vCPU: an LPI in an unmapped collection, an SPI routed to nowhere. */
export const NO_TARGET = 0x3ff;

export function priorityOf(state: number): number {
  return (state >>> PRIORITY_SHIFT) & 0xff;
}

export function targetOf(state: number): VcpuId {
  return (state >>> TARGET_SHIFT) & NO_TARGET;
}

const PERMIT = ENABLED | ACTIVE;
const WIRE = EDGE | LINE;

/** What the pending registers read. */
export function isPending(state: number): boolean {
  return (state & (LATCH | HELD)) !== 0 || (state & WIRE) === LINE;
}

/** Pending, or in a list register and perhaps to be taken from there. */
export function isOnItsWay(state: number): boolean {
  return isPending(state) || (state & LOADED) !== 0;
}

/**
 * Pending and not held back, enabled and not active: a vCPU should look at it. Groups, masks and priorities decide
 * whether it is taken.
 */
export function isDeliverable(state: number): boolean {
  // guard: deliverable-is-taken
  return (state & PERMIT) === ENABLED && ((state & LATCH) !== 0 || (state & WIRE) === LINE);
}

/** The state with what is held back latched again, if `release` is HELD. */
export function released(state: number, release: number): number {
  return (state & release) === 0 ? state : (state & ~HELD) | LATCH;
}

/** The state after an acknowledge. @param keepsLevelLatch - whether a level interrupt stays latched until it ends, as in KVM */
export function taken(state: number, isLpi: boolean, keepsLevelLatch: boolean): number {
  if (isLpi) return state & ~(LATCH | HELD);
  // guard: acknowledge-takes-latch
  return ((state & EDGE) === 0 && keepsLevelLatch ? state : state & ~(LATCH | HELD)) | ACTIVE;
}

/** The state after EOI or DIR. KVM clears the latch of a level interrupt when its list register is empty. */
export function ended(state: number, keepsLevelLatch: boolean): number {
  return state & ~((state & EDGE) === 0 && keepsLevelLatch ? ACTIVE | LATCH | HELD : ACTIVE);
}

/** The state of an interrupt that has to stay on its vCPU for now, and has another target to go to. */
export function reroutedLater(state: number): number {
  // guard: reroutes-are-counted
  return ((state | REROUTED) + ONE_REROUTE) | 0;
}

/** Returned where an INTID names no interrupt. */
export const NONE = -1;
