import { fpTrap, fpTraps, undefined_ } from './exceptions';
import * as op from './ops';
import { executeVectorAccess } from './vector-access';
import { twoMisc } from './vector-misc';
import { copy, extractBytes, lookUp, modifiedImmediate, permute } from './vector-move';
import { acrossLanes, scalarPair, threeSame } from './vector-same';
import { shiftImmediate } from './vector-shift';
import { byElement, threeDifferent } from './vector-wide';

/** SIMD and FP. A reserved encoding is UNDEFINED, whatever CPACR_EL1.FPEN says; all else traps where FPEN says so. */
export function executeVector(operation: i32, s: usize, r: usize, pc: u64, slice: i32): u64 {
  if (fpTraps()) return fpTrap(pc);
  if (operation < op.V_THREE_SAME) return executeVectorAccess(operation, s, r, pc, slice);
  return process(operation, r) ? pc + 4 : undefined_(pc);
}

function process(operation: i32, r: usize): boolean {
  switch (operation) {
    case op.V_THREE_SAME:
      return threeSame(r);
    case op.V_THREE_DIFFERENT:
      return threeDifferent(r);
    case op.V_TWO_MISC:
      return twoMisc(r);
    case op.V_ACROSS:
      return acrossLanes(r);
    case op.V_COPY:
      return copy(r);
    case op.V_EXT:
      return extractBytes(r);
    case op.V_TABLE:
      return lookUp(r);
    case op.V_PERMUTE:
      return permute(r);
    case op.V_SHIFT_I:
      return shiftImmediate(r);
    case op.V_MODIFIED_I:
      return modifiedImmediate(r);
    case op.V_INDEXED:
      return byElement(r);
    case op.V_PAIRWISE:
      return scalarPair(r);
    default:
      return false;
  }
}
