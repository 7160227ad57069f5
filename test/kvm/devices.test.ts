import { describe, expect, test } from 'vitest';
import { gicd } from '../../src/arch/registers.ts';
import { createVm } from '../../src/board/create-vm.ts';
import { UNQUEUED } from '../../src/gic/state.ts';
import { findSystemRegister } from '../../src/gic/system-registers.ts';
import { VGIC_ITS, VGIC_V2, VGIC_V3 } from '../../src/kvm/vgic/vgic-state.ts';
import { ADDRESSES, CONTROLS, GROUPS } from '../../src/kvm-abi/devices/attribute.ts';
import { packRegion } from '../../src/kvm-abi/devices/redistributors.ts';
import {
  address,
  control,
  emptyVm,
  enableSpi,
  expectErrno,
  GICD,
  GICR,
  ITS,
  NR_IRQS,
  readyVm,
  takeAll,
  vmWithGic,
} from './vm-rig.ts';

const SET = 'KVM_SET_DEVICE_ATTR';
const GET = 'KVM_GET_DEVICE_ATTR';
const ispendr1 = { group: GROUPS.DIST_REGS, attr: 0x204n };
const V3 = { type: VGIC_V3, flags: 0 };

describe('KVM_CREATE_DEVICE', () => {
  test('makes a vgic, and EEXIST for a second one', () => {
    const vm = emptyVm();
    expect(vm.createDevice(V3)).toBeGreaterThanOrEqual(0);
    expectErrno('EEXIST', 'KVM_CREATE_DEVICE', () => vm.createDevice(V3));
  });

  test('several ITSes, before or after the vgic, and even without one', () => {
    const vm = emptyVm();
    const first = vm.createDevice({ type: VGIC_ITS, flags: 0 });
    vm.createDevice(V3);
    expect(vm.createDevice({ type: VGIC_ITS, flags: 0 })).not.toBe(first);
  });

  test('ENODEV for a type that is not there; a GICv2 only where the host can run one', () => {
    expectErrno('ENODEV', 'KVM_CREATE_DEVICE', () => emptyVm().createDevice({ type: 4, flags: 0 }));
    expectErrno('ENODEV', 'KVM_CREATE_DEVICE', () => emptyVm().createDevice({ type: VGIC_V2, flags: 0 }));
    expectErrno('ENODEV', 'KVM_CREATE_DEVICE', () => emptyVm().createIrqchip());
    expect(emptyVm({ gicV2: true }).createDevice({ type: VGIC_V2, flags: 0 })).toBeGreaterThanOrEqual(0);
    emptyVm({ gicV2: true }).createIrqchip();
  });

  test('a test makes nothing', () => {
    const vm = emptyVm();
    expect(vm.createDevice({ type: VGIC_V3, flags: 1 })).toBe(-1);
    expectErrno('ENODEV', 'KVM_CREATE_DEVICE', () => vm.createDevice({ type: VGIC_V2, flags: 1 }));
    vm.createDevice(V3);
  });

  test('EBUSY while a vCPU is being created, and after one has run', () => {
    const vm = emptyVm({ vcpusLater: true, gicV2: true });
    vm.beginVcpu();
    expectErrno('EBUSY', 'KVM_CREATE_DEVICE', () => vm.createDevice(V3));
    vm.vm.vgic.endVcpu();
    vm.enterGuest(0);
    expectErrno('EBUSY', 'KVM_CREATE_DEVICE', () => vm.createDevice(V3));
    vm.leaveGuest();
    expectErrno('EBUSY', 'KVM_CREATE_DEVICE', () => vm.createDevice(V3));
    const quiet = emptyVm({ vcpusLater: true });
    quiet.createVcpu();
    quiet.createDevice(V3);
  });

  test('E2BIG for more vCPUs than the GIC has room for', () => {
    const nine = emptyVm({ vcpus: 9, gicV2: true });
    expectErrno('E2BIG', 'KVM_CREATE_DEVICE', () => nine.createDevice({ type: VGIC_V2, flags: 0 }));
    nine.createDevice(V3);
    emptyVm({ vcpus: 8, gicV2: true }).createDevice({ type: VGIC_V2, flags: 0 });
    expectErrno('EINVAL', 'KVM_CREATE_VCPU', () => nine.createVcpu());
  });

  test('EBADF and ENOTTY for what is no device', () => {
    const { vm, gic } = vmWithGic();
    expectErrno('EBADF', SET, () => vm.setDeviceAttr(999, control('INIT')));
    expectErrno('ENOTTY', SET, () => vm.setDeviceAttr(vm.eventfd(), control('INIT')));
    vm.close(gic);
    expectErrno('EBADF', GET, () => vm.getDeviceAttr(gic, address('V3_DIST')));
  });
});

