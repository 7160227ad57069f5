/** An SPI that is alone on its vCPU's list, without a slot there, against others, under every interleaving. */
import { describe, expect, test } from 'vitest';
import type { Intid } from '../../../src/arch/intid.ts';
import { isCaught, passesEvery } from '../../exploring.ts';
import { onMachine, SPI, type Story, type View } from './rig.ts';

const OTHER: Intid = SPI + 1;
const latch = (view: View, intid: Intid) =>
  view.signal(intid - SPI, () => void view.interrupts.latch(view.interrupts.find(0, intid), intid));

/** Takes the SPI twice in a row, so that it is alone from then on; the CPU interface. */
function takeTwice(view: View) {
  const cpu = view.makeCpu(0);
  for (let turn = 0; turn < 2; turn++) {
    latch(view, SPI);
    view.drain(0, 1, cpu);
  }
  return cpu;
}

const SLEEPS = ['lost-wakeup', 'orphan-wait', 'livelock', 'deadlock', 'assertion'] as const;

describe('an SPI that is alone on the list, against another', () => {
  const story: Story = {
    name: 'lone-spi-against-another',
    threads: {
      other: (view) => latch(view, OTHER),
      vcpu: (view) => {
        const cpu = takeTwice(view);
        latch(view, SPI);
        view.drain(0, 1, cpu);
        view.drain(0, 1, cpu);
      },
    },
    sources: [0, 1],
  };

  test('neither is lost, whatever the order', () => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(20);
  });

  test.each([
    'producer-ends-lone-note: left there',
    'append-ends-lone-note: not ended',
    'lone-interrupt-stands-alone: beside others',
  ] as const)('one is lost with %s', (mistake) => {
    isCaught(onMachine(story, mistake), SLEEPS);
  });

  /** A device signals it again while the vCPU ends it, and another device signals the other. */
  const again: Story = {
    name: 'lone-spi-comes-again',
    threads: {
      device: (view) => latch(view, SPI),
      other: (view) => latch(view, OTHER),
      vcpu: (view) => {
        const cpu = takeTwice(view);
        view.drain(0, 2, cpu);
      },
    },
    sources: [0, 1],
  };

  test('none of three is lost, up to two preemptions', () => {
    passesEvery(onMachine(again), { strategy: 'dfs', preemptions: 2 });
  });

  /** First come: it is on the list for as long as it is active. */
  const inOrder: Story = {
    name: 'lone-spi-keeps-its-place',
    threads: {
      vcpu: (view) => {
        const cpu = takeTwice(view);
        latch(view, SPI);
        const intid = cpu.acknowledge();
        view.deliver(intid);
        latch(view, OTHER);
        latch(view, SPI);
        cpu.endOfInterrupt(intid);
        expect(view.drain(0, 2, cpu)).toEqual([SPI, OTHER]);
      },
    },
    sources: [0, 1],
  };

  test('one that comes again while it is active goes before the other', () => {
    passesEvery(onMachine(inOrder));
  });

  test('not so where it has no place while it is active', () => {
    isCaught(onMachine(inOrder, 'lone-active-keeps-place: no place'), 'assertion');
  });
});
