import type { KernelDesign } from '../kvm/designs/kernel-design.ts';
import { MAX_IRQ_ROUTES } from '../kvm/gsi.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import type { VgicState } from '../kvm/vgic/vgic-state.ts';

/** The capabilities that have to do with interrupts, by name, with their numbers. @see linux/kvm.h */
export const CAPABILITIES = {
  KVM_CAP_IRQCHIP: 0,
  KVM_CAP_IRQ_ROUTING: 25,
  KVM_CAP_IRQ_INJECT_STATUS: 26,
  KVM_CAP_ASSIGN_DEV_IRQ: 29,
  KVM_CAP_IRQFD: 32,
  KVM_CAP_IOEVENTFD: 36,
  KVM_CAP_SIGNAL_MSI: 77,
  KVM_CAP_IRQFD_RESAMPLE: 82,
  KVM_CAP_DEVICE_CTRL: 89,
  KVM_CAP_MSI_DEVID: 131,
  KVM_CAP_ARM_USER_IRQ: 144,
  KVM_CAP_ARM_IRQ_LINE_LAYOUT_2: 174,
} as const satisfies Readonly<Record<`KVM_CAP_${string}`, number>>;

export type CapabilityName = keyof typeof CAPABILITIES;

/** Answers that depend on nothing. Device assignment of old (ASSIGN_DEV_IRQ) and x86's injection status are not there. */
const ANSWERS: Readonly<Record<CapabilityName, number>> = {
  KVM_CAP_IRQCHIP: 1,
  KVM_CAP_IRQ_ROUTING: MAX_IRQ_ROUTES,
  KVM_CAP_IRQ_INJECT_STATUS: 0,
  KVM_CAP_ASSIGN_DEV_IRQ: 0,
  KVM_CAP_IRQFD: 1,
  KVM_CAP_IOEVENTFD: 1,
  KVM_CAP_SIGNAL_MSI: 1,
  KVM_CAP_IRQFD_RESAMPLE: 1,
  KVM_CAP_DEVICE_CTRL: 1,
  KVM_CAP_MSI_DEVID: 0,
  KVM_CAP_ARM_USER_IRQ: 1,
  KVM_CAP_ARM_IRQ_LINE_LAYOUT_2: 1,
};

/**
 * KVM_CHECK_EXTENSION: 0 for a capability that is absent or unknown.
 * @param capability - name or number
 * @param vm - the VM whose descriptor is asked; undefined asks /dev/kvm
 * @throws KvmError EINVAL for KVM_CAP_MSI_DEVID on /dev/kvm, because it is a VM's
 */
export function checkExtension(
  capability: CapabilityName | number,
  vm?: { readonly vgic: VgicState; readonly design: KernelDesign },
): number {
  const name = typeof capability === 'number' ? nameOf(capability) : capability;
  if (name === undefined) return 0;
  if (name === 'KVM_CAP_MSI_DEVID') {
    if (!vm)
      throw new KvmError(
        'KVM_CHECK_EXTENSION',
        'EINVAL',
        `${name} is a VM's: ask the VM, once it has an ITS`,
      );
    return vm.design.capabilities[name] ?? (vm.vgic.itses > 0 ? 1 : 0);
  }
  return vm?.design.capabilities[name] ?? ANSWERS[name];
}

function nameOf(capability: number): CapabilityName | undefined {
  for (const [name, number] of Object.entries(CAPABILITIES))
    if (number === capability) return name as CapabilityName;
  return undefined;
}
