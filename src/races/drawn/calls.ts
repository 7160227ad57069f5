import { type DeviceId, type EventId, FIRST_SPI, type Intid, type VcpuId } from '../../arch/intid.ts';
import type { ItsCommand } from '../../arch/its-command.ts';
import { lpiConfig } from '../../arch/lpi-config.ts';
import { LINUX_PRIORITY } from '../../guest/index.ts';
import type { Route } from '../../kvm/route.ts';
import { configureLpi, messageRoute, sendMessage } from '../on-machine.ts';
import { requireExplained } from '../oracles.ts';
import { fdOf, gsiOf, INTIDS, PAIRS, RESAMPLE_FD, sourceOf, spiOf } from './names.ts';
import { type Call, type CallName, EDGE_SOURCE, LEVEL_SOURCE, MESSAGES, SOURCES } from './program.ts';
import type { View } from './view.ts';

/** Priorities that a call draws from; Linux has the first. */
const PRIORITIES = [LINUX_PRIORITY, 0x60] as const;

/** @param send - moves GITS_CWRITER behind the next commands of the guest's driver, which lie in the queue already */
type CallBody = (view: View, source: number, to: number, send: () => void) => void;

/** The body of each call, with its entries in the account. */
export const CALLS: Readonly<Record<CallName, CallBody>> = {
  signal({ machine, account }, source) {
    account.begin(source);
    machine.vm.irqfds.write(fdOf(source));
  },

  // ---- the guest's driver

  move({ account }, source, to, send) {
    send();
    account.setVcpu(source, to);
  },

  mask(view, source, _to, send) {
    configure(view, source, LINUX_PRIORITY, false);
    send();
    configure(view, source, LINUX_PRIORITY, true);
    send();
  },

  prioritise(view, source, to, send) {
    configure(view, source, PRIORITIES[to] ?? LINUX_PRIORITY, true);
    send();
  },

  invalidate(_view, _source, _to, send) {
    send();
  },

  remap({ account, isPending }, source, to, send) {
    const before = account.lpi(source, to);
    const after = otherLpi(source, to, before);
    account.allow(after);
    send();
    account.setLpi(source, to, after);
    account.retire(before, isPending);
    account.forgive(source);
  },

  raise(view, source, _to, send) {
    view.account.begin(source);
    if (source < MESSAGES) send();
    else view.gicDriver.setSpiPending(spiOf(source), true);
  },

  toggle({ gicDriver }, source) {
    gicDriver.setSpiEnabled(spiOf(source), false);
    gicDriver.setSpiEnabled(spiOf(source), true);
  },

  retarget({ account, gicDriver }, source, to) {
    gicDriver.targetSpi(spiOf(source), to);
    account.setVcpu(source, to);
  },

  // ---- the VMM

  reroute(view, source, to) {
    const { machine, account, isPending } = view;
    const from = account.pair(source);
    for (const lpi of PAIRS[source]?.[to]?.lpis ?? []) account.allow(lpi);
    const pairs = Array.from({ length: MESSAGES }, (_, each) => (each === source ? to : account.pair(each)));
    machine.vm.setGsiRouting(routesOf(view, pairs));
    account.setPair(source, to);
    if (from !== to) for (const lpi of PAIRS[source]?.[from]?.lpis ?? []) account.retire(lpi, isPending);
  },

  reassign({ machine, account, isPending }, source) {
    const intids = INTIDS.filter((intid) => sourceOf(intid) === source);
    machine.vm.deassignIrqFd(fdOf(source), gsiOf(source));
    const latched = intids.map((intid) => account.latched(intid, isPending));
    intids.forEach((intid, index) => {
      const now = account.taken(intid) + (isPending(intid) ? 1 : 0);
      requireExplained(
        true,
        now <= (latched[index] ?? 0),
        `INTID ${intid} of source ${source}, which has no irqfd,`,
      );
    });
    assign(machine.vm, source);
  },

  message({ machine, account }, source, to) {
    const event = eventsOf(source)[to];
    if (!event) return;
    account.begin(source);
    sendMessage(machine, event.deviceId, event.eventId);
  },
};

/**
 * The commands of a guest's driver, in the order of the calls that tell the ITS. The main thread writes them
 * into the queue before the threads start, so that a schedule has no steps for the writing.
 */
export function commandsOf(calls: readonly Call[]): ItsCommand[][] {
  const lpis = PAIRS.map((pairs) => pairs.map(({ lpis: [lpi] }) => lpi));
  const vcpus = new Map<number, VcpuId>();
  return calls.flatMap(({ name, source, to }): ItsCommand[][] => {
    const events = eventsOf(source);
    const invalidates = events.map((event): ItsCommand => ({ name: 'INV', ...event }));
    const event = events[to];
    switch (name) {
      case 'move':
        vcpus.set(source, to);
        return [events.map((each) => ({ name: 'MOVI', ...each, collectionId: to }))];
      case 'mask':
        return [invalidates, invalidates];
      case 'prioritise':
      case 'invalidate':
        return [invalidates];
      case 'remap': {
        const ofSource = lpis[source];
        if (!event || !ofSource) return [];
        const lpi = otherLpi(source, to, ofSource[to] ?? 0);
        ofSource[to] = lpi;
        const maps = { name: 'MAPTI', ...event, lpi, collectionId: vcpus.get(source) ?? 0 } as const;
        return [[{ name: 'DISCARD', ...event }, maps]];
      }
      case 'raise':
        return event ? [[{ name: 'INT', ...event }]] : [];
      default:
        return [];
    }
  });
}

/** The LPI that an event does not have now. */
function otherLpi(source: number, pair: number, lpi: Intid): Intid {
  const [one = 0, other = 0] = PAIRS[source]?.[pair]?.lpis ?? [];
  return lpi === one ? other : one;
}

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

function eventsOf(source: number): { deviceId: DeviceId; eventId: EventId }[] {
  if (source >= EDGE_SOURCE) return [];
  return (PAIRS[source] ?? []).map(({ deviceId, eventId }) => ({ deviceId, eventId }));
}

/** Writes the configuration of the LPIs of both events. The ITS is not told. */
function configure({ machine, account }: View, source: number, priority: number, isOn: boolean): void {
  for (const pair of [0, 1]) configureLpi(machine, account.lpi(source, pair), lpiConfig(priority, isOn));
}
