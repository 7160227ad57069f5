import { lpiConfig } from '../../arch/lpi-config.ts';
import { gits } from '../../arch/registers.ts';
import { itsFrame } from '../../board/frames.ts';
import { itsOf } from '../../guest/index.ts';
import { KvmError } from '../../kvm/kvm-error.ts';
import { MSI_VALID_DEVID } from '../../kvm/route.ts';
import { LPI_OFF, LPI_ON } from '../driver/context.ts';
import type { AtRest, Chosen, Rule } from './at-rest.ts';

/** Less urgent than every mask of a vCPU lets through. */
const MASKED_PRIORITY = 0xf8;
/** A DeviceID that no device of a run has, with EventIDs wide enough for the number of an LPI. */
const SPARE_DEVICE = 77;
const WIDE_EVENTS = 16;
/** Bytes of an entry of a device's table in KVM, and of the least part of memory that a table has. */
const ITT_ENTRY = 8;
const ITT_ALIGNMENT = 256;

/** A rule that a message shows. */
const message = (name: string, look: (rest: AtRest, chosen: Chosen) => void): Rule => ({
  name,
  look: (rest) => {
    const chosen = rest.choose('msi');
    if (chosen) look(rest, chosen);
    return chosen !== undefined;
  },
});

/** Writes the configuration of an LPI, and has the GIC read the byte: by INV, or by INVALL. */
function configure(rest: AtRest, { source }: Chosen, config: number): void {
  const { context } = rest;
  const { intid, deviceId, eventId, vcpu } = source;
  context.putConfig(intid, config);
  if (context.chance.below(2) === 0)
    context.its.send({ name: 'INVALL', collectionId: context.collectionOf(vcpu) });
  else context.its.send({ name: 'INV', deviceId, eventId });
}

/** Signals while the LPI is disabled: pending then, and not delivered. Allowed to come once. */
function pend(rest: AtRest, chosen: Chosen): void {
  configure(rest, chosen, LPI_OFF);
  rest.stays(chosen, true, () => rest.signal(chosen), 'its LPI is disabled, so a signal waits');
}

function enable(rest: AtRest, chosen: Chosen): void {
  configure(rest, rest.now(chosen), LPI_ON);
}

