/**
 * Stress of x86's interrupt controllers (`irqloom stress --irqchip ioapic`): an IOAPIC and local APICs behind KVM's calls, with the
 * proof, the devices and the accounts of `stress`. Each vCPU and each device runs in a worker thread, and so does a driver, which
 * changes entries, routes and irqfds meanwhile.
 */

export { runApicStress } from './run.ts';
