import type { Gsi } from '../kvm/gsi.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import type { VmmPolicy } from './policies.ts';

/**
 * GSIs for MSIs: allocates the lowest free GSI above the wired interrupts, whose GSIs equal their pins. For the one
 * thread that runs the VMM.
 * @see kvm_irqchip_get_virq in QEMU's kvm-all.c
 */
export class GsiAllocator {
  readonly #used: Uint8Array;
  readonly #first: number;

  /**
   * @param wired - GSIs from 0 on that belong to wired interrupts: the number of SPIs
   * @param routes - the answer of KVM_CAP_IRQ_ROUTING
   * @throws KvmError ENOSYS without routing
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

  /** Frees a GSI. @throws KvmError ESRCH if the GSI is not allocated */
  release(gsi: Gsi): void {
    if (this.#used[gsi] !== 1) throw new KvmError('gsi', 'ESRCH', `GSI ${gsi} is not in use`);
    this.#used[gsi] = 0;
  }
}
