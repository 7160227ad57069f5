// Runs in the thread of each vCPU. `interrupt` is the interrupt vector: plain synchronous code.
export function interrupt(cpu, intid) {
  const { device } = cpu.eventOf(intid);
  Atomics.add(new Int32Array(cpu.shared), device, 1);
}
