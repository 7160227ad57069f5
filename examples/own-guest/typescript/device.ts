// The device in TypeScript.
import type { Device } from 'irqloom';

export function run(device: Device): void {
  for (let round = 0; round < 100 && !device.stopped; round++) {
    for (let event = 0; event < device.events; event++) device.signal(event);
    device.settle();
  }
}