describe('addresses', () => {
  const cases = [
    ['V3_DIST', GICD],
    ['V3_REDIST', GICR],
  ] as const;
  test.each(cases)('%s: set once, read back, EEXIST, EINVAL, E2BIG, EFAULT', (type, base) => {
    const { vm, gic } = vmWithGic();
    expect(vm.getDeviceAttr(gic, address(type))).toBe(0xffff_ffff_ffff_ffffn);
    expectErrno('EFAULT', SET, () => vm.setDeviceAttr(gic, address(type), undefined));
    expectErrno('EINVAL', SET, () => vm.setDeviceAttr(gic, address(type), base + 0x1000));
    expectErrno('EINVAL', SET, () => vm.setDeviceAttr(gic, address(type), 0xffff_ffff_ffff_0000n));
    expectErrno('E2BIG', SET, () => vm.setDeviceAttr(gic, address(type), 2 ** 40));
    expectErrno('E2BIG', SET, () => vm.setDeviceAttr(gic, address(type), 2 ** 40 - 0x8000 + 0x8000));
    vm.setDeviceAttr(gic, address(type), base);
    expect(vm.getDeviceAttr(gic, address(type))).toBe(BigInt(base));
    expectErrno('EEXIST', SET, () => vm.setDeviceAttr(gic, address(type), base));
  });

  test('ENXIO for a type that this vgic has not', () => {
    const { vm, gic } = vmWithGic();
    for (const type of ['V2_DIST', 'V2_CPU', 'ITS'] as const) {
      expectErrno('ENXIO', SET, () => vm.setDeviceAttr(gic, address(type), GICD));
      expectErrno('ENXIO', GET, () => vm.getDeviceAttr(gic, address(type)));
      expectErrno('ENXIO', 'KVM_HAS_DEVICE_ATTR', () => vm.hasDeviceAttr(gic, address(type)));
    }
    vm.hasDeviceAttr(gic, address('V3_DIST'));
    expectErrno('ENXIO', SET, () => vm.setDeviceAttr(gic, { group: 77, attr: 0n }, 0));
    expectErrno('ENXIO', GET, () => vm.getDeviceAttr(gic, { group: 77, attr: 0n }));
  });

  test('a GICv2 has two frames of its own, aligned to 4 KiB', () => {
    const vm = emptyVm({ gicV2: true });
    const gic = vm.createDevice({ type: VGIC_V2, flags: 0 });
    vm.setDeviceAttr(gic, address('V2_DIST'), 0x0800_1000);
    vm.setDeviceAttr(gic, address('V2_CPU'), 0x0801_0000);
    expect(vm.getDeviceAttr(gic, address('V2_CPU'))).toBe(0x0801_0000n);
    expectErrno('ENXIO', SET, () => vm.setDeviceAttr(gic, address('V3_DIST'), GICD));
  });

  test('a guest finds a GICv2 by its vCPU, and nothing on the bus of all vCPUs', () => {
    const vm = emptyVm({ gicV2: true });
    const gic = vm.createDevice({ type: VGIC_V2, flags: 0 });
    vm.setDeviceAttr(gic, address('V2_DIST'), 0x0800_1000);
    vm.setDeviceAttr(gic, address('V2_CPU'), 0x0801_0000);
    vm.setDeviceAttr(gic, control('INIT'));
    expect(vm.bus.read(0x0800_1004, 4)).toBe(0n);
    expect(vm.busOf(0).read(0x0800_1004, 4)).toBe(7n);
    expect(vm.busOf(0).readWord(0x0801_00fc)).toBe(0x2043b);
    expect(vm.enterGuest(0).acknowledgeGroup0()).toBe(1023);
    const { vm: third } = readyVm();
    expect(third.bus.read(GICD + 4, 4)).not.toBe(0n);
    third.enterGuest(0);
  });

  test('redistributor regions: count, flags, order, overlap, and no mixing with one for all', () => {
    const region = (index: number, base: number, count: number) => packRegion(index, { base, count });
    const { vm, gic } = vmWithGic({ vcpus: 4 });
    const add = (value: bigint) => vm.setDeviceAttr(gic, address('V3_REDIST_REGION'), value);
    expectErrno('ENOENT', GET, () => vm.getDeviceAttr(gic, address('V3_REDIST_REGION'), 0));
    expectErrno('EINVAL', SET, () => add(region(0, GICR, 0)));
    expectErrno('EINVAL', SET, () => add(region(0, GICR, 2) | 0x1000n));
    expectErrno('EINVAL', SET, () => add(region(1, GICR, 2)));
    expectErrno('E2BIG', SET, () => add(region(0, 2 ** 40 - 0x2_0000, 2)));
    add(region(0, GICR, 2));
    expectErrno('EINVAL', SET, () => add(region(2, GICR + 0x100_0000, 2)));
    expectErrno('EINVAL', SET, () => add(region(1, GICR + 0x2_0000, 2)));
    expectErrno('EINVAL', SET, () => vm.setDeviceAttr(gic, address('V3_REDIST'), GICR + 0x100_0000));
    add(region(1, GICR + 0x100_0000, 2));
    expect(vm.getDeviceAttr(gic, address('V3_REDIST_REGION'), 1)).toBe(region(1, GICR + 0x100_0000, 2));

    const other = vmWithGic();
    other.vm.setDeviceAttr(other.gic, address('V3_DIST'), GICD);
    expectErrno('EINVAL', SET, () => other.vm.setDeviceAttr(other.gic, address('V3_REDIST'), GICD));
    other.vm.setDeviceAttr(other.gic, address('V3_REDIST'), GICR);
    const mixed = region(0, GICR + 0x100_0000, 1);
    expectErrno('EINVAL', SET, () => other.vm.setDeviceAttr(other.gic, address('V3_REDIST_REGION'), mixed));
  });

  test('an ITS: ENODEV for other types, and the same checks', () => {
    const { vm, its } = (() => {
      const made = vmWithGic();
      return { ...made, its: made.vm.createDevice({ type: VGIC_ITS, flags: 0 }) };
    })();
    expectErrno('ENODEV', SET, () => vm.setDeviceAttr(its, address('V3_DIST'), ITS));
    expectErrno('ENODEV', GET, () => vm.getDeviceAttr(its, address('V3_DIST')));
    expectErrno('EFAULT', SET, () => vm.setDeviceAttr(its, address('ITS')));
    expectErrno('EINVAL', SET, () => vm.setDeviceAttr(its, address('ITS'), ITS + 4));
    expectErrno('E2BIG', SET, () => vm.setDeviceAttr(its, address('ITS'), 2 ** 40 - 0x1_0000));
    expectErrno('ENXIO', GET, () => vm.getDeviceAttr(its, { group: GROUPS.ITS_REGS, attr: 0n }));
    vm.setDeviceAttr(its, address('ITS'), ITS);
    expectErrno('EEXIST', SET, () => vm.setDeviceAttr(its, address('ITS'), ITS));
    expect(vm.getDeviceAttr(its, address('ITS'))).toBe(BigInt(ITS));
    expect(vm.getDeviceAttr(its, { group: GROUPS.ITS_REGS, attr: 8n }) & 1n).toBe(1n);
    expectErrno('EINVAL', GET, () => vm.getDeviceAttr(its, { group: GROUPS.ITS_REGS, attr: 0x84n }));
    expectErrno('ENXIO', GET, () => vm.getDeviceAttr(its, { group: GROUPS.ITS_REGS, attr: 0x48n }));
    expectErrno('ENXIO', SET, () => vm.setDeviceAttr(its, { group: GROUPS.NR_IRQS, attr: 0n }, 64));
    vm.hasDeviceAttr(its, address('ITS'));
    vm.hasDeviceAttr(its, { group: GROUPS.ITS_REGS, attr: 0x80n });
    expectErrno('ENXIO', 'KVM_HAS_DEVICE_ATTR', () =>
      vm.hasDeviceAttr(its, { group: GROUPS.CTRL, attr: 9n }),
    );
  });
});

