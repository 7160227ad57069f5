import { expect, test } from 'vitest';
import { MOST_IOEVENTFDS } from '../../src/kvm/ioeventfds.ts';
import { emptyVm, expectErrno } from './vm-rig.ts';

const CALL = 'KVM_IOEVENTFD';
const AT = 0x0a00_0050n;
const at = (changes: object = {}) => ({ addr: AT, len: 4, fd: 0, flags: 0, datamatch: 0n, ...changes });

test.each([
  ['a length that is none', { len: 3 }, 'EINVAL'],
  ['addr + len that wraps', { addr: 0xffff_ffff_ffff_fffen }, 'EINVAL'],
  ['an unknown flag', { flags: 16 }, 'EINVAL'],
  ['any length with DATAMATCH', { len: 0, flags: 1 }, 'EINVAL'],
  ['what is not open', { fd: 9 }, 'EBADF'],
  ['nothing to deassign', { flags: 4 }, 'ENOENT'],
] as const)('refuses %s', (_, changes, errno) => {
  const vm = emptyVm();
  const fd = vm.eventfd();
  expectErrno(errno, CALL, () => vm.ioeventfd(at({ fd, ...changes })));
  vm.ioeventfd(at({ fd }));
});

test('EINVAL for a descriptor that is no eventfd', () => {
  const vm = emptyVm();
  expectErrno('EINVAL', CALL, () => vm.ioeventfd(at({ fd: vm.options.eventfds })));
});

test('a write rings; EEXIST for a collision, and not with another value', () => {
  const vm = emptyVm();
  const [any, seven] = [vm.eventfd(), vm.eventfd()];
  vm.ioeventfd(at({ fd: any }));
  expectErrno('EEXIST', CALL, () => vm.ioeventfd(at({ fd: seven })));
  expectErrno('EEXIST', CALL, () => vm.ioeventfd(at({ fd: seven, len: 0 })));
  expectErrno('EEXIST', CALL, () => vm.ioeventfd(at({ fd: seven, flags: 1, datamatch: 7n })));
  vm.ioeventfd(at({ fd: seven, len: 2, flags: 1, datamatch: 7n }));
  vm.ioeventfd(at({ fd: any, len: 2, flags: 1, datamatch: 8n }));
  vm.bus.write(Number(AT), 4, 1n);
  vm.bus.write(Number(AT), 4, 2n);
  vm.bus.write(Number(AT), 2, 7n);
  vm.bus.write(Number(AT), 2, 9n);
  vm.bus.write(Number(AT), 1, 1n);
  expect([vm.read(any), vm.read(seven)]).toEqual([2n, 1n]);
  vm.ioeventfd(at({ fd: any, flags: 4 }));
  vm.bus.write(Number(AT), 4, 1n);
  expect(vm.read(any)).toBe(0n);
  expectErrno('ENOENT', CALL, () => vm.ioeventfd(at({ fd: any, flags: 4 })));
});

test('ENOSPC when every place is taken', () => {
  const vm = emptyVm();
  const fd = vm.eventfd();
  for (let n = 0; n < MOST_IOEVENTFDS; n++) vm.ioeventfd(at({ fd, addr: AT + BigInt(8 * n) }));
  expectErrno('ENOSPC', CALL, () => vm.ioeventfd(at({ fd, addr: AT + 0x1000n })));
});
