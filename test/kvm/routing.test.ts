import { describe, expect, test } from 'vitest';
import { FIRST_SPI } from '../../src/arch/intid.ts';
import { ROUTE_WORDS } from '../../src/kvm/route.ts';
import { entryOf, type RoutingEntry } from '../../src/kvm-abi/routing-entry.ts';
import { control, DOORBELL, emptyVm, enableSpi, expectErrno, readyVm, takeAll, vmWithGic } from './vm-rig.ts';

const pin = (gsi: number, to: number): RoutingEntry => ({ gsi, type: 1, flags: 0, irqchip: 0, pin: to });
const msi = (gsi: number, flags = 1): RoutingEntry => ({
  gsi,
  type: 2,
  flags,
  address: DOORBELL,
  data: 3,
  devid: 8,
});
const table = (...entries: RoutingEntry[]) => ({ flags: 0, entries });

describe('KVM_SET_GSI_ROUTING refuses, each with its companion that is taken', () => {
  const refused: [string, ReturnType<typeof table>, ReturnType<typeof table>][] = [
    [
      'more than 4,096 routes',
      table(...Array.from({ length: 4097 }, (_, gsi) => pin(gsi, 0))),
      table(...Array.from({ length: 4096 }, (_, gsi) => pin(gsi, gsi % 988))),
    ],
    ['flags of the table', { flags: 1, entries: [] }, { flags: 0, entries: [] }],
    ['a GSI of 4,096', table(pin(4096, 0)), table(pin(4095, 0))],
    ['a GSI far out', table(pin(0xffff_ffff, 0)), table(pin(0, 0))],
    ['flags on an irqchip route', table({ ...pin(1, 0), flags: 1 }), table(pin(1, 0))],
    ['an unknown flag on an MSI', table(msi(1, 2)), table(msi(1, 1))],
    ['VALID_DEVID and another flag', table(msi(1, 3)), table(msi(1, 0))],
    ['a GSI twice', table(pin(1, 1), pin(1, 2)), table(pin(1, 1), pin(2, 1))],
    ['a GSI twice, as pin and MSI', table(pin(1, 1), msi(1)), table(pin(1, 1), msi(2))],
    ['irqchip 1', table({ ...pin(1, 1), irqchip: 1 }), table(pin(1, 1))],
    ['pin 988', table(pin(1, 988)), table(pin(1, 987))],
    ['S390_ADAPTER', table({ gsi: 1, type: 3, flags: 0 }), table(pin(1, 1))],
    ['HV_SINT', table({ gsi: 1, type: 4, flags: 0 }), table(pin(1, 1))],
    ['XEN_EVTCHN', table({ gsi: 1, type: 5, flags: 0 }), table(pin(1, 1))],
    ['type 0', table({ gsi: 1, type: 0, flags: 0 }), table(msi(1))],
    ['type 99', table({ gsi: 1, type: 99, flags: 0 }), table(msi(1))],
  ];

  test.each(refused)('%s: EINVAL', (_, bad, good) => {
    const { vm } = vmWithGic();
    expectErrno('EINVAL', 'KVM_SET_GSI_ROUTING', () => vm.setGsiRouting(bad));
    vm.setGsiRouting(good);
    expect(vm.vm.routing.entries()).toHaveLength(good.entries.length);
  });

  test.each([
    ['flags of the table before the entries', { flags: 1, entries: [pin(4096, 0)] }, /flags are 0/],
    [
      'the count before flags',
      { flags: 1, entries: Array.from({ length: 4097 }, () => pin(0, 0)) },
      /4096 routes/,
    ],
    ['the GSI before the flags', table({ ...pin(4096, 0), flags: 5 }), /GSI is 0 to/],
    [
      'the flags before the duplicate',
      table(pin(1, 1), { ...pin(1, 1), flags: 5 }),
      /only an MSI route has flags/,
    ],
    ['the duplicate before the pin', table(pin(1, 1), pin(1, 999)), /has a route in this table already/],
    ['entry 1 before entry 2', table(pin(1, 999), pin(4096, 0)), /entry 0: a pin is/],
  ] as const)('%s', (_, bad, message) => {
    expect(() => emptyVm().setGsiRouting(bad)).toThrow(message);
  });

  test('a refused table leaves the old one in force', () => {
    const { vm } = vmWithGic();
    vm.setGsiRouting(table(pin(7, 3), msi(9)));
    const before = vm.vm.routing.entries();
    expectErrno('EINVAL', 'KVM_SET_GSI_ROUTING', () =>
      vm.setGsiRouting(table(pin(1, 1), pin(2, 2), pin(1, 3))),
    );
    expect(vm.vm.routing.entries()).toEqual(before);
    expect(before.map(entryOf)).toEqual([pin(7, 3), msi(9)]);
  });

  test('it needs no vgic, no ITS, no SPI behind the pin, no doorbell', () => {
    const vm = emptyVm();
    vm.setGsiRouting(table(pin(4000, 987), { ...msi(4001, 0), address: 0xffff_ffff_f000 }));
    expect(vm.vm.routing.entries()).toHaveLength(2);
    vm.setGsiRouting(table());
    expect(vm.vm.routing.entries()).toEqual([]);
  });
});

