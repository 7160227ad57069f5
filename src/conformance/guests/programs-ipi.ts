import { gicd, gicr } from '../../arch/registers.ts';
import { FRAME, type GuestCpu } from './guest-cpu.ts';

/** ICC_CTLR_EL1.EOImode. */
const EOIMODE = 2;

/** vCPU 0 sends an SGI to itself. */
export function ipiSelf(guest: GuestCpu): void {
  guest.setUp();
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  guest.sgi(1, [0]);
  guest.wait(() => guest.notices.got(0, 1) === 1);
  guest.finish();
}

/** vCPU 0 sends SGIs to a target list: every second vCPU, itself included. */
export function ipiList(guest: GuestCpu): void {
  guest.setUp();
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  const targets = Array.from({ length: guest.vcpus }, (_, vcpu) => vcpu).filter((vcpu) => vcpu % 2 === 0);
  guest.sgi(2, targets);
  guest.wait(() => targets.every((vcpu) => guest.notices.got(vcpu, 2) === 1));
  guest.finish();
}

/** Each vCPU in turn sends an SGI with its own INTID to all other vCPUs. */
export function ipiBroadcast(guest: GuestCpu): void {
  guest.setUp();
  guest.wait(() => guest.notices.flag(0) === guest.id);
  guest.sgi(3 + guest.id, 'others');
  const others = Array.from({ length: guest.vcpus }, (_, vcpu) => vcpu).filter((vcpu) => vcpu !== guest.id);
  guest.wait(() => others.every((vcpu) => guest.notices.got(vcpu, 3 + guest.id) === 1));
  guest.notices.setFlag(0, guest.id + 1);
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  guest.wait(() => guest.notices.flag(0) === guest.vcpus);
  guest.finish();
}

/** ICACTIVER, not DIR, clears the active state of an interrupt; the interrupt is then delivered again. */
export function activeCleared(guest: GuestCpu): void {
  guest.setUp();
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  const active = () => Number(guest.read(guest.gicr(0, gicr.ISACTIVER0))) & (1 << 4);
  guest.cpu.control = EOIMODE;
  guest.handler = (intid) => {
    guest.check(active() !== 0, `SGI ${intid} is not active in its handler`);
    guest.cpu.endOfInterrupt(intid);
    guest.check(active() !== 0, `EOI has deactivated SGI ${intid} in EOImode 1`);
    if (guest.notices.got(0, 4) < 3) {
      guest.sgi(4, [0]);
      guest.check(!guest.cpu.signalled, 'an active interrupt is signalled again');
    }
    guest.write(guest.gicr(0, gicr.ICACTIVER0), 1 << 4);
    guest.equal(active(), 0, 'the active bit after gicd.ICACTIVER');
  };
  guest.sgi(4, [0]);
  guest.wait(() => guest.notices.got(0, 4) === 3);
  guest.finish();
}

/** 31 SPIs of 31 priorities preempt each other, and unwind in order. */
export function preemption(guest: GuestCpu): void {
  guest.setUp(0xf8);
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  const levels = 31;
  const intidOf = (level: number) => 32 + level;
  const priorityOf = (level: number) => 0xf0 - 8 * level;
  for (let level = 0; level < levels; level++) {
    guest.write(FRAME.gicd + gicd.IPRIORITYR + intidOf(level), priorityOf(level), 1);
    guest.write(FRAME.gicd + gicd.ISENABLER + 4, 1 << level);
  }
  let depth = 0;
  guest.handler = (intid) => {
    guest.equal(intid, intidOf(depth), `the interrupt taken at depth ${depth}`);
    const own = depth++;
    guest.equal(guest.cpu.runningPriority, priorityOf(own), `the running priority at depth ${own}`);
    if (own > 0) {
      // A less urgent interrupt must wait.
      guest.write(FRAME.gicd + gicd.ISPENDR + 4, 1 << 31);
      guest.check(!guest.cpu.signalled, 'a less urgent interrupt is signalled');
    }
    if (depth < levels) {
      guest.write(FRAME.gicd + gicd.ISPENDR + 4, 1 << depth);
      guest.check(guest.take(), `nothing preempts at depth ${own}`);
    }
    guest.equal(guest.cpu.runningPriority, priorityOf(own), `the running priority back at depth ${own}`);
    guest.end(intid);
    depth = own;
  };
  guest.write(FRAME.gicd + gicd.ISPENDR + 4, 1);
  guest.wait(() => guest.notices.got(0, intidOf(levels - 1)) === 1);
  guest.equal(guest.cpu.runningPriority, 0xff, 'the running priority in the end');
  guest.finish();
}

/** An SGI of group 0 stays pending until IGRPEN0 is 1, and is taken by IAR0. */
export function group0(guest: GuestCpu): void {
  guest.setUp();
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  guest.write(guest.gicr(0, gicr.IGROUPR0), 0xffff_ffff & ~(1 << 8));
  guest.machine.gic.systemRegisters[0]?.writeSystemRegister('ICC_SGI0R_EL1', 0x0800_0001n);
  const pending = () => Number(guest.read(guest.gicr(0, gicr.ISPENDR0)) >> 8n) & 1;
  guest.settle();
  guest.equal(pending(), 1, 'the pending bit while IGRPEN0 is 0');
  guest.equal(guest.notices.got(0, 8), 0, 'how often it came while IGRPEN0 is 0');
  guest.cpu.groupEnable0 = true;
  guest.wait(() => guest.notices.got(0, 8) === 1);
  guest.equal(pending(), 0, 'the pending bit after it was taken');
  guest.finish();
}

/** vCPU 0 takes an SPI in EOImode 1; vCPU 1 deactivates it by DIR; only then is the SPI delivered again. */
export function asymmetricDir(guest: GuestCpu): void {
  const spi = 40;
  guest.setUp();
  guest.cpu.control = EOIMODE;
  if (guest.id === 1) {
    guest.wait(() => guest.notices.flag(0) === 1);
    guest.cpu.deactivate(spi);
    guest.notices.setFlag(0, 2);
  }
  if (guest.id !== 0) {
    guest.serve();
    return;
  }
  guest.handler = (intid) => guest.cpu.endOfInterrupt(intid);
  const isActive = () => (Number(guest.read(FRAME.gicd + gicd.ISACTIVER + 4)) & (1 << (spi - 32))) !== 0;
  const raise = () => guest.write(FRAME.gicd + gicd.ISPENDR + 4, 1 << (spi - 32));
  guest.write(FRAME.gicd + gicd.IROUTER + 8 * spi, 0, 8);
  guest.write(FRAME.gicd + gicd.ISENABLER + 4, 1 << (spi - 32));
  raise();
  guest.wait(() => guest.notices.got(0, spi) === 1);
  guest.check(isActive(), 'the SPI is not active after EOI in EOImode 1');
  raise();
  guest.settle();
  guest.equal(guest.notices.got(0, spi), 1, 'how often it came while it was active');
  guest.notices.setFlag(0, 1);
  guest.wait(() => guest.notices.flag(0) === 2 && guest.notices.got(0, spi) === 2);
  guest.cpu.deactivate(spi);
  guest.finish();
}
