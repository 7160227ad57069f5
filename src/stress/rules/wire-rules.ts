import { FIRST_SPI } from '../../arch/intid.ts';
import { gicd, wordOf } from '../../arch/registers.ts';
import { LINE } from '../../gic/state.ts';
import { LINUX_PRIORITY } from '../../guest/index.ts';
import type { AtRest, Chosen, Rule } from './at-rest.ts';

const MASKED_PRIORITY = 0xf8;
/** An affinity that no vCPU has: Aff2, since KVM keeps no Aff3. */
const NOWHERE = 0xffn << 16n;

const wire = (name: string, look: (rest: AtRest, chosen: Chosen) => void): Rule => ({
  name,
  look: (rest) => {
    const chosen = rest.choose('edge');
    if (chosen) look(rest, chosen);
    return chosen !== undefined;
  },
});

/** Signals while the SPI is disabled: pending then, and not delivered. */
function pend(rest: AtRest, chosen: Chosen): void {
  rest.context.gic.setSpiEnabled(chosen.source.intid, false);
  rest.stays(chosen, true, () => rest.signal(chosen), 'it is disabled, so a signal waits');
}

export const WIRE_RULES: readonly Rule[] = [
  wire('a disabled SPI waits for its enable', (rest, chosen) => {
    const { gic } = rest.context;
    pend(rest, chosen);
    rest.arrives(
      chosen,
      () => gic.setSpiEnabled(chosen.source.intid, true),
      'it was pending when it was enabled',
    );
  }),
  wire('ICPENDR clears a pending SPI', (rest, chosen) => {
    const { gic } = rest.context;
    const { intid } = chosen.source;
    pend(rest, chosen);
    rest.stays(
      chosen,
      false,
      () => gic.setSpiPending(intid, false),
      'ICPENDR has taken away what was pending',
    );
    rest.stays(
      chosen,
      false,
      () => gic.setSpiEnabled(intid, true),
      'nothing was pending when it was enabled',
    );
  }),
  wire('ISPENDR makes an SPI pending', (rest, chosen) => {
    rest.arrives(chosen, () => rest.context.gic.setSpiPending(chosen.source.intid, true), 'ISPENDR');
  }),
  wire('an edge is latched when its wire rises, and not when the wire falls', (rest, chosen) => {
    const { gic, machine } = rest.context;
    const { intid } = chosen.source;
    const irq = machine.vm.design.lineOfPin(intid - FIRST_SPI);
    gic.setSpiEnabled(intid, false);
    rest.stays(chosen, true, () => machine.vm.irqLine(irq, true), 'it is disabled, and its wire rose');
    rest.stays(chosen, false, () => gic.setSpiPending(intid, false), 'ICPENDR has taken it away');
    rest.stays(chosen, false, () => machine.vm.irqLine(irq, false), 'its wire fell');
    rest.stays(chosen, false, () => gic.setSpiEnabled(intid, true), 'nothing was pending');
  }),
  wire('an interrupt of a group that no vCPU takes waits', (rest, chosen) => {
    const { bus, config } = rest.context.machine;
    const { intid } = chosen.source;
    const at = config.gicdBase + wordOf(gicd.IGROUPR, intid);
    const bit = 1n << BigInt(intid & 31);
    const word = bus.read(at, 4);
    rest.expect((word & bit) !== 0n, `IGROUPR of INTID ${intid} reads 0, and it is in group 1`);
    bus.write(at, 4, word & ~bit);
    rest.stays(chosen, true, () => rest.signal(chosen), 'it is in group 0, and the guest takes group 1');
    rest.sleeps(chosen.source.vcpu, 'what is pending is in group 0, and the guest takes group 1');
    rest.arrives(chosen, () => bus.write(at, 4, word), 'it is in group 1 again');
  }),
  wire('an SPI below the priority mask waits', (rest, chosen) => {
    const { gic } = rest.context;
    const { intid } = chosen.source;
    gic.setSpiPriority(intid, MASKED_PRIORITY);
    rest.stays(chosen, true, () => rest.signal(chosen), 'its priority is below the mask of its vCPU');
    rest.sleeps(chosen.source.vcpu, 'what is pending has a priority below its mask');
    rest.arrives(
      chosen,
      () => gic.setSpiPriority(intid, LINUX_PRIORITY),
      'it has a priority above the mask again',
    );
  }),
  wire('a pending SPI moves with IROUTER', (rest, chosen) => {
    const { context } = rest;
    const { intid, vcpu } = chosen.source;
    const to = rest.otherThan(vcpu);
    pend(rest, chosen);
    context.views.proof.beginMove(chosen.which, intid, to);
    context.gic.targetSpi(intid, to);
    context.views.proof.endMove(chosen.which);
    context.rename(chosen.which, { ...chosen.source, vcpu: to });
    rest.arrives(
      chosen,
      () => context.gic.setSpiEnabled(intid, true),
      'it was pending when IROUTER moved it',
    );
  }),
  wire('an SPI that is routed to no vCPU waits', (rest, chosen) => {
    const { machine, gic } = rest.context;
    const { intid, vcpu } = chosen.source;
    machine.bus.write(machine.config.gicdBase + gicd.IROUTER + 8 * intid, 8, NOWHERE);
    rest.stays(chosen, true, () => rest.signal(chosen), 'it is routed to no vCPU');
    // KVM holds back an interrupt that was pending without a target until its next signal.
    const again = () => {
      gic.targetSpi(intid, vcpu);
      if (!machine.gic.personality.requeues) rest.signal(chosen);
    };
    rest.arrives(chosen, again, 'it is routed to a vCPU again');
  }),
  {
    name: 'a level that fell again is not pending',
    look: (rest) => {
      const chosen = rest.choose('level', ({ resamplefd }) => resamplefd < 0);
      if (!chosen) return false;
      const { machine, gic } = rest.context;
      const { vm } = machine;
      const { intid } = chosen.source;
      const irq = vm.design.lineOfPin(intid - FIRST_SPI);
      gic.setSpiEnabled(intid, false);
      rest.stays(chosen, true, () => vm.irqLine(irq, true), 'it is disabled, and its line is high');
      rest.stays(chosen, false, () => vm.irqLine(irq, false), 'its line is low');
      rest.stays(chosen, false, () => gic.setSpiEnabled(intid, true), 'its line is low');
      rest.arrives(chosen, () => vm.irqLine(irq, true), 'its line is high until its handler lowers it');
      return true;
    },
  },
  {
    name: 'the end of a level that resamples lowers its line, and tells every device on it',
    look: (rest) => {
      const chosen = rest.choose('level', ({ resamplefd }) => resamplefd >= 0);
      if (!chosen) return false;
      const { machine, views, sources } = rest.context;
      const { intid } = chosen.source;
      const line = rest.context.lineOf(intid);
      const fds = sources.flatMap((source) =>
        source.intid === intid && source.resamplefd >= 0 ? [source.resamplefd] : [],
      );
      for (const fd of fds) machine.vm.irqfds.eventfd(fd).drain();
      views.account.masks(line);
      rest.signal(chosen);
      const told = () => fds.every((fd) => machine.vm.irqfds.eventfd(fd).readable);
      rest.context.until(told);
      rest.settle();
      views.account.masks(line);
      rest.expect(told(), `the devices on the line of INTID ${intid} were not all told of its end`);
      const state = machine.gic.interrupts.state(machine.gic.interrupts.find(0, intid));
      rest.expect((state & LINE) === 0, `the line of INTID ${intid} is up, and its interrupt has ended`);
      return true;
    },
  },
];
