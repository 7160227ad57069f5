import type { Intid, VcpuId } from '../../arch/intid.ts';

/** What became of one guest. */
export type GuestResult = {
  readonly name: string;
  readonly vcpus: number;
  readonly expected: number;
  readonly delivered: number;
  /** Deliveries that did not come; that came more often than they should; and of what should not come at all there. */
  readonly missing: number;
  readonly extra: number;
  readonly unexpected: number;
  /** Acknowledges that returned nothing although the vCPU had been signalled. */
  readonly spurious: number;
  /** The check of the guest, or of userspace, that did not hold; null if all did. */
  readonly failure: string | null;
  /** The first deliveries that are not as they should be. */
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
  /** Ctrl-C ended the run: the guests after these were not run. */
  readonly interrupted?: true;
};

/** Whether everything came as it should. */
export function passed({ missing, extra, unexpected, spurious, failure }: GuestResult): boolean {
  return missing + extra + unexpected + spurious === 0 && failure === null;
}
