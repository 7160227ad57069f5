import { describe, expect, test } from 'vitest';
import { irqloom } from './run.ts';

describe('an option that a way of stress has no use for is refused, and not left out without a word', () => {
  test.each([
    [['--resume', 'kept.bin', '--report', 'r.html'], '--resume has no use for --report'],
    [['--resume', 'kept.bin', '--until-covered', '3'], '--resume has no use for --until-covered'],
    [
      ['--guest', 'linux', '--kernel', 'k', '--modules', 'm', '--metrics', 'x'],
      '--guest linux has no use for --metrics',
    ],
    [['--kernel', 'k'], '--kernel and --modules are for --guest linux'],
    [['--guest', 'linux', '--fault', 'stale-route'], 'Linux never changes the message of a vector in use'],
    [['--guest', 'bare', '--fault', 'lost-ack'], '--guest bare cannot show --fault lost-ack'],
    [['--irqchip', 'ioapic', '--lrs', '4'], '--irqchip ioapic has no use for --lrs'],
    [['--irqchip', 'ioapic', '--guest', 'bare'], '--irqchip ioapic has no use for --guest'],
    [['--irqchip', 'ioapic', '--abi', 'devid'], 'x86 has GSIs'],
    [['--irqchip', 'ioapic', '--spis', '25'], 'room for 24 wires, the pins of the IOAPIC, not 25'],
    [['--irqchip', 'ioapic', '-d', '40', '-e', '5'], 'room for 199 events and wires, a vector each, not 208'],
    [
      ['--irqchip', 'ioapic', '--lines', 'irq-line', '--fault', 'lost-ack'],
      '--fault lost-ack is about lines',
    ],
    [
      ['--irqchip', 'ioapic', '-v', '1', '--fault', 'wrong-vcpu'],
      '--fault wrong-vcpu needs at least 2 vCPUs',
    ],
    [['--irqchip', 'ioapic', '--churn', 'none', '--fault', 'stale-route'], 'shows only while routes'],
    [['--guest', 'bare', '--perturb', 'uniform'], '--guest bare runs without delays'],
  ])('%j', async (args, message) => {
    const { status, stdout, stderr } = await irqloom(['stress', ...args]);
    expect(stderr).toContain(message);
    expect([status, stdout]).toEqual([2, '']);
  });
});
