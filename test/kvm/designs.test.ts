import { describe, expect, test } from 'vitest';
import { LINE } from '../../src/gic/state.ts';
import { packIrqLine } from '../../src/kvm/vgic/irq-line.ts';
import { countOperations } from '../../src/memory/operation-count.ts';
import { DESIGN_NAMES, type DesignName, type DesignSource } from '../../src/vmm/design.ts';
import { DESIGNS } from '../../src/vmm/designs.ts';
import { memoryPerSource } from '../../src/vmm/memory.ts';
import { VMM_POLICIES } from '../../src/vmm/policies.ts';
import { DOORBELL, enableSpi, expectErrno, mapMsi, readyVm, takeAll } from './vm-rig.ts';

const wired: DesignSource = { kind: 'wired', pin: 5 };
const lpi = (eventId: number): DesignSource => ({ kind: 'msi', deviceId: 5, eventId, doorbell: DOORBELL });
const LPI_DESIGNS = DESIGN_NAMES.filter((name) => DESIGNS[name].msi === 'lpi');
const ALL = [...DESIGN_NAMES];

/** A VM of a design; events 3 and 4 of device 5 are LPIs 8200 and 8201, and SPIs 37 and 70 are on. */
function rig(design: DesignName, dispatch: 'inline' | 'main' = 'inline') {
  const ready = readyVm({ design, dispatch });
  mapMsi(ready, 5, 3, 8200);
  ready.run({ name: 'MAPTI', deviceId: 5, eventId: 4, lpi: 8201, collectionId: 0 });
  for (const intid of [37, 70]) enableSpi(ready.vm, intid);
  const { vm } = ready;
  const userland = DESIGNS[design].makeUserland(vm.vm);
  const deliver = () => {
    vm.vm.irqfds.dispatchPending();
    return takeAll(vm);
  };
  return { vm, userland, deliver };
}

test('there are seven, each by its own name, and G is not one', () => {
  expect(Object.keys(DESIGNS).sort()).toEqual([...DESIGN_NAMES].sort());
  for (const name of DESIGN_NAMES) expect(DESIGNS[name].name).toBe(name);
  expect(
    Object.values(DESIGNS)
      .map(({ letter }) => letter)
      .join(),
  ).not.toContain('G');
});

describe.each(['inline', 'main'] as const)('dispatch %s', (dispatch) => {
  test.each(ALL)('%s: a wired source is connected, masked, unmasked, moved, disconnected', (design) => {
    const { vm, userland, deliver } = rig(design, dispatch);
    const fd = vm.eventfd();
    expect(userland.carries(wired)).toBe(true);
    userland.connect({ fd, source: wired });
    vm.write(fd);
    expect(deliver()).toEqual([37]);
    userland.mask(fd);
    vm.write(fd);
    expect(deliver()).toEqual([]);
    userland.unmask(fd);
    expect(deliver()).toEqual([37]);
    userland.disconnect(fd);
    vm.write(fd);
    expect(deliver()).toEqual([]);
    expect(vm.read(fd)).toBe(1n);
  });

  test.each(LPI_DESIGNS)(
    '%s: an MSI becomes the LPI that the ITS says, and follows its new message',
    (design) => {
      const { vm, userland, deliver } = rig(design, dispatch);
      const fd = vm.eventfd();
      userland.connect({ fd, source: lpi(3) });
      for (let round = 0; round < 2; round++) {
        vm.write(fd);
        expect(deliver()).toEqual([8200]);
      }
      userland.reroute(fd, lpi(4));
      vm.write(fd);
      expect(deliver()).toEqual([8201]);
      userland.mask(fd);
      vm.write(fd);
      userland.reroute(fd, lpi(3));
      userland.unmask(fd);
      expect(deliver()).toEqual([8200]);
      userland.disconnect(fd);
    },
  );
});

describe('many at once', () => {
  test.each(ALL)('%s: one table for all of them, where there is one; and a resamplefd', (design) => {
    const { vm, userland } = rig(design);
    enableSpi(vm, 52, 'level');
    const [level, resamplefd, edge] = [vm.eventfd(), vm.eventfd(), vm.eventfd()];
    const cost = userland.connectAll([
      { fd: level, source: { kind: 'wired', pin: 20 }, resamplefd },
      { fd: edge, source: wired },
    ]);
    // Only the RFC's table has to be told of wired sources.
    expect(cost).toEqual(design === 'rfc' ? { calls: 3, entries: 2 } : { calls: 2, entries: 0 });
    for (let round = 0; round < 2; round++) {
      vm.write(level);
      expect(takeAll(vm, 0, 1)).toEqual([52]);
      vm.vm.serveAcks();
      expect(vm.read(resamplefd)).toBe(1n);
      userland.mask(level);
      userland.unmask(level);
    }
    vm.write(edge);
    expect(takeAll(vm)).toEqual([37]);
  });

  test.each(ALL)('%s: what KVM_IRQ_LINE calls a pin', (design) => {
    const { vm, userland, deliver } = rig(design);
    // So that the RFC's table has the pin.
    userland.connect({ fd: vm.eventfd(), source: wired });
    vm.irqLine(DESIGNS[design].lineOfPin(5), 1);
    expect(deliver()).toEqual([37]);
  });
});