describe('NR_IRQS and CTRL_INIT', () => {
  test.each([0, 32, 63, 65, 100, 1023, 1024, 4096])('EINVAL for %i INTIDs', (irqs) => {
    const { vm, gic } = vmWithGic();
    expectErrno('EINVAL', SET, () => vm.setDeviceAttr(gic, NR_IRQS, irqs));
    vm.setDeviceAttr(gic, NR_IRQS, 64);
  });

  test.each([64, 256, 992])('%i INTIDs are that many less 32 SPIs, set once', (irqs) => {
    const { vm, gic } = vmWithGic();
    vm.setDeviceAttr(gic, NR_IRQS, irqs);
    expect(vm.getDeviceAttr(gic, NR_IRQS)).toBe(BigInt(irqs));
    expectErrno('EBUSY', SET, () => vm.setDeviceAttr(gic, NR_IRQS, irqs));
    vm.setDeviceAttr(gic, address('V3_DIST'), GICD);
    vm.setDeviceAttr(gic, control('INIT'));
    expect(vm.vm.routing.entries()).toHaveLength(irqs - 32);
    // GICD_TYPER.ITLinesNumber as KVM computes it, and no SPI past the last one.
    expect(Number(vm.bus.read(GICD + gicd.TYPER, 4) & 0x1fn)).toBe(irqs / 32 - 1);
  });

  test('EFAULT without a value; EBUSY once initialised; 224 SPIs unless userland says otherwise', () => {
    const { vm, gic } = vmWithGic();
    expectErrno('EFAULT', SET, () => vm.setDeviceAttr(gic, NR_IRQS));
    vm.setDeviceAttr(gic, control('INIT'));
    expectErrno('EBUSY', SET, () => vm.setDeviceAttr(gic, NR_IRQS, 64));
    expect(vm.getDeviceAttr(gic, NR_IRQS)).toBe(256n);
  });

  test('CTRL: a second INIT is 0, EBUSY while a vCPU is being created, ENXIO for what is no control', () => {
    const { vm, gic } = vmWithGic({ vcpusLater: true, vcpus: 2 });
    vm.beginVcpu();
    expectErrno('EBUSY', SET, () => vm.setDeviceAttr(gic, control('INIT')));
    vm.vm.vgic.endVcpu();
    expectErrno('ENXIO', SET, () => vm.setDeviceAttr(gic, control('SAVE_PENDING_TABLES')));
    vm.setDeviceAttr(gic, control('INIT'));
    vm.setDeviceAttr(gic, control('INIT'));
    vm.setDeviceAttr(gic, control('SAVE_PENDING_TABLES'));
    expectErrno('ENXIO', SET, () => vm.setDeviceAttr(gic, control('ITS_RESET')));
    expectErrno('ENXIO', SET, () => vm.setDeviceAttr(gic, { group: GROUPS.CTRL, attr: 99n }));
    vm.hasDeviceAttr(gic, control('INIT'));
    expectErrno('ENXIO', 'KVM_HAS_DEVICE_ATTR', () => vm.hasDeviceAttr(gic, control('ITS_SAVE_TABLES')));
  });

  test('the controls of an ITS', () => {
    const { vm, its } = readyVm();
    for (const name of ['INIT', 'ITS_SAVE_TABLES', 'ITS_RESTORE_TABLES', 'ITS_RESET'] as const) {
      vm.setDeviceAttr(its, control(name));
      vm.hasDeviceAttr(its, control(name));
    }
    expectErrno('ENXIO', SET, () => vm.setDeviceAttr(its, control('SAVE_PENDING_TABLES')));
    vm.enterGuest(0);
    expectErrno('EBUSY', SET, () => vm.setDeviceAttr(its, control('ITS_SAVE_TABLES')));
    expectErrno('EBUSY', GET, () => vm.getDeviceAttr(its, { group: GROUPS.ITS_REGS, attr: 0n }));
    vm.leaveGuest();
    vm.setDeviceAttr(its, control('ITS_SAVE_TABLES'));
  });
});

