import type { DeviceId } from '../arch/intid.ts';
import type { Fd, Gsi } from '../kvm/gsi.ts';
import type { IrqFdOptions } from '../kvm/irqfd-record.ts';
import { KvmError } from '../kvm/kvm-error.ts';

/** Flags of KVM_IRQFD. */
export const IRQFD_DEASSIGN = 1 << 0;
export const IRQFD_RESAMPLE = 1 << 1;

/** A `kvm_irqfd`; `devid` is the field that the design `direct` puts into the padding. */
export type IrqFd = {
  readonly fd: Fd;
  readonly gsi: Gsi;
  readonly flags: number;
  readonly resamplefd: Fd;
  readonly devid?: DeviceId;
};

/** How an irqfd is to be assigned; undefined where the call deassigns it. @throws KvmError EINVAL for an unknown flag */
export function irqfdOptions({ flags, resamplefd, devid }: IrqFd): IrqFdOptions | undefined {
  if ((flags & ~(IRQFD_DEASSIGN | IRQFD_RESAMPLE)) !== 0) {
    const given = `0x${(flags >>> 0).toString(16)}`;
    throw new KvmError('KVM_IRQFD', 'EINVAL', `the flags are DEASSIGN (1) and RESAMPLE (2), not ${given}`);
  }
  if ((flags & IRQFD_DEASSIGN) !== 0) return undefined;
  const resamples = (flags & IRQFD_RESAMPLE) !== 0;
  return { resamplefd: resamples ? resamplefd : undefined, deviceId: devid };
}
