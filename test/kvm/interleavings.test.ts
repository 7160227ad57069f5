import { describe, expect, test } from 'vitest';
import { routeOfItsOwn, setRoutes } from './interleaving-rig.ts';
import { DOORBELL, enableSpi, mapMsi, readyVm, takeAll } from './vm-rig.ts';

const DEASSIGN = 1;
const msi = (gsi: number, data: number) => ({ gsi, type: 2, flags: 1, address: DOORBELL, data, devid: 5 });
const pin = (gsi: number, to: number) => ({ gsi, type: 1, flags: 0, irqchip: 0, pin: to });

/** Events 3 and 4 of device 5 are LPIs 8200 and 8201; GSI 300 leads to event 3, and an irqfd is on it. */
function rig(cached: boolean) {
  const ready = readyVm();
  const { vm, run } = ready;
  mapMsi(ready, 5, 3, 8200);
  run({ name: 'MAPTI', deviceId: 5, eventId: 4, lpi: 8201, collectionId: 0 });
  setRoutes(vm, [msi(300, 3)]);
  const fd = vm.eventfd();
  vm.irqfd({ fd, gsi: 300, flags: 0, resamplefd: 0 });
  if (cached) {
    for (const data of [3, 4]) vm.signalMsi({ address: DOORBELL, data, flags: 1, deviceId: 5 });
    takeAll(vm);
  }
  const work = () => vm.vm.irqfds.dispatchPending();
  return { vm, fd, work };
}

describe('signal, swap of the table, worker', () => {
  test('signal → swap → worker: the worker looks the GSI up again, and injects by the new route', () => {
    const { vm, fd, work } = rig(false);
    vm.write(fd);
    setRoutes(vm, [msi(300, 4)]);
    expect(work()).toBe(1);
    expect(takeAll(vm)).toEqual([8201]);
  });

  test('signal by the cached translation → swap: it was done before, by the old route', () => {
    const { vm, fd, work } = rig(true);
    vm.write(fd);
    setRoutes(vm, [msi(300, 4)]);
    expect(work()).toBe(0);
    expect(takeAll(vm)).toEqual([8200]);
  });

  test('swap → signal: the new route alone', () => {
    const { vm, fd, work } = rig(true);
    setRoutes(vm, [msi(300, 4)]);
    vm.write(fd);
    expect(work()).toBe(0);
    expect(takeAll(vm)).toEqual([8201]);
  });

  test('swap that removes the GSI → signal: the event is lost, and the count is gone', () => {
    const { vm, fd, work } = rig(true);
    setRoutes(vm, [pin(1, 1)]);
    vm.write(fd);
    expect(work()).toBe(1);
    setRoutes(vm, [msi(300, 3)]);
    expect(takeAll(vm)).toEqual([]);
    expect(vm.read(fd)).toBe(0n);
  });

  test('signal → swap that removes the GSI → swap that brings it back → worker: delivered', () => {
    const { vm, fd, work } = rig(false);
    vm.write(fd);
    setRoutes(vm, []);
    setRoutes(vm, [msi(300, 3)]);
    work();
    expect(takeAll(vm)).toEqual([8200]);
  });

  test('a masked vector loses nothing, where removing its route does', () => {
    const masked = rig(true);
    masked.vm.irqfd({ fd: masked.fd, gsi: 300, flags: DEASSIGN, resamplefd: 0 });
    masked.vm.write(masked.fd);
    masked.vm.irqfd({ fd: masked.fd, gsi: 300, flags: 0, resamplefd: 0 });
    masked.work();
    expect(takeAll(masked.vm)).toEqual([8200]);

    const unrouted = rig(true);
    setRoutes(unrouted.vm, []);
    unrouted.vm.write(unrouted.fd);
    unrouted.work();
    setRoutes(unrouted.vm, [msi(300, 3)]);
    unrouted.work();
    expect(takeAll(unrouted.vm)).toEqual([]);
  });
});

describe('deassign', () => {
  test('with work pending: run before it returns, by the table in force', () => {
    const { vm, fd, work } = rig(false);
    vm.write(fd);
    setRoutes(vm, [msi(300, 4)]);
    vm.irqfd({ fd, gsi: 300, flags: DEASSIGN, resamplefd: 0 });
    expect(takeAll(vm)).toEqual([8201]);
    expect(work()).toBe(0);
  });

  test('a slot that is used again does not inherit the work of its former owner', () => {
    const { vm, fd, work } = rig(false);
    vm.write(fd);
    vm.irqfd({ fd, gsi: 300, flags: DEASSIGN, resamplefd: 0 });
    takeAll(vm);
    enableSpi(vm, 33);
    setRoutes(vm, [pin(1, 1)]);
    vm.irqfd({ fd, gsi: 1, flags: 0, resamplefd: 0 });
    expect(work()).toBe(0);
    expect(takeAll(vm)).toEqual([]);
  });

  test.each(['inline', 'main'] as const)('assign of a rung eventfd, dispatch %s: once', (dispatch) => {
    const { vm } = readyVm({ dispatch });
    enableSpi(vm, 33);
    const fd = vm.eventfd();
    vm.write(fd);
    vm.irqfd({ fd, gsi: 1, flags: 0, resamplefd: 0 });
    vm.vm.irqfds.dispatchPending();
    expect(takeAll(vm)).toEqual([33]);
    expect(vm.vm.irqfds.dispatchPending()).toBe(0);
  });

  test('with dispatch main, what was written and not yet served when it is deassigned stays in the eventfd', () => {
    const { vm } = readyVm({ dispatch: 'main' });
    enableSpi(vm, 33);
    const fd = vm.eventfd();
    vm.irqfd({ fd, gsi: 1, flags: 0, resamplefd: 0 });
    vm.write(fd);
    vm.irqfd({ fd, gsi: 1, flags: DEASSIGN, resamplefd: 0 });
    expect(vm.vm.irqfds.dispatchPending()).toBe(0);
    expect(takeAll(vm)).toEqual([]);
    vm.irqfd({ fd, gsi: 1, flags: 0, resamplefd: 0 });
    vm.vm.irqfds.dispatchPending();
    expect(takeAll(vm)).toEqual([33]);
  });
});

describe('a route that is being written', () => {
  test('the fast path does not inject by it: it leaves the event to the worker', () => {
    const { vm, sequence, route } = routeOfItsOwn();
    expect(vm.vm.injector.injectWithoutLock(route, sequence.at)).toBe(true);
    expect(takeAll(vm)).toEqual([33]);
    sequence.begin();
    expect(vm.vm.injector.injectWithoutLock(route, sequence.at)).toBe(false);
    sequence.end();
    expect(vm.vm.injector.injectWithoutLock(route, sequence.at)).toBe(true);
    expect(takeAll(vm)).toEqual([33]);
  });
});
