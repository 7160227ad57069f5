import { expect, test } from 'vitest';
import { attachVm } from '../../src/board/create-vm.ts';
import type { DesignName, DesignSource, Userland } from '../../src/vmm/design.ts';
import { DESIGNS } from '../../src/vmm/designs.ts';
import { VMM_POLICIES, type VmmPolicy } from '../../src/vmm/policies.ts';
import { type UpdateTrial, updateFates } from '../../src/vmm/update-fates.ts';
import { DOORBELL, mapMsi, readyVm, takeAll } from './vm-rig.ts';

const lpi = (eventId: number): DesignSource => ({ kind: 'msi', deviceId: 5, eventId, doorbell: DOORBELL });

/** Event 3 is LPI 8200, event 4 LPI 8201, both cached; the update is what `changes` do. */
function trial(
  design: DesignName,
  changes: readonly ((userland: Userland, fd: number) => void)[],
  policy?: VmmPolicy,
): () => UpdateTrial {
  return () => {
    const ready = readyVm({ design, threads: 2, eventfds: 1 });
    const { vm } = ready;
    mapMsi(ready, 5, 3, 8200);
    ready.run({ name: 'MAPTI', deviceId: 5, eventId: 4, lpi: 8201, collectionId: 0 });
    for (const data of [3, 4]) vm.signalMsi({ address: DOORBELL, data, flags: 1, deviceId: 5 });
    const userland = DESIGNS[design].makeUserland(vm.vm, policy);
    const fd = vm.eventfd();
    userland.connect({ fd, source: lpi(3) });
    takeAll(vm);
    const device = attachVm(vm.attachment, 1);
    const { lpis } = vm.gic;
    return {
      steps: changes.map((change) => () => change(userland, fd)),
      signal: () => device.vm.irqfds.write(fd),
      dispatch: () => vm.vm.irqfds.dispatchPending(),
      pending: () => ({ before: lpis.isPending(8200), after: lpis.isPending(8201) }),
    };
  };
}

const reroute = [(userland: Userland, fd: number) => userland.reroute(fd, lpi(4))];
const maskAndUnmask = [
  (userland: Userland, fd: number) => userland.mask(fd),
  (userland: Userland, fd: number) => userland.unmask(fd),
];

test('merged: a table that is replaced loses nothing: old route or new one', () => {
  const fates = updateFates(trial('merged', reroute), 24);
  expect(fates).toMatchObject({ moments: 24, lost: 0, both: 0, gaps: [] });
  expect(fates.old).toBeGreaterThan(0);
  expect(fates.new).toBeGreaterThan(0);
});

test('direct: between the two calls the event waits in the eventfd, and comes late by the new name', () => {
  const fates = updateFates(trial('direct', reroute), 24);
  expect(fates).toMatchObject({ lost: 0, both: 0 });
  expect(fates.late).toBeGreaterThan(0);
  expect(fates.new).toBeGreaterThanOrEqual(fates.late);
});

test('masking by the irqfd delivers late, masking by the route loses', () => {
  const qemu = updateFates(trial('merged', maskAndUnmask, VMM_POLICIES.qemu), 12);
  expect(qemu).toMatchObject({ lost: 0, both: 0, gaps: [{ by: 'old', late: true }] });
  const firecracker = updateFates(trial('merged', maskAndUnmask, VMM_POLICIES.firecracker), 12);
  expect(firecracker).toMatchObject({ both: 0, gaps: [{ by: 'none', late: false }] });
});
