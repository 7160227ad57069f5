import { describe, expect, test } from 'vitest';
import { createVms } from '../../src/board/create-vm.ts';
import { VGIC_ITS, VGIC_V3 } from '../../src/kvm/vgic/vgic-state.ts';
import {
  address,
  bootGuest,
  control,
  DOORBELL,
  emptyVm,
  enableSpi,
  expectErrno,
  GICD,
  GICR,
  ITS,
  mapMsi,
  readyVm,
  SMALL,
  takeAll,
  vmWithGic,
} from './vm-rig.ts';

const CALL = 'KVM_IRQFD';
const DEASSIGN = 1;
const RESAMPLE = 2;
const irqfd = (fd: number, gsi: number, flags = 0, resamplefd = 0) => ({ fd, gsi, flags, resamplefd });
const msiRoute = (gsi: number, data = 3) => ({ gsi, type: 2, flags: 1, address: DOORBELL, data, devid: 5 });
const pinRoute = (gsi: number, pin: number) => ({ gsi, type: 1, flags: 0, irqchip: 0, pin });

describe('assign, in the order of its checks', () => {
  test('EINVAL for an unknown flag, before all else', () => {
    expectErrno('EINVAL', CALL, () => emptyVm().irqfd(irqfd(999, 0, 4)));
    expectErrno('EINVAL', CALL, () => emptyVm().irqfd(irqfd(999, 0, 4 | DEASSIGN)));
  });

  test('EAGAIN before the vgic is initialised, before the descriptor is looked at', () => {
    const { vm, gic } = vmWithGic();
    expectErrno('EAGAIN', CALL, () => vm.irqfd(irqfd(999, 0)));
    const fd = vm.eventfd();
    expectErrno('EAGAIN', CALL, () => vm.irqfd(irqfd(fd, 0)));
    vm.setDeviceAttr(gic, control('INIT'));
    vm.irqfd(irqfd(fd, 0));
  });

  test('EBADF for what is not open, EINVAL for what is no eventfd', () => {
    const { vm, gic } = readyVm();
    expectErrno('EBADF', CALL, () => vm.irqfd(irqfd(3, 0)));
    expectErrno('EBADF', CALL, () => vm.irqfd(irqfd(-1, 0)));
    expectErrno('EBADF', CALL, () => vm.irqfd(irqfd(1e6, 0)));
    expectErrno('EINVAL', CALL, () => vm.irqfd(irqfd(gic, 0)));
    vm.irqfd(irqfd(vm.eventfd(), 0));
  });

  test('EBADF for a write to what no eventfd can be, and nothing is touched', () => {
    const { vm } = readyVm();
    const { irqfds } = vm.vm;
    for (const fd of [-1, irqfds.count, 1e6, 0.5, Number.NaN])
      for (const act of [() => irqfds.write(fd), () => irqfds.raise(fd)])
        expectErrno('EBADF', 'eventfd', act);
    expect(irqfds.anyPending).toBe(false);
  });

  test('the resamplefd likewise, and only with RESAMPLE', () => {
    const { vm, gic } = readyVm();
    const fd = vm.eventfd();
    expectErrno('EBADF', CALL, () => vm.irqfd(irqfd(fd, 0, RESAMPLE, 9)));
    expectErrno('EINVAL', CALL, () => vm.irqfd(irqfd(fd, 0, RESAMPLE, gic)));
    vm.irqfd(irqfd(fd, 0, 0, 9));
    vm.irqfd(irqfd(vm.eventfd(), 0, RESAMPLE, vm.eventfd()));
  });

  test('EBUSY for an eventfd that is an irqfd already, whatever the GSI', () => {
    const { vm } = readyVm();
    const [fd, other] = [vm.eventfd(), vm.eventfd()];
    vm.irqfd(irqfd(fd, 3));
    expectErrno('EBUSY', CALL, () => vm.irqfd(irqfd(fd, 3)));
    expectErrno('EBUSY', CALL, () => vm.irqfd(irqfd(fd, 4)));
    vm.irqfd(irqfd(other, 3));
    vm.irqfd(irqfd(fd, 3, DEASSIGN));
    vm.irqfd(irqfd(fd, 4));
  });

  test('the GSI is not looked at: any number is taken, and an event without a route is lost', () => {
    const { vm } = readyVm();
    for (const gsi of [500, 4095, 4096, 0x7fff_ffff, 0xffff_ffff]) {
      const fd = vm.eventfd();
      vm.irqfd(irqfd(fd, gsi));
      vm.write(fd);
      vm.vm.irqfds.dispatchPending();
      expect(vm.read(fd)).toBe(0n);
      vm.irqfd(irqfd(fd, gsi, DEASSIGN));
      vm.write(fd);
      expect(vm.read(fd)).toBe(1n);
    }
    expect(takeAll(vm)).toEqual([]);
  });

  test('the route may come before or after', () => {
    const ready = readyVm();
    const { vm } = ready;
    mapMsi(ready, 5, 3, 8200);
    const [early, late] = [vm.eventfd(), vm.eventfd()];
    vm.irqfd(irqfd(early, 300));
    vm.setGsiRouting({ flags: 0, entries: [msiRoute(300), msiRoute(301)] });
    vm.irqfd(irqfd(late, 301));
    for (const fd of [early, late]) {
      vm.write(fd);
      vm.vm.irqfds.dispatchPending();
      expect(takeAll(vm)).toEqual([8200]);
    }
  });

  test('a count that is not zero is injected at once, by the worker', () => {
    const { vm } = readyVm();
    enableSpi(vm, 32);
    const fd = vm.eventfd(5);
    vm.irqfd(irqfd(fd, 0));
    expect(vm.read(fd)).toBe(0n);
    expect(takeAll(vm)).toEqual([]);
    expect(vm.vm.irqfds.dispatchPending()).toBe(1);
    expect(takeAll(vm)).toEqual([32]);
  });

  test('a count that is not zero, before any route: the worker finds none, and the event is lost', () => {
    const { vm } = readyVm();
    enableSpi(vm, 32);
    vm.setGsiRouting({ flags: 0, entries: [] });
    const fd = vm.eventfd(1);
    vm.irqfd(irqfd(fd, 0));
    vm.vm.irqfds.dispatchPending();
    vm.setGsiRouting({ flags: 0, entries: [pinRoute(0, 0)] });
    expect(takeAll(vm)).toEqual([]);
    vm.write(fd);
    expect(takeAll(vm)).toEqual([32]);
  });
});

