import { describe, expect, test } from 'vitest';
import { LINE } from '../../src/gic/state.ts';
import type { KvmVm } from '../../src/kvm-abi/kvm-vm.ts';
import { enableSpi, readyVm, takeAll } from './vm-rig.ts';

const DEASSIGN = 1;
const RESAMPLE = 2;
const resampling = (fd: number, gsi: number, resamplefd: number) => ({
  fd,
  gsi,
  flags: RESAMPLE,
  resamplefd,
});
const pin = (gsi: number, to: number) => ({ gsi, type: 1, flags: 0, irqchip: 0, pin: to });
const lineOf = ({ gic }: KvmVm, intid: number) =>
  (gic.interrupts.state(gic.interrupts.find(0, intid)) & LINE) !== 0;
const watched = ({ gic }: KvmVm, intid: number) => gic.interrupts.acks.isWatched(intid);

/** A VM with SPI 40 level-triggered, and an irqfd on GSI 8 that resamples. */
function rig() {
  const { vm } = readyVm();
  enableSpi(vm, 40, 'level');
  const [fd, resamplefd] = [vm.eventfd(), vm.eventfd()];
  vm.irqfd(resampling(fd, 8, resamplefd));
  return { vm, fd, resamplefd };
}

/** A guest that takes one interrupt and ends it, and the vCPU that passes the end on. */
function serveOne(vm: KvmVm): number {
  const cpu = vm.gic.cpuInterface(0);
  const intid = cpu.acknowledge();
  if (intid !== 1023) cpu.endOfInterrupt(intid);
  vm.vm.serveAcks();
  return intid;
}

describe('a resampling irqfd', () => {
  test('holds the line until the guest has ended the interrupt, then tells the device', () => {
    const { vm, fd, resamplefd } = rig();
    vm.write(fd);
    expect([lineOf(vm, 40), vm.read(resamplefd)]).toEqual([true, 0n]);
    expect(serveOne(vm)).toBe(40);
    expect([lineOf(vm, 40), vm.read(resamplefd)]).toEqual([false, 1n]);
    expect(serveOne(vm)).toBe(1023);
    expect(vm.read(resamplefd)).toBe(0n);
  });

  test('a device that still asserts writes its trigger again, and the interrupt comes again', () => {
    const { vm, fd, resamplefd } = rig();
    for (let round = 0; round < 3; round++) {
      vm.write(fd);
      expect(serveOne(vm)).toBe(40);
      expect(vm.read(resamplefd)).toBe(1n);
    }
  });

  test('the worker raises and does not lower: a count at assignment', () => {
    const { vm } = readyVm();
    enableSpi(vm, 40, 'level');
    const [fd, resamplefd] = [vm.eventfd(1), vm.eventfd()];
    vm.irqfd(resampling(fd, 8, resamplefd));
    vm.vm.irqfds.dispatchPending();
    expect(lineOf(vm, 40)).toBe(true);
    expect(serveOne(vm)).toBe(40);
    expect([lineOf(vm, 40), vm.read(resamplefd)]).toEqual([false, 1n]);
  });

  test('an edge-triggered SPI never acknowledges', () => {
    const { vm } = readyVm();
    enableSpi(vm, 41);
    const [fd, resamplefd] = [vm.eventfd(), vm.eventfd()];
    vm.irqfd(resampling(fd, 9, resamplefd));
    vm.write(fd);
    expect(serveOne(vm)).toBe(41);
    expect(vm.read(resamplefd)).toBe(0n);
  });

  test('an interrupt that ends without an irqfd having raised it tells the device too', () => {
    const { vm, resamplefd } = rig();
    vm.irqLine(0x0100_0028, 1);
    expect(serveOne(vm)).toBe(40);
    expect([lineOf(vm, 40), vm.read(resamplefd)]).toEqual([false, 1n]);
  });

  test('no acknowledgement where the map from pins has another GSI, or none', () => {
    const { vm, fd, resamplefd } = rig();
    vm.setGsiRouting({ flags: 0, entries: [pin(8, 8), pin(9, 8)] });
    expect(watched(vm, 40)).toBe(false);
    vm.write(fd);
    expect(serveOne(vm)).toBe(40);
    expect([lineOf(vm, 40), vm.read(resamplefd)]).toEqual([true, 0n]);
    vm.setGsiRouting({ flags: 0, entries: [pin(9, 8), pin(8, 8)] });
    expect(watched(vm, 40)).toBe(true);
    expect(serveOne(vm)).toBe(40);
    expect([lineOf(vm, 40), vm.read(resamplefd)]).toEqual([false, 1n]);
  });

  test('the route may come later, and move to another pin', () => {
    const { vm, fd, resamplefd } = rig();
    enableSpi(vm, 44, 'level');
    vm.setGsiRouting({ flags: 0, entries: [] });
    expect(watched(vm, 40)).toBe(false);
    vm.setGsiRouting({ flags: 0, entries: [pin(8, 12)] });
    expect([watched(vm, 40), watched(vm, 44)]).toEqual([false, true]);
    vm.write(fd);
    expect(serveOne(vm)).toBe(44);
    expect(vm.read(resamplefd)).toBe(1n);
  });
});

