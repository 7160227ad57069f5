/**
 * The explorer of real guests: boots an arm64 guest once, in one thread, and runs many schedules of its vCPUs, devices and
 * stores from one moment of it. A schedule that fails is made small, kept as a token, and done again to the instruction.
 * {@link exploreGuest} searches, {@link replayGuestToken} does a token again.
 */
export { exploreGuest, type GuestSearch } from './explore-guest.ts';
export type { Lane } from './lanes.ts';
export { type GuestReplay, replayGuestToken } from './replay-guest-token.ts';
export type { GuestExploreResult } from './result.ts';
export { GUEST_STRATEGIES } from './strategies.ts';
export { readSymbols, type Symbols } from './symbols.ts';
