import { fpTrap, fpTraps, undefined_ } from './exceptions';
import { V_THREE_SAME } from './ops';
import { executeVectorAccess } from './vector-access';

/** SIMD and FP: all of it traps where CPACR_EL1.FPEN says so. */
export function executeVector(operation: i32, s: usize, r: usize, pc: u64, slice: i32): u64 {
  if (fpTraps()) return fpTrap(pc);
  if (operation < V_THREE_SAME) return executeVectorAccess(operation, s, r, pc, slice);
  return undefined_(pc);
}
