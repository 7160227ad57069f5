// Runs in the thread of each device: signals each of its events in turn, and waits for the handlers every time.
const ROUNDS = 1_000;

export function run(device) {
  for (let round = 0; round < ROUNDS && !device.stopped; round++) {
    for (let event = 0; event < device.events; event++) device.signal(event);
    device.settle();
  }
}
