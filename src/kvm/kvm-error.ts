import { IrqError } from '../base/irq-error.ts';
import { ERRNO, type ErrnoName } from './errno.ts';

/** A KVM call that was refused: the errno that KVM gives, the call's name, and one sentence of what would have been right. */
export class KvmError extends IrqError {
  override readonly name = 'KvmError';
  readonly errno: ErrnoName;
  readonly call: string;

  constructor(call: string, errno: ErrnoName, rule: string) {
    super('ERR_KVM', `${call}: ${errno}: ${rule}`);
    this.call = call;
    this.errno = errno;
  }

  /** The number that ioctl(2) leaves in `errno`. */
  get number(): number {
    return ERRNO[this.errno];
  }
}
