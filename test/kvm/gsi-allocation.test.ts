import { describe, expect, test } from 'vitest';
import type { Route } from '../../src/kvm/route.ts';
import { GsiAllocator } from '../../src/vmm/gsi-allocator.ts';
import { VMM_POLICIES } from '../../src/vmm/policies.ts';
import { RouteShadow } from '../../src/vmm/route-shadow.ts';
import { expectErrno, readyVm } from './vm-rig.ts';

const pin = (gsi: number, to = gsi): Route => ({ type: 'irqchip', gsi, irqchip: 0, pin: to });

describe('GSIs', () => {
  test.each([
    ['qemu', 4094],
    ['firecracker', 4095],
    ['cloud-hypervisor', 4095],
  ] as const)('%s: the lowest free one above the wired, up to %i, then ENOSPC', (name, last) => {
    const gsis = new GsiAllocator(VMM_POLICIES[name], 224, 4096);
    expect([gsis.allocate(), gsis.allocate(), gsis.allocate()]).toEqual([224, 225, 226]);
    gsis.release(225);
    expect(gsis.allocate()).toBe(225);
    let highest = 0;
    for (let gsi = 227; gsi <= last; gsi++) highest = gsis.allocate();
    expect(highest).toBe(last);
    expectErrno('ENOSPC', 'gsi', () => gsis.allocate());
    gsis.release(last);
    expect(gsis.allocate()).toBe(last);
  });

  test('ESRCH for one that is not in use, ENOSYS without routing', () => {
    const gsis = new GsiAllocator(VMM_POLICIES.qemu, 224, 4096);
    expectErrno('ESRCH', 'gsi', () => gsis.release(300));
    expectErrno('ESRCH', 'gsi', () => gsis.release(99_999));
    gsis.release(gsis.allocate());
    expectErrno('ENOSYS', 'gsi', () => new GsiAllocator(VMM_POLICIES.qemu, 224, 0));
  });

  test('a machine with all SPIs leaves the rest of the numbers', () => {
    const gsis = new GsiAllocator(VMM_POLICIES.qemu, 988, 4096);
    expect(gsis.allocate()).toBe(988);
  });
});

describe('the shadow of the table', () => {
  test('is committed whole; the last entry takes the place of one that is released', () => {
    const { vm } = readyVm();
    const shadow = new RouteShadow([pin(0), pin(1), pin(2), pin(3)]);
    shadow.release(1);
    expect(shadow.size).toBe(3);
    shadow.release(3);
    expect(shadow.commit(vm.vm)).toBe(2);
    expect(vm.vm.routing.entries().map(({ gsi }) => gsi)).toEqual([0, 2]);
    shadow.update(pin(2, 9));
    expect(vm.vm.routing.entries()[1]).toEqual(pin(2));
    shadow.commit(vm.vm);
    expect(vm.vm.routing.entries()[1]).toEqual(pin(2, 9));
  });

  test('the order decides whose acknowledgement a shared pin is', () => {
    const { vm } = readyVm();
    const shadow = new RouteShadow([pin(10, 5), pin(11, 5), pin(12, 6)]);
    shadow.commit(vm.vm);
    expect(vm.vm.routing.gsiOfPin(5)).toBe(11);
    shadow.add(pin(13, 5));
    shadow.release(10); // 13 comes to stand before 11
    shadow.commit(vm.vm);
    expect(vm.vm.routing.gsiOfPin(5)).toBe(11);
  });

  test('ESRCH for a GSI without a route, EEXIST for one that has one', () => {
    const shadow = new RouteShadow([pin(1)]);
    expectErrno('ESRCH', 'routes', () => shadow.update(pin(2)));
    expectErrno('ESRCH', 'routes', () => shadow.release(2));
    expectErrno('EEXIST', 'routes', () => shadow.add(pin(1)));
    shadow.update(pin(1, 3));
    expect(shadow.get(1)).toEqual(pin(1, 3));
    shadow.release(1);
    expect(shadow.get(1)).toBeUndefined();
  });
});

describe('DeviceIDs', () => {
  test('the requester ID, and the segment folded in where the bus would be', () => {
    const from = { segment: 3, bus: 0, device: 4, function: 1 };
    expect(VMM_POLICIES.qemu.deviceIdOf(from)).toBe(0x21);
    expect(VMM_POLICIES.firecracker.deviceIdOf({ ...from, bus: 2 })).toBe(0x221);
    expect(VMM_POLICIES['cloud-hypervisor'].deviceIdOf(from)).toBe(0x321);
    // Two segments are one DeviceID to QEMU, and two to cloud-hypervisor; which has 256 of them.
    expect(VMM_POLICIES.qemu.deviceIdOf({ ...from, segment: 4 })).toBe(0x21);
    expect(VMM_POLICIES['cloud-hypervisor'].deviceIdOf({ ...from, segment: 0x104 })).toBe(0x421);
  });
});
