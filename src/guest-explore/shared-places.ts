import type { VcpuId } from '../arch/intid.ts';
import type { ExploredGuest } from './explored-guest.ts';
import { type Chooser, runSchedule } from './run-schedule.ts';

/** The vCPUs that have accessed a granule of 8 bytes: a bit for each. */
type Touch = { readers: number; writers: number };

const WRITE = 1;
const MOST_BITS = 31;

/**
 * Memory through which vCPUs communicate: granules of 8 bytes that two vCPUs have accessed, at least one by a store. Learnt from
 * schedules that record every access.
 */
export class SharedPlaces {
  readonly #touched = new Map<number, Touch>();

  /** Runs a schedule and learns from it. */
  learn(guest: ExploredGuest, chooser: Chooser, limit: number): ReturnType<typeof runSchedule> {
    guest.watched.everything();
    const outcome = runSchedule(guest, chooser, limit, (turn) => {
      if (turn.does !== 'run') return;
      const core = guest.controlled.vcpus[turn.vcpu]?.core;
      for (const seen of core?.takeSeen() ?? []) this.#touch(seen, turn.vcpu);
    });
    guest.watched.none();
    return outcome;
  }

  /** Offsets in RAM, in order. */
  get offsets(): number[] {
    const shared = [...this.#touched].filter(([, { readers, writers }]) => {
      const all = readers | writers;
      return writers !== 0 && (all & (all - 1)) !== 0;
    });
    return shared.map(([offset]) => offset).sort((a, b) => a - b);
  }

  /** Makes accesses to these granules, and no others, end a vCPU's run. */
  watch(guest: ExploredGuest): void {
    guest.watched.none();
    for (const offset of this.offsets) guest.watched.add(offset);
  }

  #touch(seen: number, vcpu: VcpuId): void {
    const offset = seen - (seen & WRITE);
    const bit = 1 << (vcpu % MOST_BITS);
    const touch = this.#touched.get(offset) ?? { readers: 0, writers: 0 };
    if ((seen & WRITE) !== 0) touch.writers |= bit;
    else touch.readers |= bit;
    this.#touched.set(offset, touch);
  }
}
