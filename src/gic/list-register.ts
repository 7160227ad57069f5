import type { VcpuId } from '../arch/intid.ts';
import {
  ACTIVE,
  EDGE,
  ENABLED,
  GROUP1,
  LATCH,
  LOADED,
  PRIORITY,
  PRIORITY_SHIFT,
  REROUTED,
  TARGET_SHIFT,
  LINE as WIRE,
} from './state.ts';

/* A list register as one word: INTID 15:0, priority 23:16, group 24, pending 25, active 26, maintenance interrupt at EOI 27. */
export const INTID = 0xffff;
export const IN_GROUP1 = 1 << 24;
export const IS_PENDING = 1 << 25;
export const IS_ACTIVE = 1 << 26;
export const TELLS_END = 1 << 27;

/** The state of an interrupt according to its list register. */
export function stateIn(register: number, vcpu: VcpuId): number {
  const priority = ((register >>> 16) & 0xff) << PRIORITY_SHIFT;
  const group = (register & IN_GROUP1) === 0 ? 0 : GROUP1;
  return LOADED | ENABLED | group | priority | (vcpu << TARGET_SHIFT);
}

/** Whether the guest may acknowledge a loaded interrupt. @param state - its state now @param found - {@link stateIn} its register */
export function isAsLoaded(state: number, found: number): boolean {
  const fixed = LOADED | REROUTED | ENABLED | ACTIVE | GROUP1 | PRIORITY | (0x3ff << TARGET_SHIFT);
  return ((state ^ found) & fixed) === 0 && ((state & EDGE) !== 0 || (state & (LATCH | WIRE)) !== 0);
}
