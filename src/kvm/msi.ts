import type { DeviceId } from '../arch/intid.ts';

/** An MSI, as a device writes it: the argument of KVM_SIGNAL_MSI. */
export type Msi = {
  readonly address: number;
  /** 32 bits: the EventID, or on x86 a vector and its delivery mode. */
  readonly data: number;
  readonly flags: number;
  /** Valid only with KVM_MSI_VALID_DEVID in `flags`. */
  readonly deviceId: DeviceId;
};

/** Results of sending an MSI below 0: `-errno` of the KVM call. */
export const MSI_EINVAL = -22;
export const MSI_ENODEV = -19;
export const MSI_EBUSY = -16;
export const MSI_EPERM = -1;
