// Runs in the thread of each vCPU: plain synchronous functions.
const IPI = 1;

export function interrupt(cpu, intid) {
  const counts = new Int32Array(cpu.shared);
  Atomics.add(counts, cpu.vcpu, 1);
  // Every vCPU handles the first event of a device: an SGI tells the other vCPUs.
  if (cpu.eventOf(intid)?.event === 0) cpu.sendSgi(IPI, 'others');
}
