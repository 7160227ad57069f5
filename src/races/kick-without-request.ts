import { NONE } from '../gic/interrupts.ts';
import { exchange, load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { enableSpi, machineOf, onMachine, pending, type Shared, takeNext } from './on-machine.ts';
import { requireNoStrandedWork } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ queued: 1, mode: 1, ipi: 1, listRegister: 1 });
const IN_GUEST = 1;
const SPI = 40;

export const kickWithoutRequest = defineRace<Words, Shared>({
  number: 3,
  slug: 'kick-without-request',
  title: 'the kick finds the vCPU outside the guest, but past its last look',
  component: 'vCPU kick',
  symptom: 'lost interrupt (delayed without bound)',
  oracle: 'O1',
  kind: 'assertion',
  preemptions: 1,
  schedule: 'vcpu:flush ! device:queue device:ipi-if-in | vcpu:mode-in vcpu:guest',
  steps: {
    'vcpu:flush': ['exchange queued', 'load vcpu0.alone'],
    'device:queue': ['store queued', 'or spi'],
    'device:ipi-if-in': ['load mode', 'notify vcpu0.bell'],
    'vcpu:mode-in': ['store mode', undefined],
    'vcpu:guest': ['store listRegister', 'wait vcpu0.bell'],
  },
  reference:
    'Linux 325f9c649c8a made the arm64 vGIC raise a vCPU request before every such kick. Documentation/virt/kvm/vcpu-requests.rst describes the kick without a request and its limits.',
  story:
    'The vCPU moves pending interrupts into its list registers; there are none. A device queues an interrupt and checks whether the vCPU is in the guest: not yet, so the device sends no IPI and trusts the next entry. But the flush of that entry is over: the guest runs without the interrupt until something else stops it.',
  fix: "the machine's halt and ring: the vCPU announces itself on its bell before it looks at its list, and a producer that lists an interrupt rings the bell afterwards",
  lesson:
    'A kicker that decides by the mode of a vCPU has to set a request first, and the vCPU has to check for requests after it has changed its mode.',
  buggy: {
    ...memory(),
    threads: {
      vcpu(words) {
        const flushed = exchange(words, at.queued, 0);
        store(words, at.mode, IN_GUEST);
        store(words, at.listRegister, flushed);
      },
      device(words) {
        store(words, at.queued, 1);
        if (load(words, at.mode) === IN_GUEST) store(words, at.ipi, 1);
      },
    },
    finally(words) {
      // An IPI makes the vCPU leave the guest and look again.
      const stays = load(words, at.mode) === IN_GUEST && load(words, at.ipi) === 0;
      requireNoStrandedWork(stays, load(words, at.queued) !== 0, 'the vCPU in its guest');
    },
  },
  fixed: {
    ...onMachine((machine) => enableSpi(machine, SPI)),
    threads: {
      vcpu(shared) {
        const { interrupts } = machineOf(shared, 1).gic;
        const bell = interrupts.bell(0);
        for (;;) {
          const ticket = bell.announce();
          if (takeNext(interrupts, 0) !== NONE) {
            bell.withdraw();
            return;
          }
          bell.park(ticket);
        }
      },
      device(shared) {
        const { interrupts } = machineOf(shared, 2).gic;
        interrupts.latch(interrupts.find(0, SPI), SPI);
      },
    },
    finally(shared) {
      requireNoStrandedWork(true, pending(machineOf(shared, 0), SPI), 'vCPU 0');
    },
  },
});
