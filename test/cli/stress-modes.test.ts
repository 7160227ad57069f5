import { describe, expect, test } from 'vitest';
import { irqloom } from './run.ts';

describe('a mode of stress refuses an option that the mode has no use for', () => {
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
    [['--itses', '2'], '--itses 2 is for a synthetic guest: give -v, -d and -e'],
    [['--irqchip', 'ioapic', '--abi', 'direct'], 'x86 has GSIs'],
    [
      ['--irqchip', 'ioapic', '--lines', 'irq-line', '--fault', 'lost-ack'],
      '--fault lost-ack is about lines',
    ],
    [['--guest', 'bare', '--perturb', 'uniform'], '--guest bare runs without delays'],
  ])('%j', async (args, message) => {
    const { status, stdout, stderr } = await irqloom(['stress', ...args]);
    expect(stderr).toContain(message);
    expect([status, stdout]).toEqual([2, '']);
  });
});