describe('registers', () => {
  const level = { group: GROUPS.LEVEL_INFO, attr: 32n };

  test('EBUSY before the vgic is initialised and while a vCPU runs; where no register is, a read gives 0 and HAS is ENXIO', () => {
    const { vm, gic } = vmWithGic();
    vm.setDeviceAttr(gic, address('V3_DIST'), GICD);
    vm.setDeviceAttr(gic, address('V3_REDIST'), GICR);
    for (const name of [ispendr1, level]) expectErrno('EBUSY', GET, () => vm.getDeviceAttr(gic, name));
    vm.setDeviceAttr(gic, control('INIT'));
    expect(vm.getDeviceAttr(gic, ispendr1)).toBe(0n);
    vm.enterGuest(0);
    expectErrno('EBUSY', SET, () => vm.setDeviceAttr(gic, ispendr1, 1));
    vm.leaveGuest();
    // Measured: where no register is, KVM reads 0 and ignores a write.
    vm.setDeviceAttr(gic, { group: GROUPS.DIST_REGS, attr: 0x206n }, 1);
    for (const attr of [0x206n, 0xe_0000n])
      expect(vm.getDeviceAttr(gic, { group: GROUPS.DIST_REGS, attr })).toBe(0n);
    expectErrno('ENXIO', 'KVM_HAS_DEVICE_ATTR', () =>
      vm.hasDeviceAttr(gic, { group: GROUPS.DIST_REGS, attr: 2n }),
    );
    expectErrno('EINVAL', GET, () => vm.getDeviceAttr(gic, { group: GROUPS.LEVEL_INFO, attr: 33n }));
    vm.hasDeviceAttr(gic, { group: GROUPS.LEVEL_INFO, attr: 33n });
    expectErrno('EFAULT', SET, () => vm.setDeviceAttr(gic, ispendr1));
  });

  test('EINVAL for an affinity that no vCPU has', () => {
    const { vm, gic } = readyVm({ vcpus: 2 });
    const typer = (vcpu: number) => ({ group: GROUPS.REDIST_REGS, attr: (BigInt(vcpu) << 32n) | 8n });
    expect((vm.getDeviceAttr(gic, typer(1)) >> 8n) & 0xffffn).toBe(1n);
    expectErrno('EINVAL', GET, () => vm.getDeviceAttr(gic, typer(2)));
    expectErrno('EINVAL', GET, () =>
      vm.getDeviceAttr(gic, { group: GROUPS.LEVEL_INFO, attr: (2n << 32n) | 32n }),
    );
  });

  test('pending registers of userspace are the latches; ICPENDR is ignored', () => {
    const { vm, gic } = readyVm();
    vm.setDeviceAttr(gic, ispendr1, 0b101);
    expect(vm.getDeviceAttr(gic, ispendr1)).toBe(0b101n);
    vm.setDeviceAttr(gic, { group: GROUPS.DIST_REGS, attr: 0x284n }, 0b101);
    expect(vm.getDeviceAttr(gic, { group: GROUPS.DIST_REGS, attr: 0x284n })).toBe(0n);
    expect(vm.getDeviceAttr(gic, ispendr1)).toBe(0b101n);
    vm.setDeviceAttr(gic, ispendr1, 0);
    expect(vm.getDeviceAttr(gic, ispendr1)).toBe(0n);
  });

  test('LEVEL_INFO is the wires of level-triggered INTIDs; CPU_SYSREGS by their encoding', () => {
    const { vm, gic } = readyVm();
    vm.setDeviceAttr(gic, level, 0x8000_0001);
    // SPIs start edge-triggered in KVM: the wire counts once the trigger is restored.
    expect(vm.getDeviceAttr(gic, level)).toBe(0n);
    for (const attr of [0xc08n, 0xc0cn]) vm.setDeviceAttr(gic, { group: GROUPS.DIST_REGS, attr }, 0);
    expect(vm.getDeviceAttr(gic, level)).toBe(0x8000_0001n);
    expect(vm.getDeviceAttr(gic, ispendr1)).toBe(0n);
    const pmr = { group: GROUPS.CPU_SYSREGS, attr: BigInt((3 << 14) | (4 << 7) | (6 << 3)) };
    vm.setDeviceAttr(gic, pmr, 0xf0);
    expect(vm.getDeviceAttr(gic, pmr)).toBe(0xf0n);
    expectErrno('ENOENT', GET, () => vm.getDeviceAttr(gic, { group: GROUPS.CPU_SYSREGS, attr: 0xffffn }));
  });
});

