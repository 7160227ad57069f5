/**
 * Checks the machine against other implementations. `conform` runs vectors, files of register accesses and interrupts, and compares
 * each answer with the recorded answer of QEMU or KVM (`vectors/`). `runGuests` runs tests of kvm-unit-tests and of the kernel's
 * selftests as guests on real threads, with their own checks (`guests/`).
 */
export { answersTo, conformPieces } from './conform.ts';
export type { ConformResult, VectorResult } from './conform-result.ts';
export { GUESTS, type GuestTest } from './guests/guest-catalogue.ts';
export type { GuestResult, GuestsResult } from './guests/guests-result.ts';
export { runGuests } from './guests/guests-run.ts';
export { formatAnswer, PROFILES, type Profile } from './vectors/vector-answers.ts';
export { readVector } from './vectors/vector-language.ts';
