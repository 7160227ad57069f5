import { FRAME_BYTES } from '../arch/frames.ts';
import type { AccessSize, Register } from '../arch/register-table.ts';
import { gits } from '../arch/registers.ts';
import { QUEUE_OFFSET } from '../arch/tables.ts';
import { findRegister } from './registers.ts';
import type { ItsErrno } from './save.ts';
import type { ItsState } from './state.ts';

/** Table formats that exist: revision 0 alone. */
const REVISIONS = 1;

/**
 * Returns the errno for a register that userspace cannot access at `offset`; undefined if it can. 64-bit registers at
 * their own offset only.
 * @see KVM_DEV_ARM_VGIC_GRP_ITS_REGS
 */
function checkAttribute(offset: number): ItsErrno | undefined {
  const alignment = offset < gits.TYPER || offset >= gits.PIDR4 ? 4 : 8;
  if (offset % alignment !== 0) return 'EINVAL';
  return attribute(offset) ? undefined : 'ENXIO';
}

/** Userspace's read of a register: returns the value that a vCPU would read. */
export function readAttribute(its: ItsState, offset: number): bigint | ItsErrno {
  const refused = checkAttribute(offset);
  if (refused) return refused;
  const register = attribute(offset);
  return register?.read?.(its, offset - register.at, widthOf(register)) ?? 'ENXIO';
}

/**
 * Userspace's write of a register: as a vCPU's write, with two exceptions. Userspace can write GITS_CREADR while the
 * ITS is disabled, and the revision of the table format in GITS_IIDR.
 */
export function writeAttribute(its: ItsState, offset: number, value: bigint): ItsErrno | undefined {
  const refused = checkAttribute(offset);
  if (refused) return refused;
  const register = attribute(offset);
  if (register?.name === 'GITS_CREADR') return writeCreadr(its, value);
  if (register?.name === 'GITS_IIDR') return writeIidr(its, value);
  if (!register) return 'ENXIO';
  const width = widthOf(register);
  register.write?.(its, offset - register.at, width, BigInt.asUintN(8 * width, value));
  return undefined;
}

/** The register at `offset` of the control frame. The doorbell's frame has no register for userspace. */
function attribute(offset: number): Register<ItsState> | undefined {
  return offset < FRAME_BYTES ? findRegister(offset) : undefined;
}

/** Bytes of the whole register. */
function widthOf({ sizes }: Register<ItsState>): AccessSize {
  return sizes.includes(8) ? 8 : 4;
}

function writeCreadr({ commandLock, registers }: ItsState, value: bigint): ItsErrno | undefined {
  const offset = Number(value & BigInt(QUEUE_OFFSET));
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
