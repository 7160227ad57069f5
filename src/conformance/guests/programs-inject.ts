import type { Intid, VcpuId } from '../../arch/intid.ts';
import { gicd, gicr } from '../../arch/registers.ts';
import { IRQ_TYPE_PPI, IRQ_TYPE_SPI, packIrqLine } from '../../kvm/vgic/irq-line.ts';
import { FRAME, type GuestCpu } from './guest-cpu.ts';

const EOIMODE = 2;
const ALL = 0xffff_ffff;

/** What guest and userspace tell each other: the guest is ready; userspace has finished. */
export const READY = 0;
export const FINISHED = 1;

const lineOf = (intid: Intid, vcpu: VcpuId) =>
  packIrqLine({ type: intid < 32 ? IRQ_TYPE_PPI : IRQ_TYPE_SPI, vcpu: intid < 32 ? vcpu : 0, intid });

/** Every interrupt there is is enabled; SPI n goes to vCPU n modulo their number. */
function enableAll(guest: GuestCpu): void {
  for (let vcpu: VcpuId = 0; vcpu < guest.vcpus; vcpu++) guest.write(guest.gicr(vcpu, gicr.ISENABLER0), ALL);
  for (let intid: Intid = 32; intid < 32 + guest.machine.config.spis; intid++)
    guest.write(FRAME.gicd + gicd.IROUTER + 8 * intid, intid % guest.vcpus, 8);
  for (let word = 1; word <= guest.machine.config.spis / 32; word++)
    guest.write(FRAME.gicd + gicd.ISENABLER + 4 * word, ALL);
}

/** Every INTID, one after the other, made pending by gicd.ISPENDR; then userspace does it in its ways. */
export function injection(guest: GuestCpu): void {
  guest.setUp();
  // A PPI is level-triggered: its device lowers the wire before the guest ends it.
  guest.handler = (intid) => {
    if (intid >= 16 && intid < 32) guest.machine.vm.irqLine(lineOf(intid, guest.id), false);
    guest.end(intid);
  };
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  enableAll(guest);
  for (let intid: Intid = 0; intid < 32 + guest.machine.config.spis; intid++) {
    const before = guest.notices.gotByAll(intid);
    if (intid < 32) guest.write(guest.gicr(0, gicr.ISPENDR0), 2 ** intid);
    else guest.write(FRAME.gicd + gicd.ISPENDR + 4 * (intid >> 5), 2 ** (intid & 31));
    guest.wait(() => guest.notices.gotByAll(intid) > before, 2_000);
  }
  guest.notices.setFlag(READY, 1);
  guest.check(
    guest.wait(() => guest.notices.flag(FINISHED) === 1, 30_000),
    'userspace did not finish',
  );
  guest.finish();
}

/** Everything is enabled, and nothing must come. */
export function nothingComes(guest: GuestCpu): void {
  guest.setUp();
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  enableAll(guest);
  guest.notices.setFlag(READY, 1);
  guest.check(
    guest.wait(() => guest.notices.flag(FINISHED) === 1, 30_000),
    'userspace did not finish',
  );
  guest.finish();
}

export type RestoredActive = { readonly intid: Intid; readonly edge: boolean; readonly eoiMode: 0 | 1 };

/** Priority of the interrupt that is active from the start, of one that must wait for it, and of one that preempts. */
const PRIORITIES = [0x80, 0xa0, 0x40] as const;
export const ACTIVE_PRIORITY = PRIORITIES[0];

/**
 * Userspace has restored an interrupt as active, with its priority. It does not come while it is active, neither does a
 * less urgent one; a more urgent one does. Once it is ended, both come.
 */
export function restoredActive(guest: GuestCpu, options: unknown): void {
  const { intid, edge, eoiMode } = options as RestoredActive;
  guest.setUp();
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  const { notices, cpu, machine } = guest;
  const mine = [intid, intid + 1, intid + 2] as const;
  cpu.control = eoiMode === 1 ? EOIMODE : 0;
  guest.handler = (taken) => {
    if (!edge) machine.vm.irqLine(lineOf(taken, 0), false);
    guest.end(taken);
  };
  const raise = (which: number) => machine.vm.irqLine(lineOf(which, 0), true);
  mine.forEach((which, index) => {
    guest.write(FRAME.gicd + gicd.IPRIORITYR + which, PRIORITIES[index] ?? 0, 1);
    guest.write(FRAME.gicd + gicd.ISENABLER + 4 * (which >> 5), 2 ** (which & 31));
  });
  guest.check(
    (Number(guest.read(FRAME.gicd + gicd.ISACTIVER + 4 * (intid >> 5))) & (1 << (intid & 31))) !== 0,
    'it is not active',
  );
  guest.equal(cpu.runningPriority, ACTIVE_PRIORITY, 'the running priority that was restored');

  raise(mine[0]);
  raise(mine[1]);
  guest.settle();
  guest.equal(notices.got(0, mine[0]) + notices.got(0, mine[1]), 0, 'what came while it was active');
  raise(mine[2]);
  guest.wait(() => notices.got(0, mine[2]) === 1);
  guest.settle();
  guest.equal(notices.got(0, mine[2]), 1, 'how often the more urgent one came');
  guest.equal(notices.got(0, mine[0]) + notices.got(0, mine[1]), 0, 'what came after the more urgent one');

  cpu.endOfInterrupt(intid);
  if (eoiMode === 1) {
    guest.check(
      guest.wait(() => notices.got(0, mine[1]) === 1),
      'EOI did not drop the priority',
    );
    guest.equal(notices.got(0, mine[0]), 0, 'how often it came between EOI and DIR');
    cpu.deactivate(intid);
  }
  guest.wait(() => mine.every((which) => notices.got(0, which) === 1));
  guest.equal(cpu.runningPriority, 0xff, 'the running priority in the end');
  guest.finish();
}

/** Offset of the configuration register of an SPI, and the two bits in it that make it edge-triggered. */
export function triggerOf(intid: Intid): { offset: number; mask: number } {
  return { offset: gicd.ICFGR + 4 * (intid >> 4), mask: 2 << (2 * (intid & 15)) };
}
