// Runs in the thread of each device. `signal` writes the eventfd of an event; `settle` waits for the handlers.
export function run(device) {
  for (let round = 0; round < 100; round++) {
    for (let event = 0; event < device.events; event++) device.signal(event);
    if (!device.settle()) return;
  }
}
