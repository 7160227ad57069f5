/** A thread that injects, and is its own vCPU: the thread takes each injected interrupt before the next injection. */
import { workerData } from 'node:worker_threads';
import { attachVm } from '../src/board/create-vm.ts';
import type { VmAttachment } from '../src/kvm-abi/kvm-vm.ts';
import { LATENCY } from '../src/measure/buckets.ts';
import { Clock } from '../src/measure/clock.ts';
import { Histogram } from '../src/measure/histogram.ts';
import type { Region } from '../src/memory/layout.ts';
import { add, load, type Words } from '../src/memory/word.ts';
import { takeAll } from './kvm-guest.ts';

export type InjectorData = {
  readonly attachment: VmAttachment;
  readonly words: Words;
  /** One word: the phase; negative ends the thread. */
  readonly phase: Region;
  readonly ready: Region;
  readonly clock: Region;
  /** By phase. */
  readonly histograms: readonly Region[];
  /** Eventfd, vCPU and event of this thread; also its thread's number less one. */
  readonly number: number;
};

/** Injections between two looks at the phase. */
const BURST = 100;

const { attachment, words, phase, ready, clock, histograms, number } = workerData as InjectorData;
const vm = attachVm(attachment, number + 1);
const histogramOf = histograms.map((region) => new Histogram(words, region, LATENCY));
const { irqfds } = vm.vm;
const time = new Clock(words, clock);
add(words, ready.at, 1);
for (let now = load(words, phase.at); now >= 0; now = load(words, phase.at)) {
  const histogram = histogramOf[now];
  for (let n = 0; n < BURST; n++) {
    const start = time.now();
    irqfds.write(number);
    histogram?.record(time.now() - start);
    takeAll(vm, number);
  }
}
