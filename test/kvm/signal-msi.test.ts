import { describe, expect, test } from 'vitest';
import { VGIC_ITS, VGIC_V2 } from '../../src/kvm/vgic/vgic-state.ts';
import {
  address,
  DOORBELL,
  emptyVm,
  expectErrno,
  GICR,
  ITS,
  mapMsi,
  readyVm,
  takeAll,
  vmWithGic,
} from './vm-rig.ts';

const CALL = 'KVM_SIGNAL_MSI';
const msi = (changes: Partial<{ address: number; data: number; flags: number; deviceId: number }> = {}) => ({
  address: DOORBELL,
  data: 3,
  flags: 1,
  deviceId: 5,
  ...changes,
});

describe('KVM_SIGNAL_MSI, in the order of its checks', () => {
  test('EINVAL without an interrupt controller', () => {
    expectErrno('EINVAL', CALL, () => emptyVm().signalMsi(msi()));
  });

  test('EINVAL for an unknown flag, before anything of the ITS', () => {
    expectErrno('EINVAL', CALL, () => vmWithGic().vm.signalMsi(msi({ flags: 2 })));
    expectErrno('EINVAL', CALL, () => vmWithGic().vm.signalMsi(msi({ flags: 0x8000_0001 })));
  });

  test('ENODEV without an ITS, and in a VM with a GICv2', () => {
    expectErrno('ENODEV', CALL, () => vmWithGic().vm.signalMsi(msi()));
    const old = emptyVm({ gicV2: true });
    old.createDevice({ type: VGIC_V2, flags: 0 });
    old.createDevice({ type: VGIC_ITS, flags: 0 });
    expectErrno('ENODEV', CALL, () => old.signalMsi(msi()));
  });

  test('EINVAL without VALID_DEVID, unless the translation is cached', () => {
    const ready = readyVm();
    mapMsi(ready, 5, 3, 8200);
    expectErrno('EINVAL', CALL, () => ready.vm.signalMsi(msi({ flags: 0 })));
    expect(ready.vm.signalMsi(msi())).toBe(1);
    expect(ready.vm.signalMsi(msi({ flags: 0 }))).toBe(1);
    expect(takeAll(ready.vm)).toEqual([8200]);
  });

  test('EINVAL outside every ITS; any address of its frames will do', () => {
    const ready = readyVm();
    mapMsi(ready, 5, 3, 8200);
    for (const at of [0, ITS - 4, ITS + 0x2_0000, DOORBELL + 2 ** 32]) {
      expectErrno('EINVAL', CALL, () => ready.vm.signalMsi(msi({ address: at })));
    }
    expect(ready.vm.signalMsi(msi({ address: ITS }))).toBe(1);
    expect(ready.vm.signalMsi(msi({ address: ITS + 0x1_fffc }))).toBe(1);
  });

  test('EINVAL while the ITS has no address', () => {
    const { vm } = vmWithGic();
    const its = vm.createDevice({ type: VGIC_ITS, flags: 0 });
    expectErrno('EINVAL', CALL, () => vm.signalMsi(msi({ address: 0x1_0040 })));
    vm.setDeviceAttr(its, address('ITS'), 0);
    expectErrno('EBUSY', CALL, () => vm.signalMsi(msi({ address: 0x1_0040 })));
  });

  test('EBUSY while the ITS is disabled', () => {
    const ready = readyVm();
    mapMsi(ready, 5, 3, 8200);
    ready.vm.signalMsi(msi());
    ready.vm.bus.write(ITS, 4, 0n);
    expectErrno('EBUSY', CALL, () => ready.vm.signalMsi(msi()));
    ready.vm.bus.write(ITS, 4, 1n);
    expect(ready.vm.signalMsi(msi())).toBe(1);
  });

  test('0 where the guest has nothing mapped: no device, no event, no collection', () => {
    const ready = readyVm();
    mapMsi(ready, 5, 3, 8200);
    expect(ready.vm.signalMsi(msi({ deviceId: 6 }))).toBe(0);
    expect(ready.vm.signalMsi(msi({ data: 4 }))).toBe(0);
    expect(ready.vm.signalMsi(msi({ data: 0x1_0003 }))).toBe(0);
    expect(ready.vm.signalMsi(msi({ deviceId: 0x1_0005 }))).toBe(0);
    ready.run({ name: 'MAPC', collectionId: 0, rdbase: 0, valid: false });
    expect(ready.vm.signalMsi(msi())).toBe(0);
  });

  test('EBUSY where the LPIs of the target vCPU are off', () => {
    const ready = readyVm();
    mapMsi(ready, 5, 3, 8200);
    ready.vm.bus.write(GICR, 4, 0n);
    expectErrno('EBUSY', CALL, () => ready.vm.signalMsi(msi()));
    ready.vm.bus.write(GICR, 4, 1n);
    expect(ready.vm.signalMsi(msi())).toBe(1);
  });

  test('1 even where the LPI is disabled: it is taken after it is enabled', () => {
    const ready = readyVm();
    ready.vm.memory.setByte(0x400c_0000 + 8, 0xa0);
    mapMsi(ready, 5, 3, 8200);
    expect(ready.vm.signalMsi(msi())).toBe(1);
    expect(takeAll(ready.vm)).toEqual([]);
    ready.vm.memory.setByte(0x400c_0000 + 8, 0xa1);
    ready.run({ name: 'INV', deviceId: 5, eventId: 3 });
    expect(takeAll(ready.vm)).toEqual([8200]);
  });

  test('two ITSes: the doorbell says which', () => {
    const ready = readyVm();
    const second = ready.vm.createDevice({ type: VGIC_ITS, flags: 0 });
    ready.vm.setDeviceAttr(second, address('ITS'), ITS + 0x100_0000);
    mapMsi(ready, 5, 3, 8200);
    expect(ready.vm.signalMsi(msi())).toBe(1);
    expectErrno('EBUSY', CALL, () => ready.vm.signalMsi(msi({ address: DOORBELL + 0x100_0000 })));
  });
});