test('asking for ICC_IAR1_EL1 acknowledges nothing: it is no state, and so not there', () => {
  const { vm, gic } = readyVm();
  enableSpi(vm, 40);
  const encoding = findSystemRegister('ICC_IAR1_EL1')?.encoding ?? 0;
  const iar1 = { group: GROUPS.CPU_SYSREGS, attr: BigInt(encoding) };
  vm.setDeviceAttr(gic, ispendr1, 0x100);
  expectErrno('ENXIO', 'KVM_HAS_DEVICE_ATTR', () => vm.hasDeviceAttr(gic, iar1));
  expectErrno('ENOENT', GET, () => vm.getDeviceAttr(gic, iar1));
  expect(takeAll(vm)).toEqual([40]);
});

test('ISPENDR of userspace clears what is held back, too', () => {
  const { vm, gic } = readyVm();
  const { interrupts } = vm.gic;
  interrupts.change(interrupts.find(0, 40), 40, 0, UNQUEUED);
  expect(vm.getDeviceAttr(gic, ispendr1)).toBe(0x100n);
  vm.setDeviceAttr(gic, ispendr1, 0);
  expect(vm.getDeviceAttr(gic, ispendr1)).toBe(0n);
});

describe('the first KVM_RUN', () => {
  test('EBUSY, ENXIO, EINVAL until the controller is complete', () => {
    const { vm, gic } = vmWithGic({ vcpus: 2 });
    expectErrno('EBUSY', 'KVM_RUN', () => vm.enterGuest(0));
    vm.setDeviceAttr(gic, control('INIT'));
    expectErrno('ENXIO', 'KVM_RUN', () => vm.enterGuest(0));
    vm.setDeviceAttr(gic, address('V3_DIST'), GICD);
    expectErrno('ENXIO', 'KVM_RUN', () => vm.enterGuest(0));
    vm.setDeviceAttr(gic, address('V3_REDIST_REGION'), packRegion(0, { base: GICR, count: 1 }));
    expectErrno('ENXIO', 'KVM_RUN', () => vm.enterGuest(0));
    vm.setDeviceAttr(gic, address('V3_REDIST_REGION'), packRegion(1, { base: GICR + 0x100_0000, count: 1 }));
    expect(vm.enterGuest(0).acknowledge()).toBe(1023);

    const overlapping = vmWithGic();
    overlapping.vm.setDeviceAttr(overlapping.gic, address('V3_REDIST'), GICR);
    overlapping.vm.setDeviceAttr(overlapping.gic, address('V3_DIST'), GICR);
    overlapping.vm.setDeviceAttr(overlapping.gic, control('INIT'));
    expectErrno('EINVAL', 'KVM_RUN', () => overlapping.vm.enterGuest(0));
  });
});

