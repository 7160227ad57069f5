// The device as a CommonJS module: one signal at a time to each event, each awaited.
exports.run = function run(device) {
  for (let round = 0; round < 100 && !device.stopped; round++) {
    for (let event = 0; event < device.events; event++) device.signal(event);
    device.settle();
  }
};
