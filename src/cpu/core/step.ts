/** The operations that the loop of `run` executes itself. Each case returns the address of the next instruction. */
import { cold } from './cold';
import { branchAddress } from './exceptions';
import { adds32, adds64, logical32, logical64, subs32, subs64 } from './flags';
import { read8, read16, read32, read64, write8, write16, write32, write64 } from './memory';
import {
  a32,
  a64,
  address,
  branchIf,
  d64,
  extract32,
  extract64,
  holds,
  imm32,
  indexed,
  indexLoaded,
  indexStored,
  LOW,
  link,
  loaded,
  loadPair32,
  loadPair64,
  m32,
  m32s,
  m64,
  ml32,
  ml64,
  moveKeep,
  n32,
  n32s,
  n64,
  ra64,
  set,
  setW,
  sign8,
  sign16,
  sign32,
  stored,
  storePair32,
  storePair64,
} from './operands';
import * as op from './ops';
import { i1, i2, imm64, ra } from './record';

const PAGE: u64 = 0xffff_ffff_ffff_f000;

/** @inline */
export function step(s: usize, r: usize, pc: u64, slice: i32): u64 {
  switch (load<u16>(r, 4) as i32) {
    case op.NOP:
      return pc + 4;
    case op.MOV_I:
      return set(s, r, pc, imm64(r));
    case op.ADR:
      return set(s, r, pc, pc + imm64(r));
    case op.ADRP:
      return set(s, r, pc, (pc & PAGE) + imm64(r));
    case op.MOVK:
      return set(s, r, pc, moveKeep(n64(s, r), ra(r), i1(r), i2(r)));
    case op.ADD_I64:
      return set(s, r, pc, n64(s, r) + imm64(r));
    case op.ADD_I32:
      return setW(s, r, pc, n32(s, r) + imm32(r));
    case op.ADDS_I64:
      return set(s, r, pc, adds64(n64(s, r), imm64(r)));
    case op.ADDS_I32:
      return setW(s, r, pc, adds32(n32(s, r), imm32(r)));
    case op.SUBS_I64:
      return set(s, r, pc, subs64(n64(s, r), imm64(r)));
    case op.SUBS_I32:
      return setW(s, r, pc, subs32(n32(s, r), imm32(r)));
    case op.AND_I:
      return set(s, r, pc, n64(s, r) & imm64(r));
    case op.ORR_I64:
      return set(s, r, pc, n64(s, r) | imm64(r));
    case op.ORR_I32:
      return setW(s, r, pc, n32(s, r) | imm32(r));
    case op.EOR_I64:
      return set(s, r, pc, n64(s, r) ^ imm64(r));
    case op.EOR_I32:
      return setW(s, r, pc, n32(s, r) ^ imm32(r));
    case op.ANDS_I64:
      return set(s, r, pc, logical64(n64(s, r) & imm64(r)));
    case op.ANDS_I32:
      return setW(s, r, pc, logical32(n32(s, r) & imm32(r)));
    case op.ADD_R64:
      return set(s, r, pc, n64(s, r) + ml64(s, r));
    case op.SUB_R64:
      return set(s, r, pc, n64(s, r) - ml64(s, r));
    case op.ADDS_R64:
      return set(s, r, pc, adds64(n64(s, r), ml64(s, r)));
    case op.SUBS_R64:
      return set(s, r, pc, subs64(n64(s, r), ml64(s, r)));
    case op.AND_R64:
      return set(s, r, pc, n64(s, r) & ml64(s, r));
    case op.BIC_R64:
      return set(s, r, pc, n64(s, r) & ~ml64(s, r));
    case op.ORR_R64:
      return set(s, r, pc, n64(s, r) | ml64(s, r));
    case op.ORN_R64:
      return set(s, r, pc, n64(s, r) | ~ml64(s, r));
    case op.EOR_R64:
      return set(s, r, pc, n64(s, r) ^ ml64(s, r));
    case op.EON_R64:
      return set(s, r, pc, n64(s, r) ^ ~ml64(s, r));
    case op.ANDS_R64:
      return set(s, r, pc, logical64(n64(s, r) & ml64(s, r)));
    case op.BICS_R64:
      return set(s, r, pc, logical64(n64(s, r) & ~ml64(s, r)));
    case op.ADD_R32:
      return setW(s, r, pc, n32(s, r) + ml32(s, r));
    case op.SUB_R32:
      return setW(s, r, pc, n32(s, r) - ml32(s, r));
    case op.ADDS_R32:
      return setW(s, r, pc, adds32(n32(s, r), ml32(s, r)));
    case op.SUBS_R32:
      return setW(s, r, pc, subs32(n32(s, r), ml32(s, r)));
    case op.AND_R32:
      return setW(s, r, pc, n32(s, r) & ml32(s, r));
    case op.BIC_R32:
      return setW(s, r, pc, n32(s, r) & ~ml32(s, r));
    case op.ORR_R32:
      return setW(s, r, pc, n32(s, r) | ml32(s, r));
    case op.ORN_R32:
      return setW(s, r, pc, n32(s, r) | ~ml32(s, r));
    case op.EOR_R32:
      return setW(s, r, pc, n32(s, r) ^ ml32(s, r));
    case op.EON_R32:
      return setW(s, r, pc, n32(s, r) ^ ~ml32(s, r));
    case op.ANDS_R32:
      return setW(s, r, pc, logical32(n32(s, r) & ml32(s, r)));
    case op.BICS_R32:
      return setW(s, r, pc, logical32(n32(s, r) & ~ml32(s, r)));
    case op.UBFM64:
      return set(s, r, pc, (n64(s, r) << ra64(r)) >> (i1(r) as u64));
    case op.UBFM32:
      return setW(s, r, pc, (n32(s, r) << ra(r)) >> i1(r));
    case op.SBFM64:
      return set(s, r, pc, (((n64(s, r) << ra64(r)) as i64) >> (i1(r) as i64)) as u64);
    case op.SBFM32:
      return setW(s, r, pc, (((n32(s, r) << ra(r)) as i32) >> i1(r)) as u32);
    case op.EXTR64:
      return set(s, r, pc, extract64(n64(s, r), m64(s, r), i1(r) as u64));
    case op.EXTR32:
      return setW(s, r, pc, extract32(n32(s, r), m32(s, r), i1(r)));
    case op.LSLV64:
      return set(s, r, pc, n64(s, r) << (m64(s, r) & 63));
    case op.LSRV64:
      return set(s, r, pc, n64(s, r) >> (m64(s, r) & 63));
    case op.ASRV64:
      return set(s, r, pc, ((n64(s, r) as i64) >> ((m64(s, r) & 63) as i64)) as u64);
    case op.UDIV64:
      return set(s, r, pc, m64(s, r) === 0 ? 0 : n64(s, r) / m64(s, r));
    case op.MADD64:
      return set(s, r, pc, a64(s, r) + n64(s, r) * m64(s, r));
    case op.MSUB64:
      return set(s, r, pc, a64(s, r) - n64(s, r) * m64(s, r));
    case op.LSLV32:
      return setW(s, r, pc, n32(s, r) << (m32(s, r) & 31));
    case op.LSRV32:
      return setW(s, r, pc, n32(s, r) >> (m32(s, r) & 31));
    case op.ASRV32:
      return setW(s, r, pc, ((n32(s, r) as i32) >> ((m32(s, r) & 31) as i32)) as u32);
    case op.UDIV32:
      return setW(s, r, pc, m32(s, r) === 0 ? 0 : n32(s, r) / m32(s, r));
    case op.MADD32:
      return setW(s, r, pc, a32(s, r) + n32(s, r) * m32(s, r));
    case op.MSUB32:
      return setW(s, r, pc, a32(s, r) - n32(s, r) * m32(s, r));
    case op.UMADDL:
      return set(s, r, pc, a64(s, r) + (n32(s, r) as u64) * (m32(s, r) as u64));
    case op.SMADDL:
      return set(s, r, pc, a64(s, r) + n32s(s, r) * m32s(s, r));
    case op.CSEL64:
      return set(s, r, pc, holds(r) ? n64(s, r) : m64(s, r));
    case op.CSINC64:
      return set(s, r, pc, holds(r) ? n64(s, r) : m64(s, r) + 1);
    case op.CSINV64:
      return set(s, r, pc, holds(r) ? n64(s, r) : ~m64(s, r));
    case op.CSNEG64:
      return set(s, r, pc, holds(r) ? n64(s, r) : -m64(s, r));
    case op.CSEL32:
      return setW(s, r, pc, holds(r) ? n32(s, r) : m32(s, r));
    case op.CSINC32:
      return setW(s, r, pc, holds(r) ? n32(s, r) : m32(s, r) + 1);
    case op.CSINV32:
      return setW(s, r, pc, holds(r) ? n32(s, r) : ~m32(s, r));
    case op.CSNEG32:
      return setW(s, r, pc, holds(r) ? n32(s, r) : -m32(s, r));
    case op.B:
      return pc + imm64(r);
    case op.BL:
      return link(s, pc, pc + imm64(r));
    case op.B_COND:
      return branchIf(holds(r), r, pc);
    case op.CBZ64:
      return branchIf(n64(s, r) === 0, r, pc);
    case op.CBNZ64:
      return branchIf(n64(s, r) !== 0, r, pc);
    case op.CBZ32:
      return branchIf(n32(s, r) === 0, r, pc);
    case op.CBNZ32:
      return branchIf(n32(s, r) !== 0, r, pc);
    case op.TBZ:
      return branchIf(((n64(s, r) >> ra64(r)) & 1) === 0, r, pc);
    case op.TBNZ:
      return branchIf(((n64(s, r) >> ra64(r)) & 1) !== 0, r, pc);
    case op.BR:
      return branchAddress(n64(s, r));
    case op.BLR:
      return link(s, pc, branchAddress(n64(s, r)));
    case op.LDRB:
      return loaded(s, r, pc, read8(address(r), slice));
    case op.LDRH:
      return loaded(s, r, pc, read16(address(r), slice));
    case op.LDR32:
      return loaded(s, r, pc, read32(address(r), slice));
    case op.LDR64:
      return loaded(s, r, pc, read64(address(r), slice));
    case op.LDRSB64:
      return loaded(s, r, pc, sign8(read8(address(r), slice)));
    case op.LDRSB32:
      return loaded(s, r, pc, sign8(read8(address(r), slice)) & LOW);
    case op.LDRSH64:
      return loaded(s, r, pc, sign16(read16(address(r), slice)));
    case op.LDRSH32:
      return loaded(s, r, pc, sign16(read16(address(r), slice)) & LOW);
    case op.LDRSW:
      return loaded(s, r, pc, sign32(read32(address(r), slice)));
    case op.STRB:
      return stored(s, r, pc, write8(address(r), d64(s, r), slice));
    case op.STRH:
      return stored(s, r, pc, write16(address(r), d64(s, r), slice));
    case op.STR32:
      return stored(s, r, pc, write32(address(r), d64(s, r), slice));
    case op.STR64:
      return stored(s, r, pc, write64(address(r), d64(s, r), slice));
    case op.LDRB_R:
      return indexLoaded(s, r, pc, read8(indexed(s, r), slice));
    case op.LDRH_R:
      return indexLoaded(s, r, pc, read16(indexed(s, r), slice));
    case op.LDR32_R:
      return indexLoaded(s, r, pc, read32(indexed(s, r), slice));
    case op.LDR64_R:
      return indexLoaded(s, r, pc, read64(indexed(s, r), slice));
    case op.LDRSB64_R:
      return indexLoaded(s, r, pc, sign8(read8(indexed(s, r), slice)));
    case op.LDRSB32_R:
      return indexLoaded(s, r, pc, sign8(read8(indexed(s, r), slice)) & LOW);
    case op.LDRSH64_R:
      return indexLoaded(s, r, pc, sign16(read16(indexed(s, r), slice)));
    case op.LDRSH32_R:
      return indexLoaded(s, r, pc, sign16(read16(indexed(s, r), slice)) & LOW);
    case op.LDRSW_R:
      return indexLoaded(s, r, pc, sign32(read32(indexed(s, r), slice)));
    case op.STRB_R:
      return indexStored(pc, write8(indexed(s, r), d64(s, r), slice));
    case op.STRH_R:
      return indexStored(pc, write16(indexed(s, r), d64(s, r), slice));
    case op.STR32_R:
      return indexStored(pc, write32(indexed(s, r), d64(s, r), slice));
    case op.STR64_R:
      return indexStored(pc, write64(indexed(s, r), d64(s, r), slice));
    case op.LDP64:
      return loadPair64(s, r, pc, slice);
    case op.STP64:
      return storePair64(s, r, pc, slice);
    case op.LDP32:
      return loadPair32(s, r, pc, slice);
    case op.STP32:
      return storePair32(s, r, pc, slice);
    default:
      return cold(s, r, pc, slice);
  }
}
