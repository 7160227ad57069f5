import type { GuestOptions } from '../../src/guest-explore/explored-guest.ts';
import type { GuestSearch } from '../../src/guest-explore/index.ts';
import { BARE } from '../boot/guests.ts';

/** A race of the bare-metal guest, from the moment at which it is ready. */
export function raceOptions(race: string, more: Partial<GuestOptions> = {}): GuestOptions {
  return {
    kernel: BARE,
    append: `semihosting race=${race}`,
    vcpus: 2,
    memoryMiB: 16,
    devices: [],
    from: 'guest: ready',
    memoryModel: 'strong',
    ...more,
  };
}

export function raceSearch(race: string, more: Partial<GuestSearch> = {}): GuestSearch {
  return {
    ...raceOptions(race),
    name: 'bare.bin',
    strategy: 'auto',
    depth: 3,
    seed: 1,
    schedules: 3000,
    seconds: 100,
    limit: 100_000,
    ...more,
  };
}