export const MESSAGE_RULES: readonly Rule[] = [
  message('an MSI is lost while the ITS is off', (rest, chosen) => {
    const { its } = rest.context;
    its.setEnabled(false);
    rest.stays(chosen, false, () => rest.signal(chosen), 'the ITS is off');
    its.setEnabled(true);
    rest.arrives(chosen, () => rest.signal(chosen), 'the ITS is on again');
  }),
  message('an MSI is lost while the LPIs of its vCPU are off', (rest, chosen) => {
    const { gic, collections, targets } = rest.context;
    const vcpu = targets.get(collections[chosen.which] ?? -1);
    if (vcpu === undefined) return;
    gic.disableLpis(vcpu);
    rest.stays(chosen, false, () => rest.signal(chosen), 'the LPIs of its vCPU are off');
    gic.enableLpis(vcpu);
    rest.arrives(chosen, () => rest.signal(chosen), 'the LPIs of its vCPU are on again');
  }),
  message('a disabled LPI waits for its enable', (rest, chosen) => {
    pend(rest, chosen);
    rest.arrives(chosen, () => enable(rest, chosen), 'it was pending when it was enabled');
  }),
  message('CLEAR clears a pending LPI', (rest, chosen) => {
    const { deviceId, eventId } = chosen.source;
    pend(rest, chosen);
    const clear = () => rest.context.its.send({ name: 'CLEAR', deviceId, eventId });
    rest.stays(chosen, false, clear, 'CLEAR has taken away what was pending');
    rest.stays(chosen, false, () => enable(rest, chosen), 'nothing was pending when it was enabled');
  }),
  message('a pending LPI moves with MOVI', (rest, chosen) => {
    const { context } = rest;
    const { deviceId, eventId, intid, vcpu } = chosen.source;
    const to = rest.otherThan(vcpu);
    pend(rest, chosen);
    context.views.proof.beginMove(chosen.which, intid, to);
    const collectionId = context.collectionOf(to);
    context.its.send({ name: 'MOVI', deviceId, eventId, collectionId }, { name: 'SYNC', rdbase: vcpu });
    context.views.proof.endMove(chosen.which);
    context.rename(chosen.which, { ...chosen.source, vcpu: to }, collectionId);
    rest.arrives(chosen, () => enable(rest, chosen), 'it was pending when MOVI moved it');
  }),
  message('a pending LPI moves with its collection, or with MOVALL', (rest, chosen) => {
    pend(rest, chosen);
    rest.moveAll();
    rest.arrives(chosen, () => enable(rest, chosen), 'it was pending when all LPIs of its vCPU were moved');
  }),
  message('DISCARD ends an event', (rest, chosen) => {
    const { context } = rest;
    const { deviceId, eventId, intid, vcpu } = chosen.source;
    const discard = () => context.its.send({ name: 'DISCARD', deviceId, eventId });
    rest.stays(chosen, false, discard, 'it was not pending');
    rest.stays(chosen, false, () => rest.signal(chosen), 'its event is not mapped');
    context.map({ deviceId, eventId, lpi: intid, vcpu });
    context.rename(chosen.which, chosen.source, context.collectionOf(vcpu));
    rest.arrives(chosen, () => rest.signal(chosen), 'its event is mapped again');
  }),
  message('MAPD without Valid ends all events of a device', (rest, chosen) => {
    const { context } = rest;
    const { deviceId } = chosen.source;
    const { itses, config } = context.machine;
    const device = itses[itsOf(deviceId, config)]?.devices().find((each) => each.deviceId === deviceId);
    if (!device) return;
    const { bits, ittAddr } = device;
    const mapd = { name: 'MAPD', deviceId, size: bits - 1, ittAddr } as const;
    context.its.send({ ...mapd, valid: false });
    rest.stays(chosen, false, () => rest.signal(chosen), 'its device is not mapped');
    context.its.send({ ...mapd, valid: true });
    rest.stays(chosen, false, () => rest.signal(chosen), 'its device has no events');
    for (const [which, source] of context.sources.entries()) {
      if (source.kind !== 'msi' || source.deviceId !== deviceId) continue;
      const { eventId, intid, vcpu } = source;
      context.map({ deviceId, eventId, lpi: intid, vcpu });
      context.rename(which, source, context.collectionOf(vcpu));
    }
    rest.arrives(chosen, () => rest.signal(chosen), 'its device and its event are mapped again');
  }),
  {
    name: 'MAPI maps an event to the LPI of its number',
    look: (rest) => {
      const { its, machine, spareLpis, putConfig } = spareParts(rest);
      const lpi = spareLpis.at(-1);
      const device = machine.its.devices()[0];
      const [ram] = machine.config.memory;
      if (lpi === undefined || !device || !ram) return false;
      // The entry of the event lies in the table of an existing device, so the entry is in memory and overlaps no other data.
      const ittAddr = device.ittAddr - ((ITT_ENTRY * lpi) & ~(ITT_ALIGNMENT - 1));
      if (ittAddr < ram.base) return false;
      const event = { deviceId: SPARE_DEVICE, eventId: lpi as number } as const;
      const mapd = {
        name: 'MAPD',
        deviceId: SPARE_DEVICE,
        size: WIDE_EVENTS - 1,
        ittAddr,
      } as const;
      putConfig(lpi, LPI_OFF);
      its.send(
        { ...mapd, valid: true },
        { name: 'MAPI', ...event, collectionId: rest.context.collectionOf(0) },
      );
      its.send({ name: 'INV', ...event }, { name: 'INT', ...event });
      rest.expect(rest.isPending(lpi), `LPI ${lpi} is not pending after MAPI and INT of event ${lpi}`);
      its.send({ name: 'CLEAR', ...event });
      rest.expect(!rest.isPending(lpi), `LPI ${lpi} is pending after CLEAR`);
      its.send({ name: 'DISCARD', ...event }, { ...mapd, valid: false });
      its.send({ name: 'INT', ...event });
      rest.expect(!rest.isPending(lpi), `LPI ${lpi} is pending, and its device is not mapped`);
      return true;
    },
  },
  message('KVM_SIGNAL_MSI says whether the guest has mapped the event', (rest, chosen) => {
    const { machine, its, views } = rest.context;
    const { deviceId, eventId: data } = chosen.source;
    const address = itsFrame(machine.config, itsOf(deviceId, machine.config)) + gits.TRANSLATER;
    const send = (event: number, device = deviceId) => {
      try {
        return machine.vm.signalMsi({ address, data: event, flags: MSI_VALID_DEVID, deviceId: device });
      } catch (error) {
        return error instanceof KvmError ? error.errno : 'no errno';
      }
    };
    views.proof.raise(chosen.which);
    const answers: (number | string)[] = [];
    rest.comes(chosen, () => answers.push(send(data)), 'KVM_SIGNAL_MSI');
    rest.expect(answers[0] === 1, `KVM_SIGNAL_MSI of an event that is mapped returns ${answers[0]}`);
    rest.expect(send(0xffff) === 0, 'KVM_SIGNAL_MSI of an event that is not mapped is delivered');
    rest.expect(send(data, SPARE_DEVICE) === 0, 'KVM_SIGNAL_MSI of a device that is not mapped is delivered');
    its.setEnabled(false);
    rest.stays(chosen, false, () => answers.push(send(data)), 'the ITS is off');
    rest.expect(
      answers[1] === 'EBUSY',
      `KVM_SIGNAL_MSI returns ${answers[1]} while the ITS is off, not EBUSY`,
    );
    its.setEnabled(true);
  }),
  message('a signal of a masked vector comes once, at the unmask', (rest, chosen) => {
    const { userland } = rest.context;
    userland.mask(chosen.source.fd);
    const signals = () => {
      for (let count = 0; count < 3; count++) rest.signal(chosen);
    };
    rest.stays(chosen, false, signals, 'its vector is masked');
    rest.arrives(chosen, () => userland.unmask(chosen.source.fd), 'its vector is unmasked');
  }),
  message('an LPI below the priority mask waits', (rest, chosen) => {
    configure(rest, chosen, lpiConfig(MASKED_PRIORITY));
    rest.stays(chosen, true, () => rest.signal(chosen), 'its priority is below the mask of its vCPU');
    rest.arrives(chosen, () => enable(rest, chosen), 'it has a priority above the mask again');
  }),
];

function spareParts({ context }: AtRest) {
  const { its, machine, spareLpis } = context;
  return { its, machine, spareLpis, putConfig: context.putConfig.bind(context) };
}