describe('several irqfds on one GSI', () => {
  test('share one line: it is lowered once, before any device is told', () => {
    const { vm, fd, resamplefd } = rig();
    const [second, secondResample] = [vm.eventfd(), vm.eventfd()];
    vm.irqfd(resampling(second, 8, secondResample));
    // The first to be told asserts again at once: its resamplefd is an irqfd that raises the same GSI.
    const [third, loop] = [vm.eventfd(), vm.eventfd()];
    vm.irqfd({ fd: loop, gsi: 8, flags: 0, resamplefd: 0 });
    vm.irqfd(resampling(third, 8, loop));
    vm.write(fd);
    expect(serveOne(vm)).toBe(40);
    expect([vm.read(resamplefd), vm.read(secondResample)]).toEqual([1n, 1n]);
    // Lowering once for each would have taken away what the one that was told first had asserted.
    expect(lineOf(vm, 40)).toBe(true);
  });

  test('the line of a GSI is lowered when its last resampler goes, and not before', () => {
    const { vm, fd, resamplefd } = rig();
    const [second, secondResample] = [vm.eventfd(), vm.eventfd()];
    vm.irqfd(resampling(second, 8, secondResample));
    vm.write(fd);
    vm.irqfd({ fd: second, gsi: 8, flags: DEASSIGN, resamplefd: 0 });
    expect([lineOf(vm, 40), watched(vm, 40)]).toEqual([true, true]);
    vm.irqfd({ fd, gsi: 8, flags: DEASSIGN, resamplefd: 0 });
    expect([lineOf(vm, 40), watched(vm, 40)]).toEqual([false, false]);
    expect(takeAll(vm)).toEqual([]);
    expect([vm.read(resamplefd), vm.read(secondResample)]).toEqual([0n, 0n]);
  });

  test.each([
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
    [1, 2, 0],
  ])('are taken out of their chain in any order: %i %i %i', (...order) => {
    const { vm } = readyVm();
    enableSpi(vm, 40, 'level');
    const made = [0, 1, 2].map(() => ({ fd: vm.eventfd(), resamplefd: vm.eventfd() }));
    for (const { fd, resamplefd } of made) vm.irqfd(resampling(fd, 8, resamplefd));
    const left = new Set([0, 1, 2]);
    for (const gone of order) {
      vm.irqfd({ fd: made[gone]?.fd ?? -1, gsi: 8, flags: DEASSIGN, resamplefd: 0 });
      left.delete(gone);
      const [some] = left;
      if (some === undefined) break;
      vm.write(made[some]?.fd ?? -1);
      expect(serveOne(vm)).toBe(40);
      expect(made.map(({ resamplefd }) => vm.read(resamplefd))).toEqual(
        [0, 1, 2].map((index) => (left.has(index) ? 1n : 0n)),
      );
    }
  });
});

describe('closing', () => {
  test('a closed resamplefd unregisters nothing, and a new eventfd of its number hears nothing', () => {
    const { vm, fd, resamplefd } = rig();
    vm.close(resamplefd);
    expect(vm.eventfd()).toBe(resamplefd);
    vm.write(fd);
    expect(serveOne(vm)).toBe(40);
    expect([lineOf(vm, 40), vm.read(resamplefd)]).toEqual([false, 0n]);
  });

  test('closing the trigger lowers the line', () => {
    const { vm, fd } = rig();
    vm.write(fd);
    vm.close(fd);
    expect([lineOf(vm, 40), watched(vm, 40)]).toEqual([false, false]);
  });

  test('a GSI that no table can have is taken, and never acknowledged', () => {
    const { vm } = readyVm();
    const fd = vm.eventfd();
    vm.irqfd(resampling(fd, 5000, vm.eventfd()));
    vm.write(fd);
    vm.vm.irqfds.dispatchPending();
    vm.irqfd({ fd, gsi: 5000, flags: DEASSIGN, resamplefd: 0 });
  });
});
