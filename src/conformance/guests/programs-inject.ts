import type { Intid, VcpuId } from '../../arch/intid.ts';
import { gicd, gicr } from '../../arch/registers.ts';
import { IRQ_TYPE_PPI, IRQ_TYPE_SPI, packIrqLine } from '../../kvm/vgic/irq-line.ts';
import { FRAME, type GuestCpu } from './guest-cpu.ts';

const EOIMODE = 2;
const ALL = 0xffff_ffff;

/** Flags: the guest is ready; userspace has finished. */
export const READY = 0;
export const FINISHED = 1;

const lineOf = (intid: Intid, vcpu: VcpuId) =>
  packIrqLine({ type: intid < 32 ? IRQ_TYPE_PPI : IRQ_TYPE_SPI, vcpu: intid < 32 ? vcpu : 0, intid });

/** Enables all interrupts. SPI n targets vCPU n modulo the number of vCPUs. */
function enableAll(guest: GuestCpu): void {
  for (let vcpu: VcpuId = 0; vcpu < guest.vcpus; vcpu++) guest.write(guest.gicr(vcpu, gicr.ISENABLER0), ALL);
  for (let intid: Intid = 32; intid < 32 + guest.machine.config.spis; intid++)
    guest.write(FRAME.gicd + gicd.IROUTER + 8 * intid, intid % guest.vcpus, 8);
  for (let word = 1; word <= guest.machine.config.spis / 32; word++)
    guest.write(FRAME.gicd + gicd.ISENABLER + 4 * word, ALL);
}

/** Makes every INTID pending in turn by GICD_ISPENDR; then userspace injects each by its own calls. */
export function injection(guest: GuestCpu): void {
  guest.setUp();
  // A PPI is level-triggered: its device lowers the wire before the guest's EOI.
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

/** Enables all interrupts; no interrupt must come. */
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

/** Priorities of the restored active interrupt, of a less urgent one that waits, and of one that preempts. */
const PRIORITIES = [0x80, 0xa0, 0x40] as const;
export const ACTIVE_PRIORITY = PRIORITIES[0];

/**
 * Userspace has restored an interrupt as active, with its active priority. While active, neither it nor a less urgent interrupt is
 * delivered; a more urgent one is. After its EOI, both are delivered.
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

/** The GICD_ICFGR of an SPI, and the bit in it that makes the SPI edge-triggered. */
export function triggerOf(intid: Intid): { offset: number; mask: number } {
  return { offset: gicd.ICFGR + 4 * (intid >> 4), mask: 2 << (2 * (intid & 15)) };
}
