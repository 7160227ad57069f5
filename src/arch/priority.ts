/**
 * Priorities: 8 bits, lower values first. Five bits are implemented, as in KVM and most cores: 32 levels, each a
 * preemption level too.
 * @see ICC_CTLR_EL1.PRIbits
 */
export const PRIORITY_MASK = 0xf8;
export const PRIORITY_LEVELS = 32;
/** From a priority to its level. */
export const LEVEL_SHIFT = 3;
/** The value of ICC_RPR_EL1 while no interrupt is active. In ICC_PMR_EL1 it passes every implemented priority. */
export const IDLE_PRIORITY = 0xff;
