import { gits } from '../../arch/registers.ts';
import { KvmError } from '../kvm-error.ts';
import { MSI_EBUSY, MSI_EINVAL, MSI_ENODEV, type Msi } from '../msi.ts';
import { MSI_VALID_DEVID } from '../route.ts';
import { VGIC_NONE, type VgicState } from './vgic-state.ts';

const CALL = 'KVM_SIGNAL_MSI';

/**
 * The reason for which KVM_SIGNAL_MSI was refused, by KVM's checks in KVM's order. @see kvm_send_userspace_msi,
 * kvm_set_msi in vgic-irqfd.c
 */
export function msiRefusal(result: number, vgic: VgicState, { address, flags }: Msi): KvmError {
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