describe('the particulars of each design', () => {
  test('unrouted: no table, no MSI', () => {
    const { vm, userland } = rig('unrouted');
    expectErrno('ENOTTY', 'KVM_SET_GSI_ROUTING', () => vm.setGsiRouting({ flags: 0, entries: [] }));
    expect(vm.checkExtension('KVM_CAP_IRQ_ROUTING')).toBe(0);
    expect(userland.carries(lpi(3))).toBe(false);
    expectErrno('EINVAL', 'KVM_IRQFD', () => userland.connect({ fd: vm.eventfd(), source: lpi(3) }));
    // The worker knows no other way either.
    const fd = vm.eventfd(1);
    vm.irqfd({ fd, gsi: 5, flags: 0, resamplefd: 0 });
    vm.vm.irqfds.dispatchPending();
    expect(takeAll(vm)).toEqual([37]);
  });

  test('rfc: without a route nothing is injected, wired interrupts among them', () => {
    const { vm, deliver } = rig('rfc');
    const fd = vm.eventfd();
    vm.irqfd({ fd, gsi: 5, flags: 0, resamplefd: 0 });
    vm.write(fd);
    expect(deliver()).toEqual([]);
    vm.setGsiRouting({ flags: 0, entries: [{ gsi: 5, type: 1, flags: 0, irqchip: 0, pin: 5 }] });
    vm.write(fd);
    expect(deliver()).toEqual([37]);
  });

  test('rfc: EXTENDED_MSI is a type of its own, which merged refuses', () => {
    const extended = { gsi: 300, type: 4, flags: 0, address: DOORBELL, data: 3, devid: 5 };
    const { vm, deliver } = rig('rfc');
    const fd = vm.eventfd();
    vm.irqfd({ fd, gsi: 300, flags: 0, resamplefd: 0 });
    vm.setGsiRouting({ flags: 0, entries: [extended] });
    vm.write(fd);
    expect(deliver()).toEqual([8200]);
    expectErrno('EINVAL', 'KVM_SET_GSI_ROUTING', () =>
      rig('merged').vm.setGsiRouting({ flags: 0, entries: [extended] }),
    );
  });

  test('direct: the DeviceID is in the call; without one the GSI is a pin; there is no table', () => {
    const { vm, deliver } = rig('direct');
    const [msi, pin] = [vm.eventfd(), vm.eventfd()];
    vm.irqfd({ fd: msi, gsi: 3, flags: 0, resamplefd: 0, devid: 5 });
    vm.irqfd({ fd: pin, gsi: 5, flags: 0, resamplefd: 0 });
    vm.write(msi);
    vm.write(pin);
    expect(deliver()).toEqual([37, 8200]);
    expectErrno('ENOTTY', 'KVM_SET_GSI_ROUTING', () => vm.setGsiRouting({ flags: 0, entries: [] }));
  });

  test('msi-spi: the data of an MSI is an SPI, by irqfd and by KVM_SIGNAL_MSI', () => {
    const { vm, userland, deliver } = rig('msi-spi');
    const fd = vm.eventfd();
    expect([userland.carries(lpi(3)), userland.carries(lpi(70))]).toEqual([false, true]);
    userland.connect({ fd, source: lpi(70) });
    vm.write(fd);
    expect(vm.vm.irqfds.anyPending).toBe(false);
    expect(deliver()).toEqual([70]);
    expect(vm.signalMsi({ address: 0, data: 37, flags: 0, deviceId: 0 })).toBe(1);
    expect(deliver()).toEqual([37]);
    expectErrno('EINVAL', 'KVM_SIGNAL_MSI', () =>
      vm.signalMsi({ address: 0, data: 31, flags: 0, deviceId: 0 }),
    );
  });

  test('fixed-identity: wired interrupts have no routes, and their GSIs take none', () => {
    const { vm, deliver } = rig('fixed-identity');
    const fd = vm.eventfd();
    vm.irqfd({ fd, gsi: 5, flags: 0, resamplefd: 0 });
    vm.setGsiRouting({ flags: 0, entries: [] });
    vm.write(fd);
    expect(deliver()).toEqual([37]);
    const pin = { gsi: 5, type: 1, flags: 0, irqchip: 0, pin: 5 };
    const msi = { gsi: 5, type: 2, flags: 1, address: DOORBELL, data: 3, devid: 5 };
    expectErrno('EINVAL', 'KVM_SET_GSI_ROUTING', () => vm.setGsiRouting({ flags: 0, entries: [pin] }));
    expectErrno('EINVAL', 'KVM_SET_GSI_ROUTING', () => vm.setGsiRouting({ flags: 0, entries: [msi] }));
    vm.setGsiRouting({ flags: 0, entries: [{ ...msi, gsi: 224 }] });
    rig('merged').vm.setGsiRouting({ flags: 0, entries: [pin] });
  });

  test('line-routed: KVM_IRQ_LINE takes a GSI; a packed number is too high, and a GSI without a route is nothing', () => {
    const { vm, deliver } = rig('line-routed');
    vm.irqLine(5, 1);
    expect(deliver()).toEqual([37]);
    vm.irqLine(4000, 1);
    expect(deliver()).toEqual([]);
    const packed = packIrqLine({ type: 1, vcpu: 0, intid: 37 });
    expectErrno('EINVAL', 'KVM_IRQ_LINE', () => vm.irqLine(packed, 1));
    rig('merged').vm.irqLine(packed, 1);
  });

  test.each(ALL)('%s: a resampling irqfd on a wired source', (design) => {
    const { vm } = rig(design);
    enableSpi(vm, 44, 'level');
    if (design === 'rfc') {
      vm.setGsiRouting({ flags: 0, entries: [{ gsi: 12, type: 1, flags: 0, irqchip: 0, pin: 12 }] });
    }
    const [fd, resamplefd] = [vm.eventfd(), vm.eventfd()];
    vm.irqfd({ fd, gsi: 12, flags: 2, resamplefd });
    const raised = () => (vm.gic.interrupts.state(vm.gic.interrupts.find(0, 44)) & LINE) !== 0;
    vm.write(fd);
    expect(raised()).toBe(true);
    expect(takeAll(vm, 0, 1)).toEqual([44]);
    expect(vm.vm.serveAcks()).toBe(1);
    expect([raised(), vm.read(resamplefd)]).toEqual([false, 1n]);
  });
});