describe('the table', () => {
  test('vgic initialisation puts the identity of the SPIs in force, over whatever was there', () => {
    const { vm, gic } = vmWithGic();
    vm.setGsiRouting(table(pin(500, 3)));
    vm.setDeviceAttr(gic, control('INIT'));
    const routes = vm.vm.routing.entries();
    expect(routes).toHaveLength(224);
    expect(routes.map(entryOf)[17]).toEqual(pin(17, 17));
  });

  test('the map from pins to GSIs: -1, and the last one that names a pin', () => {
    const { vm } = vmWithGic();
    vm.setGsiRouting(table(pin(100, 5), pin(3, 5), msi(5)));
    expect(vm.vm.routing.gsiOfPin(5)).toBe(3);
    expect(vm.vm.routing.gsiOfPin(6)).toBe(-1);
    expect(vm.vm.routing.gsiOfPin(-1)).toBe(-1);
    expect(vm.vm.routing.gsiOfPin(988)).toBe(-1);
  });

  test('a lookup beyond the highest GSI finds nothing', () => {
    const { vm } = vmWithGic();
    vm.setGsiRouting(table(pin(10, 1)));
    expect(vm.vm.routing.find(10)).toBeGreaterThanOrEqual(0);
    expect(vm.vm.routing.find(11)).toBe(-1);
    expect(vm.vm.routing.find(9)).toBe(-1);
    expect(vm.vm.routing.find(-1)).toBe(-1);
    expect(ROUTE_WORDS).toBe(8);
  });

  test('two GSIs may name one pin, and both inject', () => {
    const ready = readyVm();
    const { vm } = ready;
    enableSpi(vm, FIRST_SPI + 5);
    vm.setGsiRouting(table(pin(100, 5), pin(3, 5)));
    const [a, b] = [vm.eventfd(), vm.eventfd()];
    vm.irqfd({ fd: a, gsi: 100, flags: 0, resamplefd: 0 });
    vm.irqfd({ fd: b, gsi: 3, flags: 0, resamplefd: 0 });
    vm.write(a);
    expect(takeAll(vm)).toEqual([37]);
    vm.write(b);
    expect(takeAll(vm)).toEqual([37]);
    expect(takeAll(vm)).toEqual([]);
  });

  test('a later table that omits the wired GSIs kills them', () => {
    const { vm } = readyVm();
    enableSpi(vm, 32);
    const fd = vm.eventfd();
    vm.irqfd({ fd, gsi: 0, flags: 0, resamplefd: 0 });
    vm.write(fd);
    expect(takeAll(vm)).toEqual([32]);
    vm.setGsiRouting(table(msi(300)));
    vm.write(fd);
    vm.vm.irqfds.dispatchPending();
    expect(takeAll(vm)).toEqual([]);
  });
});
