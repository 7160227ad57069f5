import { IN_GUEST, OUTSIDE, REQUEST_EXIT } from '../board/vcpu-control.ts';
import { load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { machineOf, onMachine, type Shared } from './on-machine.ts';
import { requireNoStrandedWork } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ requests: 1, mode: 1, ipi: 1, entered: 1 });

export const requestModeDekker = defineRace<Words, Shared>({
  number: 4,
  slug: 'request-mode-dekker',
  title: '"request" and "mode" are two flags that have to be crossed in the right order',
  component: 'vCPU kick',
  symptom: 'missed wake-up',
  oracle: 'O1',
  kind: 'assertion',
  preemptions: 1,
  schedule: 'vcpu:check-request ! kicker:set-request kicker:ipi-if-in | vcpu:mode-in vcpu:guest',
  steps: {
    'vcpu:check-request': ['load requests', 'load vcpu0.control'],
    'kicker:set-request': ['store requests', 'or vcpu0.control'],
    'kicker:ipi-if-in': ['load mode', 'load vcpu0.bell'],
    'vcpu:mode-in': ['store mode', undefined],
    'vcpu:guest': ['store entered', 'wait vcpu0.bell'],
  },
  reference:
    'Linux 6b7e2d099148 added the state "exiting guest mode" and the barrier between setting a request and reading the mode; d4acf7e7abe4 repaired requests that were tested too early on the way in. Documentation/virt/kvm/vcpu-requests.rst explains the pattern.',
  story:
    'The vCPU checks for requests before it says that it is in the guest. In between, a kicker sets a request, reads that the vCPU is outside, and sends no IPI. The vCPU enters its guest with a request of which no IPI will tell it.',
  fix: "the machine's VcpuControl and bell: the mode is stored before the requests are looked at, the request before the bell is rung",
  lesson:
    'Store yours, then read theirs, on both sides. (On hardware with store buffers also: with a full barrier between the two.)',
  buggy: {
    ...memory(),
    threads: {
      vcpu(words) {
        if (load(words, at.requests) !== 0) return;
        store(words, at.mode, IN_GUEST);
        store(words, at.entered, 1);
      },
      kicker(words) {
        store(words, at.requests, REQUEST_EXIT);
        if (load(words, at.mode) === IN_GUEST) store(words, at.ipi, 1);
      },
    },
    finally(words) {
      const stays = load(words, at.mode) === IN_GUEST && load(words, at.ipi) === 0;
      requireNoStrandedWork(stays, load(words, at.requests) !== 0, 'the vCPU in its guest');
    },
  },
  fixed: {
    ...onMachine(() => {}),
    threads: {
      vcpu(shared) {
        const machine = machineOf(shared, 1);
        const control = machine.control(0);
        const bell = machine.gic.interrupts.bell(0);
        control.mode = IN_GUEST;
        while (!control.take(REQUEST_EXIT)) {
          const ticket = bell.announce();
          if (control.requests !== 0) bell.withdraw();
          else bell.park(ticket);
        }
        control.mode = OUTSIDE;
      },
      // As Vcpu.kick does.
      kicker(shared) {
        const machine = machineOf(shared, 2);
        machine.control(0).request(REQUEST_EXIT);
        machine.gic.interrupts.ring(0);
      },
    },
    finally(shared) {
      requireNoStrandedWork(true, machineOf(shared, 0).control(0).requests !== 0, 'the vCPU');
    },
  },
});
