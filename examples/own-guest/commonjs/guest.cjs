// The guest as a CommonJS module.
exports.interrupt = function interrupt(cpu) {
  Atomics.add(new Int32Array(cpu.shared), cpu.vcpu, 1);
};
