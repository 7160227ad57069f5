import { describe, expect, test } from 'vitest';
import { isPending } from '../../src/gic/state.ts';
import { packIrqLine, unpackIrqLine } from '../../src/kvm/vgic/irq-line.ts';
import { VGIC_V2 } from '../../src/kvm/vgic/vgic-state.ts';
import type { KvmVm } from '../../src/kvm-abi/kvm-vm.ts';
import { control, emptyVm, enableSpi, expectErrno, readyVm, takeAll, vmWithGic } from './vm-rig.ts';

const [CPU, SPI, PPI] = [0, 1, 2];
const CALL = 'KVM_IRQ_LINE';
const line = (type: number, intid: number, vcpu = 0) => packIrqLine({ type, vcpu, intid });
const pending = ({ gic }: KvmVm, intid: number, vcpu = 0) =>
  isPending(gic.interrupts.state(gic.interrupts.find(vcpu, intid)));

test('the fields: vcpu2_index 31:28, type 27:24, vcpu_index 23:16, irq_id 15:0', () => {
  expect(packIrqLine({ type: 2, vcpu: 0x312, intid: 27 })).toBe(0x3212_001b);
  expect(unpackIrqLine(0x3212_001b)).toEqual({ type: 2, vcpu: 0x312, intid: 27 });
  expect(packIrqLine({ type: 1, vcpu: 0, intid: 42 })).toBe(0x0100_002a);
});

describe('without an interrupt controller', () => {
  test('type CPU moves the wires of a vCPU: EINVAL for no such vCPU, and no such wire', () => {
    const vm = emptyVm();
    expectErrno('EINVAL', CALL, () => vm.irqLine(line(CPU, 0, 1), 1));
    expectErrno('EINVAL', CALL, () => vm.irqLine(line(CPU, 2), 1));
    vm.irqLine(line(CPU, 0), 1);
    vm.irqLine(line(CPU, 1), 1);
  });

  test('types SPI and PPI are ENXIO', () => {
    expectErrno('ENXIO', CALL, () => emptyVm().irqLine(line(SPI, 32), 1));
    expectErrno('ENXIO', CALL, () => emptyVm().irqLine(line(PPI, 16), 1));
  });
});