describe('deassign', () => {
  test('needs the eventfd and the GSI; 0 where nothing matches', () => {
    const { vm } = readyVm();
    enableSpi(vm, 35);
    const fd = vm.eventfd();
    vm.irqfd(irqfd(fd, 3, DEASSIGN));
    vm.irqfd(irqfd(fd, 3));
    vm.irqfd(irqfd(fd, 4, DEASSIGN));
    vm.write(fd);
    expect(takeAll(vm)).toEqual([35]);
    vm.irqfd(irqfd(fd, 3, DEASSIGN | RESAMPLE, 77));
    vm.write(fd);
    expect(takeAll(vm)).toEqual([]);
  });

  test('EBADF and EINVAL, but no vgic is asked for', () => {
    const { vm, gic } = vmWithGic();
    expectErrno('EBADF', CALL, () => vm.irqfd(irqfd(3, 0, DEASSIGN)));
    expectErrno('EINVAL', CALL, () => vm.irqfd(irqfd(gic, 0, DEASSIGN)));
    vm.irqfd(irqfd(vm.eventfd(), 0, DEASSIGN));
  });

  test('what is pending is injected before it returns, and nothing after', () => {
    const ready = readyVm();
    const { vm } = ready;
    mapMsi(ready, 5, 3, 8200);
    vm.setGsiRouting({ flags: 0, entries: [msiRoute(300)] });
    const fd = vm.eventfd();
    vm.irqfd(irqfd(fd, 300));
    vm.write(fd); // the translation is not cached: left to the worker
    expect(takeAll(vm)).toEqual([]);
    vm.irqfd(irqfd(fd, 300, DEASSIGN));
    expect(takeAll(vm)).toEqual([8200]);
    expect(vm.vm.irqfds.dispatchPending()).toBe(0);
    vm.write(fd);
    vm.vm.irqfds.dispatchPending();
    expect(takeAll(vm)).toEqual([]);
  });

  test('what is written afterwards stays in the eventfd, and is injected when it is assigned again: a masked vector', () => {
    const { vm } = readyVm();
    enableSpi(vm, 32);
    const fd = vm.eventfd();
    vm.irqfd(irqfd(fd, 0));
    vm.irqfd(irqfd(fd, 0, DEASSIGN));
    vm.write(fd);
    vm.write(fd);
    expect(vm.vm.irqfds.eventfd(fd).readable).toBe(true);
    vm.irqfd(irqfd(fd, 0));
    vm.vm.irqfds.dispatchPending();
    expect(takeAll(vm)).toEqual([32]);
    expect(vm.read(fd)).toBe(0n);
  });
});

