/**
 * Priorities: 8 bits, lower values first. Five of them are implemented, as in KVM and most cores: 32 levels, each of which
 * is a preemption level too.
 * @see ICC_CTLR_EL1.PRIbits
 */
export const PRIORITY_MASK = 0xf8;
export const PRIORITY_LEVELS = 32;
/** From a priority to its level. */
export const LEVEL_SHIFT = 3;
/** What ICC_RPR_EL1 reads while nothing is active; as ICC_PMR_EL1, it lets every implemented priority through. */
export const IDLE_PRIORITY = 0xff;