describe('with one', () => {
  test('type CPU is ENXIO', () => {
    const { vm } = readyVm();
    expectErrno('ENXIO', CALL, () => vm.irqLine(line(CPU, 0), 1));
    expectErrno('ENXIO', CALL, () => vm.irqLine(line(CPU, 99, 99), 1));
  });

  test('PPI: EINVAL for no such vCPU, and for what is no PPI', () => {
    const { vm } = readyVm({ vcpus: 2 });
    expectErrno('EINVAL', CALL, () => vm.irqLine(line(PPI, 16, 2), 1));
    expectErrno('EINVAL', CALL, () => vm.irqLine(line(PPI, 15), 1));
    expectErrno('EINVAL', CALL, () => vm.irqLine(line(PPI, 32), 1));
    vm.irqLine(line(PPI, 16, 1), 1);
    expect([pending(vm, 16, 0), pending(vm, 16, 1)]).toEqual([false, true]);
    vm.irqLine(line(PPI, 16, 1), 0);
    expect(pending(vm, 16, 1)).toBe(false);
  });

  test('vcpu2_index reaches vCPU 256 and up', () => {
    const { vm } = readyVm({ vcpus: 258, memory: [{ base: 0x4000_0000, bytes: 0x240_0000 }] });
    vm.irqLine(line(PPI, 17, 257), 1);
    expect([pending(vm, 17, 1), pending(vm, 17, 257)]).toEqual([false, true]);
    expectErrno('EINVAL', CALL, () => vm.irqLine(line(PPI, 17, 258), 1));
  });

  test('SPI: EINVAL below 32, past the last SPI, and where no interrupt is; the vCPU fields are ignored', () => {
    const { vm } = readyVm();
    for (const intid of [0, 15, 31, 256, 1019, 1020, 1023, 8191, 8192]) {
      expectErrno('EINVAL', CALL, () => vm.irqLine(line(SPI, intid), 1));
    }
    vm.irqLine(line(SPI, 255, 0x7ff), 1);
    expect(pending(vm, 255)).toBe(true);
  });

  test('any other type is EINVAL', () => {
    const { vm } = readyVm();
    for (let type = 3; type < 16; type++) expectErrno('EINVAL', CALL, () => vm.irqLine(line(type, 32), 1));
    vm.irqLine(line(SPI, 32), 1);
  });

  test('EBUSY before CTRL_INIT, but the number is looked at first; a GICv2 initialises itself', () => {
    const { vm, gic } = vmWithGic();
    expectErrno('EBUSY', CALL, () => vm.irqLine(line(SPI, 32), 1));
    expectErrno('EBUSY', CALL, () => vm.irqLine(line(SPI, 5000), 1));
    expectErrno('EINVAL', CALL, () => vm.irqLine(line(SPI, 31), 1));
    expectErrno('EINVAL', CALL, () => vm.irqLine(line(PPI, 32), 1));
    vm.setDeviceAttr(gic, control('INIT'));
    vm.irqLine(line(SPI, 32), 1);
    expectErrno('EINVAL', CALL, () => vm.irqLine(line(SPI, 5000), 1));

    const old = emptyVm({ gicV2: true });
    old.createDevice({ type: VGIC_V2, flags: 0 });
    old.irqLine(line(SPI, 32), 1);
    expect(old.vm.routing.entries()).toHaveLength(224);
  });

  test('a wire of a timer is driven by the timer once its vCPU has run; the call answers 0, without effect', () => {
    const { vm } = readyVm({ ownedPpis: [23] });
    vm.irqLine(line(PPI, 27), 1);
    vm.irqLine(line(PPI, 23), 1);
    expect([pending(vm, 27), pending(vm, 23)]).toEqual([true, true]);
    vm.enterGuest(0);
    expect(pending(vm, 27)).toBe(false);
    for (const intid of [27, 30, 22]) vm.irqLine(line(PPI, intid), 1);
    vm.irqLine(line(PPI, 23), 0);
    expect([27, 30, 22, 23].map((intid) => pending(vm, intid))).toEqual([false, false, true, true]);
  });

  test('it never asks the table', () => {
    const { vm } = readyVm();
    vm.setGsiRouting({ flags: 0, entries: [{ gsi: 40, type: 1, flags: 0, irqchip: 0, pin: 0 }] });
    vm.irqLine(line(SPI, 40), 1);
    expect([pending(vm, 40), pending(vm, 32)]).toEqual([true, false]);
  });

  test('any level but 0 is 1, and KVM_IRQ_LINE_STATUS gives the word back', () => {
    const { vm } = readyVm();
    expect(vm.irqLineStatus(line(SPI, 33), 0xffff)).toBe(line(SPI, 33));
    expect(pending(vm, 33)).toBe(true);
  });

  test('the state rule: level follows the wire; edge latches each 1, coalesces, and ignores 0', () => {
    const { vm } = readyVm();
    enableSpi(vm, 40, 'level');
    vm.irqLine(line(SPI, 40), 1);
    vm.irqLine(line(SPI, 40), 1);
    expect(takeAll(vm, 0, 3)).toEqual([40, 40, 40]);
    vm.irqLine(line(SPI, 40), 0);
    expect(takeAll(vm)).toEqual([]);
    enableSpi(vm, 64);
    vm.irqLine(line(SPI, 64), 0);
    expect(takeAll(vm)).toEqual([]);
    vm.irqLine(line(SPI, 64), 1);
    vm.irqLine(line(SPI, 64), 1);
    vm.irqLine(line(SPI, 64), 0);
    expect(takeAll(vm)).toEqual([64]);
    vm.irqLine(line(SPI, 64), 1);
    expect(takeAll(vm)).toEqual([64]);
  });
});
