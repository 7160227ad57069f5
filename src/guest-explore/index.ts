/**
 * The explorer of real guests: boots an arm64 guest once, in one thread, to a start point, and runs many schedules of its vCPUs,
 * devices and stores from there. A failing schedule is shrunk and stored as a token, which repeats it to the instruction.
 * {@link exploreGuest} searches; {@link replayGuestToken} runs a token.
 */
export { exploreGuest, type GuestSearch } from './explore-guest.ts';
export { type GuestSearchTask, searchGuest } from './guest-search-thread.ts';
export type { Lane } from './lanes.ts';
export { type GuestReplay, replayGuestToken } from './replay-guest-token.ts';
export type { GuestExploreResult } from './result.ts';
export { GUEST_STRATEGIES } from './strategies.ts';
export { readSymbols } from './symbols.ts';
