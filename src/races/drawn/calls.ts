import { type EventId, FIRST_SPI } from '../../arch/intid.ts';
import type { ItsCommand } from '../../arch/its-command.ts';
import { lpiConfig } from '../../arch/lpi-config.ts';
import { LINUX_PRIORITY } from '../../guest/index.ts';
import type { Route } from '../../kvm/route.ts';
import { configureLpi, messageRoute, sendMessage } from '../on-machine.ts';
import { fdOf, gsiOf, PAIRS, RESAMPLE_FD, spiOf, vcpuOf } from './names.ts';
import { type CallName, EDGE_SOURCE, LEVEL_SOURCE, MESSAGES, SOURCES } from './program.ts';
import type { View } from './view.ts';

/** Priorities that a call draws from; Linux has the first. */
const PRIORITIES = [LINUX_PRIORITY, 0x60] as const;

type CallBody = (view: View, source: number, to: number) => void;

/** What each call does, and what it tells the account. */
export const CALLS: Readonly<Record<CallName, CallBody>> = {
  signal({ machine, account }, source) {
    account.begin(source);
    machine.vm.irqfds.write(fdOf(source));
  },

  // ---- the guest's driver

  move(view, source, to) {
    const { machine, account } = view;
    const vcpu = vcpuOf(to, machine.config.vcpus);
    view.machine.itsDriver.send(
      ...eventsOf(source).map((event): ItsCommand => ({ name: 'MOVI', ...event, collectionId: vcpu })),
    );
    account.setVcpu(source, vcpu);
  },

  mask(view, source) {
    configure(view, source, LINUX_PRIORITY, false);
    configure(view, source, LINUX_PRIORITY, true);
  },

  prioritise(view, source, to) {
    configure(view, source, PRIORITIES[to] ?? LINUX_PRIORITY, true);
  },

  invalidate({ machine }, source) {
    machine.itsDriver.send(...eventsOf(source).map((event): ItsCommand => ({ name: 'INV', ...event })));
  },

  remap({ machine, account }, source, to) {
    const pair = PAIRS[source]?.[to];
    if (!pair) return;
    const { deviceId, eventId, lpis } = pair;
    const before = account.lpi(source, to);
    const after = before === lpis[0] ? lpis[1] : lpis[0];
    account.allow(after);
    machine.itsDriver.send(
      { name: 'DISCARD', deviceId, eventId },
      { name: 'MAPTI', deviceId, eventId, lpi: after, collectionId: account.vcpu(source) },
    );
    account.setLpi(source, to, after);
    account.retire(before);
    account.forgive(source);
  },

  raise(view, source, to) {
    const { machine, account } = view;
    account.begin(source);
    const event = eventsOf(source)[to];
    if (event) machine.itsDriver.send({ name: 'INT', ...event });
    else view.gicDriver.setSpiPending(spiOf(source), true);
  },

  toggle({ gicDriver }, source) {
    gicDriver.setSpiEnabled(spiOf(source), false);
    gicDriver.setSpiEnabled(spiOf(source), true);
  },

  retarget({ machine, account, gicDriver }, source, to) {
    const vcpu = vcpuOf(to, machine.config.vcpus);
    gicDriver.targetSpi(spiOf(source), vcpu);
    account.setVcpu(source, vcpu);
  },

  // ---- the VMM

  reroute(view, source, to) {
    const { machine, account } = view;
    const from = account.pair(source);
    for (const lpi of PAIRS[source]?.[to]?.lpis ?? []) account.allow(lpi);
    const pairs = Array.from({ length: MESSAGES }, (_, each) => (each === source ? to : account.pair(each)));
    machine.vm.setGsiRouting(routesOf(view, pairs));
    account.setPair(source, to);
    if (from !== to) for (const lpi of PAIRS[source]?.[from]?.lpis ?? []) account.retire(lpi);
  },

  reassign({ machine }, source) {
    machine.vm.deassignIrqFd(fdOf(source), gsiOf(source));
    assign(machine.vm, source);
  },

  message({ machine, account }, source, to) {
    const event = eventsOf(source)[to];
    if (!event) return;
    account.begin(source);
    sendMessage(machine, event.deviceId, event.eventId);
  },
};

type Assigns = Pick<View['machine']['vm'], 'assignIrqFd'>;

/** KVM_IRQFD of a source. */
export function assign(vm: Assigns, source: number): void {
  const options = source === LEVEL_SOURCE ? { resamplefd: RESAMPLE_FD } : {};
  vm.assignIrqFd(fdOf(source), gsiOf(source), options);
}

/** The table in which each message source has one of its pairs. */
export function routesOf({ machine }: Pick<View, 'machine'>, pairs: readonly number[]): Route[] {
  return Array.from({ length: SOURCES }, (_, source): Route => {
    const gsi = gsiOf(source);
    const pair = PAIRS[source]?.[pairs[source] ?? 0];
    if (pair) return messageRoute(machine, gsi, pair.deviceId, pair.eventId);
    return { type: 'irqchip', gsi, irqchip: 0, pin: spiOf(source) - FIRST_SPI };
  });
}

function eventsOf(source: number): { deviceId: number; eventId: EventId }[] {
  if (source >= EDGE_SOURCE) return [];
  return (PAIRS[source] ?? []).map(({ deviceId, eventId }) => ({ deviceId, eventId }));
}

/** Writes the configuration of the LPIs of both events, and tells the ITS. */
function configure({ machine, account }: View, source: number, priority: number, isOn: boolean): void {
  for (const pair of [0, 1]) configureLpi(machine, account.lpi(source, pair), lpiConfig(priority, isOn));
  machine.itsDriver.send(...eventsOf(source).map((event): ItsCommand => ({ name: 'INV', ...event })));
}