describe('the habits of VMMs', () => {
  test.each(Object.values(VMM_POLICIES))('$name: what masking costs, and what it loses', (policy) => {
    const { vm, deliver } = rig('merged');
    const userland = DESIGNS.merged.makeUserland(vm.vm, policy);
    const fd = vm.eventfd();
    userland.connect({ fd, source: lpi(3) });
    vm.write(fd);
    expect(deliver()).toEqual([8200]);
    const { entries } = userland.mask(fd);
    vm.write(fd);
    deliver();
    userland.unmask(fd);
    const lost = policy.maskBy === 'route';
    expect({ entries, delivered: deliver() }).toEqual({
      entries: lost ? 224 : 0,
      delivered: lost ? [] : [8200],
    });
    userland.mask(fd);
    userland.reroute(fd, lpi(4));
    userland.unmask(fd);
    vm.write(fd);
    expect(deliver()).toEqual([8201]);
    userland.mask(fd);
    userland.disconnect(fd);
    expect(vm.vm.routing.entries()).toHaveLength(224);
  });
});

describe('the cost of a design', () => {
  const countOf = (design: DesignName, source: DesignSource) => {
    const { vm, userland, deliver } = rig(design);
    const fd = vm.eventfd();
    userland.connect({ fd, source });
    vm.write(fd);
    deliver();
    const count = countOperations(() => vm.vm.irqfds.write(fd));
    expect(deliver()).toHaveLength(1);
    return count;
  };

  test('an inline injection of merged makes at most two loads more than one of direct, and takes no lock', () => {
    for (const source of [lpi(3), wired]) {
      const [merged, direct] = [countOf('merged', source), countOf('direct', source)];
      expect(merged.loads - direct.loads).toBeLessThanOrEqual(2);
      expect(merged.updates).toBe(direct.updates);
      expect(merged.stores).toBe(direct.stores);
    }
  });

  test('bytes of each source: none of a table where there is none', () => {
    expect(memoryPerSource(DESIGNS.merged)).toEqual({ eventfd: 192, irqfd: 64, route: 24, table: 64 });
    expect(memoryPerSource(DESIGNS.direct)).toEqual({ eventfd: 192, irqfd: 64, route: 20, table: 0 });
  });

  test('a change hands over the whole table, or nothing', () => {
    const entries = (design: DesignName) => {
      const { vm, userland } = rig(design);
      const fds = Array.from({ length: 3 }, () => vm.eventfd());
      for (const fd of fds) userland.connect({ fd, source: lpi(3) });
      return userland.reroute(fds[0] ?? -1, lpi(4)).entries;
    };
    expect(['merged', 'rfc', 'direct', 'fixed-identity'].map((name) => entries(name as DesignName))).toEqual([
      227, 3, 0, 3,
    ]);
  });
});
