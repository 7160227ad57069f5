/** VFPExpandImm: sign, three bits of exponent and four of fraction. */
export function expandFloat32(imm8: u32): u64 {
  const exponent: u32 = ((imm8 >> 6) & 1) !== 0 ? 0x7c : 0x80;
  return (((imm8 >> 7) << 31) | ((exponent | ((imm8 >> 4) & 3)) << 23) | ((imm8 & 15) << 19)) as u64;
}

export function expandFloat64(imm8: u32): u64 {
  const exponent: u64 = ((imm8 >> 6) & 1) !== 0 ? 0x3fc : 0x400;
  return (
    (((imm8 >> 7) as u64) << 63) |
    ((exponent | (((imm8 >> 4) & 3) as u64)) << 52) |
    (((imm8 & 15) as u64) << 48)
  );
}
