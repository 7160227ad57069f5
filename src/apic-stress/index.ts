/**
 * Stress of x86's interrupt controllers (`irqloom stress --irqchip ioapic`): an IOAPIC and local APICs behind KVM's calls, with the
 * proof, the devices and the accounts of `stress`. vCPUs, devices and a driver each run in a worker thread.
 */

export { runApicStress } from './run.ts';
