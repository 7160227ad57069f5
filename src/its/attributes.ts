import { findRegister, OFFSET, type Register } from './registers.ts';
import type { ItsErrno } from './save.ts';
import type { ItsState } from './state.ts';

/** The table formats that there are: revision 0 alone. */
const REVISIONS = 1;
/** The control frame; the doorbell behind it is no register to userspace. */
const FRAME_BYTES = 0x1_0000;

/**
 * Why userspace cannot access the register at `offset`; undefined if it can. 64-bit registers by their own offset only.
 * @see KVM_DEV_ARM_VGIC_GRP_ITS_REGS
 */
function checkAttribute(offset: number): ItsErrno | undefined {
  const alignment = offset < 0x8 || offset >= 0xffd0 ? 4 : 8;
  if (offset % alignment !== 0) return 'EINVAL';
  return attribute(offset) ? undefined : 'ENXIO';
}

/** Userspace's read of a register: what a vCPU would read. */
export function readAttribute(its: ItsState, offset: number): bigint | ItsErrno {
  return checkAttribute(offset) ?? attribute(offset)?.read(its, offset) ?? 'ENXIO';
}

/**
 * Userspace's write: what a vCPU's would do, except that GITS_CREADR, while the ITS is disabled, and the revision of the
 * table format in GITS_IIDR can be written.
 */
export function writeAttribute(its: ItsState, offset: number, value: bigint): ItsErrno | undefined {
  const refused = checkAttribute(offset);
  if (refused) return refused;
  const register = attribute(offset);
  if (register?.name === 'GITS_CREADR') return writeCreadr(its, value);
  if (register?.name === 'GITS_IIDR') return writeIidr(its, value);
  const written = register?.wide ? BigInt.asUintN(64, value) : BigInt.asUintN(32, value);
  register?.write?.(its, offset, () => written);
  return undefined;
}

function attribute(offset: number): Register | undefined {
  return offset < FRAME_BYTES ? findRegister(offset) : undefined;
}

function writeCreadr({ commandLock, registers }: ItsState, value: bigint): ItsErrno | undefined {
  const offset = Number(value & BigInt(OFFSET));
  commandLock.lock();
  try {
    if (registers.enabled) return 'EBUSY';
    if (offset >= registers.queueBytes) return 'EINVAL';
    registers.creadr = offset;
    return undefined;
  } finally {
    commandLock.unlock();
  }
}

function writeIidr({ registers }: ItsState, value: bigint): ItsErrno | undefined {
  const revision = Number((value >> 12n) & 0xfn);
  if (revision >= REVISIONS) return 'EINVAL';
  registers.revision = revision;
  return undefined;
}
