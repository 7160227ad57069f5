/** Identification registers: an Armv8.0 core with CRC32, LSE atomics, Advanced SIMD and GIC system registers. */

const MIDR: u64 = 0x000f_0510;

/** The space of AArch64 identification: op0 3, op1 0, CRn 0; and the cache registers, op1 1. */
export function isIdentification(encoding: i32): boolean {
  return (
    (encoding & 0xff80) === 0xc000 ||
    encoding === 0xc800 ||
    encoding === 0xc801 ||
    encoding === 0xc807 ||
    encoding === 0x8080
  );
}

export function identification(encoding: i32, mpidr: u64): u64 {
  switch (encoding) {
    // MIDR_EL1
    case 0xc000:
      return MIDR;
    // MPIDR_EL1
    case 0xc005:
      return mpidr;
    // ID_AA64PFR0_EL1: EL0 and EL1 in AArch64 only, FP and Advanced SIMD, GIC system registers
    case 0xc020:
      return 0x0100_0011;
    // ID_AA64DFR0_EL1: debug v8, 2 breakpoints, 2 watchpoints, one of them context-aware
    case 0xc028:
      return 0x0010_1006;
    // ID_AA64ISAR0_EL1: CRC32, LSE atomics
    case 0xc030:
      return 0x0021_0000;
    // ID_AA64MMFR0_EL1: 40 bits of physical address, 16-bit ASIDs, 4 KiB granule only
    case 0xc038:
      return 0x0f00_0022;
    // MDRAR_EL1, CCSIDR_EL1, CLIDR_EL1, AIDR_EL1 and the AArch32 identification among others
    default:
      return 0;
  }
}
