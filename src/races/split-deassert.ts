import { LINE } from '../gic/state.ts';
import { sleepWhile, wake } from '../memory/bare-wait.ts';
import { FOREVER } from '../memory/event-count.ts';
import { load, store, type Words } from '../memory/word.ts';
import { model } from './model.ts';
import { enableSpi, machineOf, onMachine, type Shared, stateOf, takeNext } from './on-machine.ts';
import { requireLineTruth } from './oracles.ts';
import { defineRace } from './race.ts';

const { at, memory } = model({ line: 1, device1: 1, device2: 1, event1: 1, event2: 1 });

/** A device's listener: at the EOI, raises the line again if the device needs service. */
function listen(words: Words, event: number, device: number): void {
  sleepWhile(words, event, 0, FOREVER);
  if (load(words, device) !== 0) store(words, at.line, 1);
}

function notify(words: Words, event: number): void {
  store(words, event, 1);
  wake(words, event);
}

const GSI = 8;
const SPI = 40;
/** By device: its irqfd, and its resamplefd. */
const TRIGGERS = [0, 1];
const RESAMPLERS = [2, 3];
/** The machine's scenario words: the level of each device. */
const DEVICES = 0;

function listenByEventFd(shared: Shared, thread: number, device: number): void {
  const { vm, words, scenario } = machineOf(shared, thread);
  vm.irqfds.eventfd(RESAMPLERS[device] ?? -1).read();
  if (load(words, scenario.at + DEVICES + device) !== 0) vm.irqfds.write(TRIGGERS[device] ?? -1);
}

export const splitDeassert = defineRace<Words, Shared>({
  number: 22,
  slug: 'split-deassert',
  title: "one de-assert for each listener races with the first listener's re-assert",
  component: 'irqfd resampler',
  symptom: 'stuck level line',
  oracle: 'O4',
  kind: 'assertion',
  preemptions: 1,
  schedule:
    'vcpu:deassert vcpu:notify1 ! listener1:assert | vcpu:deassert-again vcpu:notify2 | listener2:low',
  steps: {
    'vcpu:deassert': ['store line', 'compareExchange spi[8]'],
    'vcpu:notify1': ['notify event1', 'compareExchange eventfd2'],
    'listener1:assert': ['store line', 'compareExchange spi[8]'],
    'vcpu:deassert-again': ['store line', undefined],
    'vcpu:notify2': ['notify event2', 'compareExchange eventfd3'],
    'listener2:low': ['load device2', 'load scenario[1]'],
  },
  reference:
    'The comment on irqfd_resampler_ack() in virt/kvm/eventfd.c: all resampling irqfds of a GSI are one source, which is lowered once. The feature came with Linux 7a84428af7ca.',
  story:
    'Two devices share a level-triggered line. The guest ends the interrupt, and the resampler, for each device in turn, lowers the line and tells the device. The first device raises the line again at once, for it is not done; then the line is lowered for the second. The first device is high, and will not raise the line again.',
  fix: "the machine's resamplers: the line of a GSI is lowered once, before any device is told",
  lesson:
    "Undo first, completely, then tell. Once the first listener has been told, a later undo takes back the listener's own work.",
  buggy: {
    ...memory({ line: 1, device1: 1 }),
    threads: {
      vcpu(words) {
        for (const event of [at.event1, at.event2]) {
          store(words, at.line, 0);
          notify(words, event);
        }
      },
      listener1: (words) => listen(words, at.event1, at.device1),
      listener2: (words) => listen(words, at.event2, at.device2),
    },
    finally(words) {
      const sources = load(words, at.device1) !== 0 || load(words, at.device2) !== 0;
      requireLineTruth(load(words, at.line) !== 0, sources);
    },
  },
  fixed: {
    ...onMachine((machine) => {
      const { vm, gic, words, scenario } = machine;
      enableSpi(machine, SPI, 0);
      // The last irqfd assigned is resampled first.
      for (const device of [1, 0])
        vm.assignIrqFd(TRIGGERS[device] ?? -1, GSI, { resamplefd: RESAMPLERS[device] });
      store(words, scenario.at + DEVICES, 1);
      for (const trigger of TRIGGERS) vm.irqfds.write(trigger);
      takeNext(gic.interrupts, 0);
    }),
    threads: {
      vcpu(shared) {
        const { vm, gic } = machineOf(shared, 1);
        gic.interrupts.deactivate(gic.interrupts.find(0, SPI), SPI);
        vm.serveAcks();
      },
      listener1: (shared) => listenByEventFd(shared, 2, 0),
      listener2: (shared) => listenByEventFd(shared, 3, 1),
    },
    finally(shared) {
      const { gic } = machineOf(shared, 0);
      requireLineTruth((stateOf(gic.interrupts, SPI) & LINE) !== 0, true);
    },
  },
});
