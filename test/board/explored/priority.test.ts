/** What decides on an acknowledge, priority and group, changed while the vCPU acknowledges, under every interleaving. */
import { describe, expect, test } from 'vitest';
import { gicd } from '../../../src/arch/registers.ts';
import { isCaught, passesEvery } from '../../exploring.ts';
import { LPI, ONE_EVENT, onMachine, SPI, type Story, type View } from './rig.ts';

const MASK = 0xb0;
const URGENT = 0xa0;
const BELOW = 0xc0;

/** Acknowledges once: what is taken got past the mask, and is of group 1. */
function acknowledge(view: View): void {
  const cpu = view.makeCpu(0);
  cpu.priorityMask = MASK;
  const intid = cpu.acknowledge();
  if (intid === 1023) return;
  expect(cpu.runningPriority, `priority of INTID ${intid}, which was taken`).toBeLessThan(MASK);
  expect(cpu.activePriorities0, `priorities active in group 0 with INTID ${intid}`).toBe(0);
}

/** In the end it can be taken where nothing masks it: no change has lost it. */
const remains = (view: View) => void view.drain(0);

const lpi: Story = {
  name: 'priority-of-an-lpi-against-acknowledge',
  commands: ONE_EVENT,
  before: (view) => view.signal(0, () => void view.gic.lpis.latch(LPI)),
  threads: {
    guest: ({ gic }) => void gic.lpis.configure(LPI, BELOW | 1),
    vcpu: acknowledge,
  },
  finally: remains,
  sources: [],
};

const spi: Story = {
  name: 'priority-of-an-spi-against-acknowledge',
  before: ({ gic }) => {
    gic.distributor.write(gicd.IPRIORITYR + SPI, 1, BigInt(URGENT));
    gic.distributor.write(gicd.ISPENDR + 4, 4, 1n);
  },
  threads: {
    guest: ({ gic }) => gic.distributor.write(gicd.IPRIORITYR + SPI, 1, BigInt(BELOW)),
    vcpu: acknowledge,
  },
  levels: true,
  finally: remains,
  sources: [],
};

const group: Story = {
  ...spi,
  name: 'group-of-an-spi-against-acknowledge',
  threads: {
    guest: ({ gic }) => gic.distributor.write(gicd.IGROUPR + 4, 4, 0n),
    vcpu: acknowledge,
  },
  finally: (view) => {
    view.gic.distributor.write(gicd.IGROUPR + 4, 4, 0xffff_ffffn);
    remains(view);
  },
};

describe('a change of what an acknowledge decides on', () => {
  test.each([lpi, spi, group])('$name: nothing is taken that may not be, whatever the order', (story) => {
    expect(passesEvery(onMachine(story)).schedules).toBeGreaterThan(2);
  });

  test.each([lpi, spi, group])(
    '$name: found where the acknowledge takes it in whatever state it is',
    (story) => {
      isCaught(onMachine(story, 'take-is-as-decided: in any'), 'assertion');
    },
  );
});
