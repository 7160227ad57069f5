import { expect, test } from 'vitest';
import { VGIC_ITS } from '../../src/kvm/vgic/vgic-state.ts';
import { CAPABILITIES, checkExtension } from '../../src/kvm-abi/capabilities.ts';
import { emptyVm, expectErrno } from './vm-rig.ts';

test.each([
  ['KVM_CAP_IRQCHIP', 0, 1],
  ['KVM_CAP_IRQ_ROUTING', 25, 4096],
  ['KVM_CAP_ASSIGN_DEV_IRQ', 29, 0],
  ['KVM_CAP_IRQFD', 32, 1],
  ['KVM_CAP_IOEVENTFD', 36, 1],
  ['KVM_CAP_SIGNAL_MSI', 77, 1],
  ['KVM_CAP_IRQFD_RESAMPLE', 82, 1],
  ['KVM_CAP_DEVICE_CTRL', 89, 1],
  ['KVM_CAP_ARM_USER_IRQ', 144, 1],
  ['KVM_CAP_ARM_IRQ_LINE_LAYOUT_2', 174, 1],
] as const)('%s is number %i and answers %i, by name and by number', (name, number, answer) => {
  const vm = emptyVm();
  expect(CAPABILITIES[name]).toBe(number);
  expect(vm.checkExtension(name)).toBe(answer);
  expect(vm.checkExtension(number)).toBe(answer);
  expect(checkExtension(name)).toBe(answer);
});

test("KVM_CAP_MSI_DEVID is a VM's, once it has an ITS", () => {
  const [vm, other] = [emptyVm(), emptyVm()];
  expect(vm.checkExtension('KVM_CAP_MSI_DEVID')).toBe(0);
  vm.createDevice({ type: VGIC_ITS, flags: 0 });
  expect(vm.checkExtension(131)).toBe(1);
  expect(other.checkExtension(131)).toBe(0);
  expectErrno('EINVAL', 'KVM_CHECK_EXTENSION', () => checkExtension('KVM_CAP_MSI_DEVID'));
});

test('an unknown capability is 0', () => {
  expect(emptyVm().checkExtension(9999)).toBe(0);
});
