import type { Machine } from '../../board/machine.ts';
import { threadProgram } from '../../threads/programs.ts';
import { type DeviceWatch, type StressDevice, stressDevice } from '../stress-device.ts';
import { stressViews } from '../stress-plan.ts';
import { kindOf } from './slices.ts';
import { ringOf } from './timelines.ts';

const SIGNAL = kindOf('signal');

/** A device thread that keeps its actions: each signal, with its number, each round of signals, and each wait. */
export function tracedDevice(machine: Machine, task: StressDevice): { run(): { injected: number } } {
  const { plan, device } = task;
  const { proof } = stressViews(machine, plan);
  const { clock } = machine;
  const ring = ringOf(machine, plan, { device });
  const watch: DeviceWatch = {
    signal: (give) => (source) => {
      const from = clock.now();
      give(source);
      ring.record(SIGNAL, source.index, proof.sent(source.index), source.intid, from, clock.now());
    },
    stretch: (name, run) => {
      const kind = kindOf(name);
      return () => {
        const from = clock.now();
        const more = run();
        ring.record(kind, device, 0, 0, from, clock.now());
        return more;
      };
    },
  };
  return stressDevice(machine, task, watch);
}

export const tracedDeviceProgram = threadProgram(import.meta.url, tracedDevice);