describe('closing the eventfd', () => {
  test('takes the irqfd with it; the number is another eventfd afterwards', () => {
    const { vm } = readyVm();
    enableSpi(vm, 32);
    const fd = vm.eventfd();
    vm.irqfd(irqfd(fd, 0));
    vm.close(fd);
    expectErrno('EBADF', 'eventfd', () => vm.write(fd));
    expectErrno('EBADF', 'close', () => vm.close(fd));
    expectErrno('EBADF', CALL, () => vm.irqfd(irqfd(fd, 0, DEASSIGN)));
    expect(vm.eventfd()).toBe(fd);
    vm.write(fd);
    expect(takeAll(vm)).toEqual([]);
    expect(vm.read(fd)).toBe(1n);
    vm.irqfd(irqfd(fd, 0));
    vm.write(fd);
    expect(takeAll(vm)).toEqual([32]);
  });

  test('runs what is pending first', () => {
    const ready = readyVm();
    const { vm } = ready;
    mapMsi(ready, 5, 3, 8200);
    vm.setGsiRouting({ flags: 0, entries: [msiRoute(300)] });
    const fd = vm.eventfd();
    vm.irqfd(irqfd(fd, 300));
    vm.write(fd);
    vm.close(fd);
    expect(takeAll(vm)).toEqual([8200]);
  });

  test('the end of the VM takes all irqfds, and leaves the eventfds', () => {
    const { vm } = readyVm();
    enableSpi(vm, 32);
    const fds = [vm.eventfd(), vm.eventfd()];
    for (const fd of fds) vm.irqfd(irqfd(fd, 0));
    vm.destroy();
    for (const fd of fds) vm.write(fd);
    expect(takeAll(vm)).toEqual([]);
    expect(fds.map((fd) => vm.read(fd))).toEqual([1n, 1n]);
  });

  test('EMFILE when every number is in use', () => {
    const vm = emptyVm();
    for (let n = 0; n < vm.options.eventfds; n++) vm.eventfd();
    expectErrno('EMFILE', 'eventfd', () => vm.eventfd());
    vm.close(4);
    expect(vm.eventfd()).toBe(4);
  });
});

describe('signalling', () => {
  test('N writes before the worker has run are one interrupt', () => {
    const ready = readyVm();
    const { vm } = ready;
    mapMsi(ready, 5, 3, 8200);
    vm.setGsiRouting({ flags: 0, entries: [msiRoute(300)] });
    const fd = vm.eventfd();
    vm.irqfd(irqfd(fd, 300));
    for (let n = 0; n < 5; n++) vm.write(fd);
    vm.vm.irqfds.dispatchPending();
    expect(takeAll(vm)).toEqual([8200]);
    vm.write(fd); // cached by now: no worker
    expect(vm.vm.irqfds.anyPending).toBe(false);
    expect(takeAll(vm)).toEqual([8200]);
  });

  test('an MSI route without an ITS: the worker gets ENODEV, and the event is lost', () => {
    const { vm, gic } = vmWithGic();
    vm.setDeviceAttr(gic, control('INIT'));
    vm.setGsiRouting({ flags: 0, entries: [msiRoute(300)] });
    const fd = vm.eventfd();
    vm.irqfd(irqfd(fd, 300));
    vm.write(fd);
    expect(vm.vm.irqfds.dispatchPending()).toBe(1);
    expect(vm.read(fd)).toBe(0n);
    expect(takeAll(vm)).toEqual([]);
  });

  test('an irqchip route to an SPI that the VM has not: the error is lost', () => {
    const { vm } = readyVm();
    vm.setGsiRouting({ flags: 0, entries: [pinRoute(1, 900)] });
    const fd = vm.eventfd();
    vm.irqfd(irqfd(fd, 1));
    vm.write(fd);
    expect(vm.vm.irqfds.anyPending).toBe(false);
    expect(takeAll(vm)).toEqual([]);
  });

  test('kvm_set_irq: -1 for no route or a refusal, else what the entry answers', () => {
    const ready = readyVm();
    const { injector } = ready.vm.vm;
    mapMsi(ready, 5, 3, 8200);
    ready.vm.setGsiRouting({
      flags: 0,
      entries: [msiRoute(300), msiRoute(301, 9), pinRoute(1, 1), pinRoute(2, 900)],
    });
    expect(injector.setIrq(7, true)).toBe(-1);
    expect(injector.setIrq(300, true)).toBe(1);
    expect(injector.setIrq(300, false)).toBe(-1);
    expect(injector.setIrq(301, true)).toBe(0);
    expect(injector.setIrq(1, true)).toBe(0);
    expect(injector.setIrq(2, true)).toBe(-1);
  });

  test.each(['inline', 'main'] as const)(
    'edge SPI, dispatch %s: one pending, by the fast path and by the worker',
    (dispatch) => {
      const { vm } = readyVm({ dispatch });
      enableSpi(vm, 32);
      const fd = vm.eventfd();
      vm.irqfd(irqfd(fd, 0));
      vm.write(fd);
      vm.vm.irqfds.dispatchPending();
      expect(takeAll(vm)).toEqual([32]);
      const second = vm.eventfd(1); // a count at assignment goes by the worker
      vm.irqfd(irqfd(second, 0));
      vm.vm.irqfds.dispatchPending();
      expect(takeAll(vm)).toEqual([32]);
      expect(takeAll(vm)).toEqual([]);
    },
  );

  test('level SPI: the fast path leaves the line high, the worker loses the pulse', () => {
    const { vm } = readyVm();
    enableSpi(vm, 40, 'level');
    const fd = vm.eventfd();
    vm.irqfd(irqfd(fd, 8));
    vm.write(fd);
    expect(takeAll(vm, 0, 4)).toEqual([40, 40, 40, 40]);
    vm.irqLine(0x0100_0028, 0);
    expect(takeAll(vm)).toEqual([]);
    const pulse = vm.eventfd(1);
    vm.irqfd(irqfd(pulse, 8));
    vm.vm.irqfds.dispatchPending();
    expect(takeAll(vm)).toEqual([]);
  });

  test('different eventfds may share a GSI, and a falling one lowers the line of the others', () => {
    const { vm } = readyVm();
    enableSpi(vm, 40, 'level');
    const [held, pulse] = [vm.eventfd(), vm.eventfd(1)];
    vm.irqfd(irqfd(held, 8));
    vm.write(held);
    vm.irqfd(irqfd(pulse, 8));
    vm.vm.irqfds.dispatchPending();
    expect(takeAll(vm)).toEqual([]);
  });
});

