/**
 * Stress of a GICv4.1's vPEs (`irqloom stress --gicv4`): a vCPU is a PE, and its thread a host's, which makes more vPEs than vCPUs resident in
 * turn and takes their vLPIs and vSGIs; doorbells wake the vPEs that sleep. Proof, devices and accounts are those of `stress`. A
 * driver moves, unmaps and maps vPEs and events meanwhile.
 */

export { runVpeStress } from './run.ts';
