import type { Gsi } from '../kvm/gsi.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import type { VmmPolicy } from './policies.ts';

/**
 * GSIs for MSIs: the lowest free one above the wired interrupts, which keep the GSIs that equal their pins. So the
 * numbers are dense at the bottom, and sparse above. A VMM's own bookkeeping: for the one thread that runs it.
 * @see kvm_irqchip_get_virq in QEMU's kvm-all.c
 */
export class GsiAllocator {
  readonly #used: Uint8Array;
  readonly #first: number;

  /**
   * @param wired - GSIs from 0 on that belong to wired interrupts: the number of SPIs
   * @param routes - what KVM_CAP_IRQ_ROUTING answers
   * @throws KvmError ENOSYS where there is no routing
   */
  constructor(policy: VmmPolicy, wired: number, routes: number) {
    if (routes === 0)
      throw new KvmError('gsi', 'ENOSYS', 'this VM has no GSI routing: KVM_CAP_IRQ_ROUTING answers 0');
    this.#used = new Uint8Array(Math.max(0, policy.limit(routes)));
    this.#first = wired;
  }

  /** Takes a GSI. @throws KvmError ENOSPC */
  allocate(): Gsi {
    const gsi: Gsi = this.#used.indexOf(0, this.#first);
    if (gsi < 0) {
      const most = Math.max(0, this.#used.length - this.#first);
      throw new KvmError(
        'gsi',
        'ENOSPC',
        `all ${most} GSIs from ${this.#first} to ${this.#used.length - 1} are in use`,
      );
    }
    this.#used[gsi] = 1;
    return gsi;
  }

  /** Gives a GSI back. @throws KvmError ESRCH if it is not one that was taken */
  release(gsi: Gsi): void {
    if (this.#used[gsi] !== 1) throw new KvmError('gsi', 'ESRCH', `GSI ${gsi} is not in use`);
    this.#used[gsi] = 0;
  }
}
