import type { DeviceId, EventId, Intid } from '../../arch/intid.ts';
import { gits } from '../../arch/registers.ts';
import { setUpIts } from '../../guest/index.ts';
import { pendingTableOf, VECTOR_LAYOUT } from '../vectors/vector-layout.ts';
import { vectorItsTables } from '../vectors/vector-macros.ts';
import { FRAME, type GuestCpu } from './guest-cpu.ts';

/** The two events of the trigger tests: device 2 to vCPU 3, device 7 to vCPU 2. */
const FIRST = { deviceId: 2, eventId: 20, lpi: 8195, collectionId: 3 } as const;
const SECOND = { deviceId: 7, eventId: 255, lpi: 8196, collectionId: 2 } as const;

const ittOf = (deviceId: DeviceId) => VECTOR_LAYOUT.ITT + deviceId * 0x4000;

/** The ITS's identification registers are read-only, and report the features that the guest needs. */
export function introspection(guest: GuestCpu, options: unknown): void {
  const { idBits } = options as { idBits: number };
  guest.setUp();
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  for (const [name, offset, bytes] of [
    ['IIDR', gits.IIDR, 4],
    ['TYPER', gits.TYPER, 8],
  ] as const) {
    const before = guest.read(FRAME.gits + offset, bytes);
    guest.write(FRAME.gits + offset, ~before, bytes);
    guest.equal(guest.read(FRAME.gits + offset, bytes), before, `GITS_${name} after a write`);
  }
  const typer = guest.read(FRAME.gits + gits.TYPER, 8);
  guest.equal(typer & 1n, 1, 'GITS_TYPER.Physical');
  guest.equal(((typer >> 8n) & 0x1fn) + 1n, idBits, 'EventID bits');
  guest.equal(((typer >> 13n) & 0x1fn) + 1n, idBits, 'DeviceID bits');
  guest.check(((typer >> 4n) & 0xfn) + 1n >= 8n, 'an ITT entry has less than 8 bytes');
  const types = Array.from(
    { length: 8 },
    (_, n) => (guest.read(FRAME.gits + gits.BASER + 8 * n, 8) >> 56n) & 7n,
  );
  guest.equal(types.filter((type) => type === 1n).length, 1, 'BASERs for devices');
  guest.equal(types.filter((type) => type === 4n).length, 1, 'BASERs for collections');
  guest.finish();
}

function mapBoth(guest: GuestCpu): void {
  guest.setUpIts();
  for (const { deviceId, eventId, lpi, collectionId } of [FIRST, SECOND]) {
    guest.zeroItt(deviceId);
    guest.configure(lpi, true);
    guest.its(
      { name: 'MAPD', deviceId, size: 7, ittAddr: ittOf(deviceId), valid: true },
      { name: 'MAPC', collectionId, rdbase: collectionId, valid: true },
      { name: 'INVALL', collectionId },
      { name: 'MAPTI', deviceId, eventId, lpi, collectionId },
    );
  }
}

const deliveries = (guest: GuestCpu) => [
  guest.notices.got(FIRST.collectionId, FIRST.lpi),
  guest.notices.got(SECOND.collectionId, SECOND.lpi),
];

function expectDeliveries(guest: GuestCpu, first: number, second: number, when: string): void {
  guest.wait(() => deliveries(guest).join() === [first, second].join(), 2_000);
  guest.settle();
  const [one = 0, other = 0] = deliveries(guest);
  guest.equal(one, first, `how often LPI ${FIRST.lpi} came ${when}`);
  guest.equal(other, second, `how often LPI ${SECOND.lpi} came ${when}`);
}

/** INT delivers; INV and INVALL apply the configuration table; MAPD V=0 ends all mappings of the device. */
export function trigger(guest: GuestCpu): void {
  guest.setUp();
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  mapBoth(guest);
  const { deviceId, eventId, lpi, collectionId } = FIRST;
  const int = { name: 'INT', deviceId, eventId } as const;
  guest.its(int);
  expectDeliveries(guest, 1, 0, 'by the first INT');
  guest.its({ name: 'INT', deviceId: SECOND.deviceId, eventId: SECOND.eventId });
  expectDeliveries(guest, 1, 1, 'by the INT of the other');

  guest.configure(lpi, false);
  guest.its({ name: 'INV', deviceId, eventId }, int);
  expectDeliveries(guest, 1, 1, 'while it was disabled');
  guest.configure(lpi, true);
  // The INT sent while the LPI was disabled is still pending; the second INT merges with it.
  guest.its(int, { name: 'INVALL', collectionId });
  expectDeliveries(guest, 2, 1, 'by INVALL');
  guest.its(int);
  expectDeliveries(guest, 3, 1, 'by one more INT');
  guest.its({ name: 'MAPD', deviceId, size: 7, ittAddr: ittOf(deviceId), valid: false }, int);
  expectDeliveries(guest, 3, 1, 'after the device was unmapped');
  guest.finish();
}

/** Before a migration: both events deliver once. */
export function migrationBefore(guest: GuestCpu): void {
  guest.setUp();
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  mapBoth(guest);
  intBoth(guest);
  expectDeliveries(guest, 1, 1, 'before the machine was moved');
  guest.finish();
}

/** After a migration, without new setup: both events deliver once more. */
export function migrationAfter(guest: GuestCpu): void {
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  intBoth(guest);
  expectDeliveries(guest, 2, 2, 'after the machine was moved');
  guest.finish();
}

