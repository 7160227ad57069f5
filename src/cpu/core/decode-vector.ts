/**
 * Data processing, scalar floating-point and Advanced SIMD: Arm DDI 0487, C4.1. Decodes only the group; an
 * operation checks its reserved encodings when it runs.
 */
import * as op from './ops';
import { bit, bits, put, putMore, undefinedRecord } from './record';

function group(w: u32): i32 {
  const scalar = bit(w, 28) !== 0;
  if (bit(w, 31) === 0 && (!scalar || bit(w, 30) !== 0)) return simd(w, scalar);
  if (!scalar || bit(w, 30) !== 0 || bit(w, 29) !== 0) return 0;
  return floatingPoint(w);
}

function simd(w: u32, scalar: boolean): i32 {
  const low = bits(w, 10, 2);
  if (bit(w, 24) !== 0) {
    if ((low & 1) === 0) return op.V_INDEXED;
    if (bit(w, 23) !== 0) return 0;
    if (bits(w, 19, 4) !== 0) return op.V_SHIFT_I;
    return scalar ? 0 : op.V_MODIFIED_I;
  }
  if (bit(w, 21) !== 0) {
    if ((low & 1) !== 0) return op.V_THREE_SAME;
    if (low === 0) return op.V_THREE_DIFFERENT;
    const kind = bits(w, 17, 4);
    if (kind === 0) return op.V_TWO_MISC;
    if (kind === 8) return scalar ? op.V_PAIRWISE : op.V_ACROSS;
    return 0;
  }
  if (bit(w, 15) !== 0) return 0;
  if ((low & 1) !== 0) return bits(w, 22, 2) === 0 ? op.V_COPY : 0;
  if (scalar) return 0;
  if (bit(w, 29) !== 0) return bits(w, 22, 2) === 0 ? op.V_EXT : 0;
  if (low === 2) return op.V_PERMUTE;
  return bits(w, 22, 2) === 0 ? op.V_TABLE : 0;
}

function floatingPoint(w: u32): i32 {
  const sf = bit(w, 31) !== 0;
  if (bit(w, 24) !== 0) return sf ? 0 : op.F_THREE;
  if (bit(w, 21) === 0) return op.F_FIXED;
  if (bits(w, 10, 6) === 0) return op.F_INTEGER;
  if (sf) return 0;
  switch (bits(w, 10, 2)) {
    case 1:
      return op.F_CONDITIONAL_COMPARE;
    case 2:
      return op.F_TWO;
    case 3:
      return op.F_SELECT;
  }
  if (bit(w, 12) !== 0) return op.F_IMMEDIATE;
  if (bit(w, 13) !== 0) return op.F_COMPARE;
  return bit(w, 14) !== 0 ? op.F_ONE : 0;
}

export function decodeVector(w: u32, r: usize): void {
  const operation = group(w);
  if (operation === 0) return undefinedRecord(r);
  put(r, operation, bits(w, 0, 5), bits(w, 5, 5));
  putMore(r, bits(w, 16, 5), 0, 0, 0);
}
