export { serveLockstep as lockstep } from '../src/explore/real/lockstep-entry.ts';