describe('two VMs and one eventfd', () => {
  const twoVms = (exclusiveEventFds: boolean) =>
    createVms(2, { ...SMALL, exclusiveEventFds }).map((vm) => {
      const gic = vm.createDevice({ type: VGIC_V3, flags: 0 });
      vm.setDeviceAttr(gic, address('V3_DIST'), GICD);
      vm.setDeviceAttr(gic, address('V3_REDIST'), GICR);
      vm.setDeviceAttr(vm.createDevice({ type: VGIC_ITS, flags: 0 }), address('ITS'), ITS);
      vm.setDeviceAttr(gic, control('INIT'));
      bootGuest(vm);
      enableSpi(vm, 32);
      return vm;
    });

  test('EBUSY since Linux 6.17', () => {
    const [a, b] = twoVms(true);
    if (!a || !b) throw new Error('two VMs were asked for');
    const fd = a.eventfd();
    a.irqfd(irqfd(fd, 0));
    expectErrno('EBUSY', CALL, () => b.irqfd(irqfd(fd, 0)));
    a.irqfd(irqfd(fd, 0, DEASSIGN));
    b.irqfd(irqfd(fd, 0));
    a.write(fd);
    expect([takeAll(a), takeAll(b)]).toEqual([[], [32]]);
  });

  test('before, both had their interrupt; closing it ends both', () => {
    const [a, b] = twoVms(false);
    if (!a || !b) throw new Error('two VMs were asked for');
    const fd = a.eventfd();
    a.irqfd(irqfd(fd, 0));
    b.irqfd(irqfd(fd, 0));
    expectErrno('EBUSY', CALL, () => b.irqfd(irqfd(fd, 1)));
    b.write(fd);
    expect([takeAll(a), takeAll(b)]).toEqual([[32], [32]]);
    b.close(fd);
    expect(a.eventfd()).toBe(fd);
    a.write(fd);
    expect([takeAll(a), takeAll(b), a.read(fd)]).toEqual([[], [], 1n]);
  });
});

describe('signals that were left to the main thread', () => {
  /** A VM whose main thread routes, with a signal made by its eventfd. */
  const signalled = (inline: boolean) => {
    const { vm } = readyVm({ dispatch: 'main' });
    enableSpi(vm, 40);
    const fd = vm.eventfd();
    vm.irqfd(irqfd(fd, 8));
    vm.vm.irqfds.inline = inline;
    vm.vm.irqfds.write(fd);
    return { vm, irqfds: vm.vm.irqfds };
  };

  test('are seen until the main thread has served them', () => {
    const { vm, irqfds } = signalled(false);
    expect(irqfds.isIdle).toBe(false);
    expect(takeAll(vm)).toEqual([]);
    irqfds.dispatchPending();
    expect(irqfds.isIdle).toBe(true);
    expect(takeAll(vm)).toEqual([40]);
  });

  test('are none where the signalling thread routes by itself, whatever the dispatch of the machine', () => {
    const { vm, irqfds } = signalled(true);
    expect(irqfds.isIdle).toBe(true);
    expect(takeAll(vm)).toEqual([40]);
  });
});
