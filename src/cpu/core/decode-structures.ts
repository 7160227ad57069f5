import { V_STRUCTURE, V_STRUCTURES } from './ops';
import { bit, bits, put, putMore, stack, undefinedRecord } from './record';

/**
 * LD1 to LD4 and ST1 to ST4, of whole registers or of one element. Rm's field is the register to add afterwards: a sink
 * of zero for none; 31 in the word means the number of bytes, which the 32-bit number says with 1.
 */
export function decodeStructures(w: u32, r: usize): void {
  const single = bit(w, 24) !== 0;
  const back = bit(w, 23) !== 0;
  const rm = bits(w, 16, 5);
  if (bit(w, 31) !== 0) return undefinedRecord(r);
  if (!single && bit(w, 21) !== 0) return undefinedRecord(r);
  if (!back && (single ? rm : bits(w, 16, 6)) !== 0) return undefinedRecord(r);
  const opcode = bits(w, 12, 4);
  const size = bits(w, 10, 2);
  if (single) {
    // Bits 15:13 choose the size and half of the number of registers; bit 12, S, is part of the index.
    const group = opcode >> 1;
    if (group >= 6 && (bit(w, 22) === 0 || (opcode & 1) !== 0)) return undefinedRecord(r);
    if ((group & 6) === 2 && (size & 1) !== 0) return undefinedRecord(r);
    if ((group & 6) === 4 && ((size & 2) !== 0 || ((size & 1) !== 0 && (opcode & 1) !== 0))) {
      return undefinedRecord(r);
    }
  } else {
    if (opcode === 1 || opcode === 3 || opcode === 5 || opcode === 9 || opcode > 10)
      return undefinedRecord(r);
    // 64-bit elements of a 64-bit register are reserved, but for LD1 and ST1.
    const interleaved = opcode === 0 || opcode === 4 || opcode === 8;
    if (interleaved && size === 3 && bit(w, 30) === 0) return undefinedRecord(r);
  }
  put(r, single ? V_STRUCTURE : V_STRUCTURES, bits(w, 0, 5), stack(bits(w, 5, 5)));
  putMore(r, rm, opcode, back ? 1 : 0, size as i32);
}
