import { EVENT_COUNT } from '../memory/event-count.ts';
import { type Layout, LINE, type Region } from '../memory/layout.ts';

/* The words of the proof. Those of a source lie on a line for each party that writes: the device, the guest, the driver. */

// Written by the device.
export const SENT = 0;
export const ALLOWANCE = 1;
export const STAMP = 2; // two words
export const STAMPED = 4; // the signal that the stamp is of
// Written by the guest's handlers.
export const SEEN = LINE;
export const DELIVERIES = LINE + 1;
// Written by the driver.
export const VCPU = 2 * LINE;
export const NEXT_VCPU = 2 * LINE + 1;
export const INTID = 2 * LINE + 2;
export const NEXT_INTID = 2 * LINE + 3;
export const CHANGED_AT = 2 * LINE + 4;
export const KIND = 2 * LINE + 5;
export const RAISED = 2 * LINE + 6;
export const SOURCE_WORDS = 3 * LINE;

export const KEPT = 64;
export const VIOLATION_WORDS = 8;
/** Beside the counts of violations: the kind of churn that goes on. */
export const CHURN = LINE - 1;

export type ProofRegions = {
  readonly sources: Region;
  /** By INTID: source + 1. */
  readonly owners: Region;
  /** Moves that have been completed. */
  readonly epoch: Region;
  /** A count for each kind, then the first few violations. */
  readonly violations: Region;
  /** By device: the bell on which the device waits until its signals are handled. */
  readonly bells: readonly Region[];
  /** By device, a line each: the source that the device waits for, + 1. */
  readonly awaited: Region;
};

/** @param name - the name of a source in the layout */
export function proofRegions(
  layout: Layout,
  sizes: { sources: number; intids: number; devices: number },
  name = 'source',
): ProofRegions {
  return {
    sources: layout.region(name, sizes.sources * SOURCE_WORDS),
    owners: layout.region(`${name}.ofIntid`, sizes.intids),
    epoch: layout.region('proof.epoch', 1),
    violations: layout.region('proof.violations', LINE + KEPT * VIOLATION_WORDS),
    bells: Array.from({ length: sizes.devices }, (_, device) =>
      layout.place(`device${device}.bell`, EVENT_COUNT),
    ),
    awaited: layout.region('device.awaited', sizes.devices * LINE),
  };
}
