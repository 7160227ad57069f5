import { IrqError } from '../base/irq-error.ts';
import { ERRNO, type ErrnoName } from './errno.ts';

/** A refused KVM call: KVM's errno, the call's name, and one sentence on the right usage. */
export class KvmError extends IrqError {
  override readonly name = 'KvmError';
  readonly errno: ErrnoName;
  readonly call: string;

  constructor(call: string, errno: ErrnoName, rule: string) {
    super('ERR_KVM', `${call}: ${errno}: ${rule}`);
    this.call = call;
    this.errno = errno;
  }

  /** The value of `errno` after the ioctl(2). */
  get number(): number {
    return ERRNO[this.errno];
  }
}
