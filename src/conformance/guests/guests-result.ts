import type { Intid, VcpuId } from '../../arch/intid.ts';

/** The result of one guest. */
export type GuestResult = {
  readonly name: string;
  readonly vcpus: number;
  readonly expected: number;
  readonly delivered: number;
  /** Expected deliveries that did not come; deliveries beyond the expected number; deliveries that no expectation names. */
  readonly missing: number;
  readonly extra: number;
  readonly unexpected: number;
  /** Acknowledges that returned no interrupt although the vCPU was signalled. */
  readonly spurious: number;
  /** The failed check of the guest or of userspace; null if all passed. */
  readonly failure: string | null;
  /** The first deliveries with a wrong number. */
  readonly wrong: readonly {
    readonly vcpu: VcpuId;
    readonly intid: Intid;
    readonly expected: number;
    readonly got: number;
  }[];
  readonly seconds: number;
};

export type GuestsResult = {
  readonly schemaVersion: 1;
  readonly command: 'guests';
  readonly guests: readonly GuestResult[];
  readonly failed: number;
  /** Ctrl-C ended the run: guests that are not listed did not run. */
  readonly interrupted?: true;
};

/** Whether all deliveries and checks are right. */
export function passed({ missing, extra, unexpected, spurious, failure }: GuestResult): boolean {
  return missing + extra + unexpected + spurious === 0 && failure === null;
}
