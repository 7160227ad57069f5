// The guest in TypeScript: compile the folder with tsc, or let Node 22.18 and newer strip the types.
import type { Cpu, GuestModule } from 'irqloom';

export const interrupt: GuestModule['interrupt'] = function interrupt(cpu: Cpu): void {
  Atomics.add(new Int32Array(cpu.shared ?? new SharedArrayBuffer(0)), cpu.vcpu, 1);
};