function intBoth(guest: GuestCpu): void {
  for (const { deviceId, eventId } of [FIRST, SECOND]) guest.its({ name: 'INT', deviceId, eventId });
}

/** The number of LPIs set in the pending tables, of vCPUs 0 and 1 in turn. */
export const PENDING_LPIS = 256;

/** Sets LPIs in the pending tables while LPIs are disabled, then enables LPIs. No vCPU takes an LPI yet: group 1 is disabled. */
export function pendingBefore(guest: GuestCpu): void {
  guest.setUp();
  guest.cpu.groupEnable1 = false;
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  // Writes the table registers without EnableLPIs. PTZ stays 0, so EnableLPIs reads the pending tables.
  for (const vcpu of [0, 1]) {
    guest.write(guest.gicr(vcpu, 0), 0);
    guest.gic.setLpiTables(vcpu, {
      configTable: VECTOR_LAYOUT.PROP,
      pendingTable: pendingTableOf(vcpu),
      idBits: 16,
    });
  }
  const deviceId = 2;
  setUpIts(guest.machine.bus, FRAME.gits, vectorItsTables(16));
  guest.its(
    { name: 'MAPD', deviceId, size: 7, ittAddr: ittOf(deviceId), valid: true },
    { name: 'MAPC', collectionId: 0, rdbase: 0, valid: true },
    { name: 'MAPC', collectionId: 1, rdbase: 1, valid: true },
  );
  for (let index = 0; index < PENDING_LPIS; index++) {
    const lpi: Intid = 8192 + index;
    guest.configure(lpi, true);
    guest.its({ name: 'MAPTI', deviceId, eventId: index, lpi, collectionId: index % 2 });
    guest.machine.memory.setBits(VECTOR_LAYOUT.PEND + (index % 2) * 0x1_0000 + (lpi >> 3), 1 << (lpi & 7));
  }
  for (const vcpu of [0, 1]) guest.gic.enableLpis(vcpu);
  for (const collectionId of [0, 1]) guest.its({ name: 'INVALL', collectionId });
  guest.finish();
}

/** After the migration, the vCPUs enable group 1 and take the LPIs. */
export function pendingAfter(guest: GuestCpu): void {
  guest.cpu.groupEnable1 = true;
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  const all = () => {
    let sum = 0;
    for (let index = 0; index < PENDING_LPIS; index++) sum += guest.notices.got(index % 2, 8192 + index);
    return sum;
  };
  guest.wait(() => all() === PENDING_LPIS);
  guest.finish();
}

/** Maps an event to a collection that is not mapped yet. */
export function lateCollectionBefore(guest: GuestCpu): void {
  guest.setUp();
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  guest.setUpIts();
  guest.zeroItt(2);
  guest.configure(8192, true);
  guest.its(
    { name: 'MAPD', deviceId: 2, size: 7, ittAddr: ittOf(2), valid: true },
    { name: 'MAPTI', deviceId: 2, eventId: 0, lpi: 8192, collectionId: 0 },
  );
  guest.its({ name: 'INT', deviceId: 2, eventId: 0 }); // mapped to no vCPU
  guest.settle();
  guest.equal(guest.notices.gotByAll(8192), 0, 'how often it came without a collection');
  guest.finish();
}

/** After the migration, maps the collection; the event then delivers. */
export function lateCollectionAfter(guest: GuestCpu): void {
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  guest.its(
    { name: 'MAPC', collectionId: 0, rdbase: 0, valid: true },
    { name: 'INVALL', collectionId: 0 },
    { name: 'INT', deviceId: 2, eventId: 0 },
  );
  guest.wait(() => guest.notices.got(0, 8192) === 1);
  guest.finish();
}

export type LpiStress = {
  readonly devices: number;
  readonly events: number;
  /** Messages of each event. */
  readonly rounds: number;
  /** Threads that send. */
  readonly threads: number;
};

/** Flags of {@link lpiStress}: MAPPED: all events are mapped; SENT + n: device thread n has finished. */
export const MAPPED = 0;
export const SENT = 1;

/** Maps `devices` devices of `events` events each, spread over the vCPUs, and takes the LPIs that the device threads send. */
export function lpiStress(guest: GuestCpu, options: unknown): void {
  const { devices, events, threads } = options as LpiStress;
  guest.setUp();
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  guest.setUpIts();
  for (let collectionId = 0; collectionId < guest.vcpus; collectionId++)
    guest.its({ name: 'MAPC', collectionId, rdbase: collectionId, valid: true });
  for (let deviceId: DeviceId = 0; deviceId < devices; deviceId++) {
    guest.zeroItt(deviceId);
    guest.its({ name: 'MAPD', deviceId, size: 7, ittAddr: ittOf(deviceId), valid: true });
    for (let eventId: EventId = 0; eventId < events; eventId++) {
      const lpi: Intid = 8192 + deviceId * events + eventId;
      guest.configure(lpi, true);
      guest.its({ name: 'MAPTI', deviceId, eventId, lpi, collectionId: lpi % guest.vcpus });
    }
  }
  guest.notices.setFlag(MAPPED, 1);
  const sent = () => Array.from({ length: threads }, (_, thread) => guest.notices.flag(SENT + thread));
  guest.check(
    guest.wait(() => sent().every((flag) => flag === 1), 30_000),
    'the devices did not finish',
  );
  guest.finish();
}