test('the numbers are those of asm/kvm.h', () => {
  expect(ADDRESSES).toMatchObject({ V3_DIST: 2, V3_REDIST: 3, ITS: 4, V3_REDIST_REGION: 5 });
  expect(CONTROLS).toEqual({
    INIT: 0,
    ITS_SAVE_TABLES: 1,
    ITS_RESTORE_TABLES: 2,
    SAVE_PENDING_TABLES: 3,
    ITS_RESET: 4,
  });
});

describe('calls with values that are out of range', () => {
  test('KVM_RUN of a vCPU that does not exist counts nothing, nor does an exit without an entry', () => {
    const { vm, gic } = readyVm();
    expect(() => vm.enterGuest(7)).toThrow(expect.objectContaining({ errno: 'EBADF' }));
    expect(() => vm.leaveGuest()).toThrow(expect.objectContaining({ errno: 'EINVAL' }));
    // A miscounted vCPU would count as running: EBUSY.
    expect(vm.getDeviceAttr(gic, ispendr1)).toBe(0n);
  });

  test('eventfd(2) and write(2) are EINVAL, open no descriptor and inject nothing', () => {
    const { vm } = readyVm();
    const first = vm.eventfd();
    for (const count of [-1, 1.5, 2 ** 32, Number.NaN])
      expect(() => vm.eventfd(count)).toThrow(expect.objectContaining({ errno: 'EINVAL' }));
    expect(vm.eventfd()).toBe(first + 1);
    enableSpi(vm, 40);
    vm.irqfd({ fd: first, gsi: 8, flags: 0, resamplefd: 0 });
    for (const value of [-1, 0.5, 2n ** 64n - 1n])
      expect(() => vm.write(first, value)).toThrow(expect.objectContaining({ errno: 'EINVAL' }));
    expect(takeAll(vm)).toEqual([]);
    vm.write(first);
    expect(takeAll(vm)).toEqual([40]);
  });

  test('KVM_CREATE_VM names the option that no VM can have', () => {
    for (const [options, name] of [
      [{ vcpus: 0 }, 'vcpus'],
      [{ idBits: 17 }, 'idBits'],
      [{ memory: [{ base: 1, bytes: 4096 }] }, 'pages'],
    ] as const)
      expect(() => createVm(options)).toThrow(new RegExp(`KVM_CREATE_VM: EINVAL: .*${name}`));
  });
});
