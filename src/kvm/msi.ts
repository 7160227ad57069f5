import { gits } from '../arch/registers.ts';
import { type Injector, MSI_EBUSY, MSI_EINVAL, MSI_ENODEV } from './injector.ts';
import { KvmError } from './kvm-error.ts';
import { MSI_VALID_DEVID } from './route.ts';
import { VGIC_NONE, type VgicState } from './vgic/vgic-state.ts';

const CALL = 'KVM_SIGNAL_MSI';

/** What a device writes, and where. `deviceId` counts only with KVM_MSI_VALID_DEVID in `flags`. */
export type Msi = {
  readonly address: number;
  /** The EventID; 32 bits. */
  readonly data: number;
  readonly flags: number;
  readonly deviceId: number;
};

/**
 * KVM_SIGNAL_MSI, by KVM's checks in their order.
 * @returns 1 delivered, 0 blocked by the guest
 * @throws KvmError EINVAL, ENODEV, EBUSY
 * @see kvm_send_userspace_msi in irqchip.c, kvm_set_msi in vgic-irqfd.c
 */
export function signalMsi(injector: Injector, vgic: VgicState, msi: Msi): number {
  const unknownFlags = msi.flags & ~MSI_VALID_DEVID;
  const sent =
    unknownFlags === 0 ? injector.sendMsi(msi.address, msi.data, msi.flags, msi.deviceId) : MSI_EINVAL;
  if (sent >= 0) return sent;
  // KVM checks for an irqchip and an ITS first. We check only after a failure: without them nothing can have been injected.
  throw refused(sent, vgic, msi);
}

function refused(result: number, vgic: VgicState, { address, flags }: Msi): KvmError {
  if (vgic.model === VGIC_NONE) {
    return new KvmError(CALL, 'EINVAL', 'this VM has no interrupt controller: KVM_CREATE_DEVICE comes first');
  }
  if ((flags & ~MSI_VALID_DEVID) !== 0) {
    const given = `0x${(flags >>> 0).toString(16)}`;
    return new KvmError(CALL, 'EINVAL', `the only flag is KVM_MSI_VALID_DEVID (1), not ${given}`);
  }
  if (result === MSI_ENODEV) {
    return new KvmError(
      CALL,
      'ENODEV',
      'this VM has no ITS: KVM_CREATE_DEVICE with KVM_DEV_TYPE_ARM_VGIC_ITS makes one',
    );
  }
  if (result === MSI_EBUSY)
    return new KvmError(CALL, 'EBUSY', 'the ITS, or the LPIs of the target vCPU, are disabled');
  if (result === MSI_EINVAL && (flags & MSI_VALID_DEVID) === 0) {
    return new KvmError(CALL, 'EINVAL', 'an MSI for an ITS needs KVM_MSI_VALID_DEVID and a device ID');
  }
  const doorbell = `0x${address.toString(16)}`;
  return new KvmError(
    CALL,
    'EINVAL',
    `${doorbell} lies in no ITS: the doorbell is its base + 0x${gits.TRANSLATER.toString(16)}`,
  );
}
