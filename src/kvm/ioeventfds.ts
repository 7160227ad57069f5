import type { Layout, Region } from '../memory/layout.ts';
import { MUTEX, Mutex } from '../memory/mutex.ts';
import { add, load, store, type Words } from '../memory/word.ts';
import type { FdTable } from './fds.ts';
import type { Fd } from './gsi.ts';
import { KvmError } from './kvm-error.ts';

const CALL = 'KVM_IOEVENTFD';

/** Flags of KVM_IOEVENTFD. VIRTIO_CCW is s390's, but accepted. */
export const IOEVENTFD_DATAMATCH = 1 << 0;
export const IOEVENTFD_PIO = 1 << 1;
export const IOEVENTFD_DEASSIGN = 1 << 2;
const KNOWN_FLAGS = 0b1111;
const LENGTHS: readonly number[] = [0, 1, 2, 4, 8];

/** Most ioeventfds of a VM here; KVM has room for 1,000 devices on a bus. */
export const MOST_IOEVENTFDS = 64;
const RECORD_WORDS = 8;
const USED = 0;
const ADDRESS = 1;
const LENGTH = 3;
const MATCH = 4;
const FD = 6;
const FD_STATE = 7;
/** In USED: any written value rings. */
const WILDCARD = 2;

/** A `kvm_ioeventfd`: the guest writes that ring an eventfd. */
export type IoEventFd = {
  readonly datamatch: bigint;
  readonly addr: bigint;
  /** Bytes of the write; 0 for any. */
  readonly len: number;
  readonly fd: Fd;
  readonly flags: number;
};

export type IoEventFdRegions = {
  readonly records: Region;
  /** The number of ioeventfds: while it is 0, guest writes are not looked up. */
  readonly count: Region;
  readonly lock: Region;
};

export function ioEventFdRegions(layout: Layout): IoEventFdRegions {
  return layout.group('ioeventfd', {
    records: MOST_IOEVENTFDS * RECORD_WORDS,
    count: 1,
    lock: MUTEX,
  });
}

/**
 * Eventfds that the guest rings, such as a virtio doorbell: the way from guest to device. Any thread.
 * @see virt/kvm/eventfd.c
 */
export class IoEventFds {
  readonly #words: Words;
  readonly #at: number;
  readonly #count: number;
  readonly #lock: Mutex;
  readonly #fds: FdTable;

  constructor(words: Words, regions: IoEventFdRegions, fds: FdTable) {
    this.#words = words;
    this.#at = regions.records.at;
    this.#count = regions.count.at;
    this.#lock = new Mutex(words, regions.lock, 'the ioeventfd lock');
    this.#fds = fds;
  }

  /** KVM_IOEVENTFD. @throws KvmError EINVAL, EBADF, EEXIST, ENOENT, ENOSPC */
  ioeventfd(args: IoEventFd): void {
    const { flags, len, addr, fd } = args;
    const removes = (flags & IOEVENTFD_DEASSIGN) !== 0;
    if (!removes) check(args);
    this.#fds.eventfd(CALL, fd);
    this.#lock.lock();
    try {
      if (removes) {
        this.#remove(args);
        return;
      }
      if (this.#find((at) => this.#collides(at, args)) >= 0)
        throw new KvmError(
          CALL,
          'EEXIST',
          `address 0x${addr.toString(16)}, ${len} bytes, rings an eventfd already`,
        );
      const free = this.#free();
      if (free < 0) throw new KvmError(CALL, 'ENOSPC', `a VM has room for ${MOST_IOEVENTFDS} ioeventfds`);
      this.#put(free, ADDRESS, addr);
      this.#put(free, MATCH, args.datamatch);
      store(this.#words, free + LENGTH, len);
      store(this.#words, free + FD, fd);
      store(this.#words, free + FD_STATE, this.#fds.stateOf(fd));
      store(this.#words, free + USED, (flags & IOEVENTFD_DATAMATCH) !== 0 ? 1 : 1 | WILDCARD);
      add(this.#words, this.#count, 1);
    } finally {
      this.#lock.unlock();
    }
  }

  /** Whether the VM has any ioeventfd. */
  get any(): boolean {
    return load(this.#words, this.#count) !== 0;
  }

  /** The eventfd that a guest's write rings, or -1. */
  match(address: number, bytes: number, value: bigint): number {
    // speed: apart from the search, whose closures every call would allocate (bench machine).
    return this.any ? this.#match(BigInt(address), bytes, value) : -1;
  }

  #match(wanted: bigint, bytes: number, value: bigint): number {
    const at = this.#find((record) => {
      const length = load(this.#words, record + LENGTH);
      if (this.#get(record, ADDRESS) !== wanted || (length !== 0 && length !== bytes)) return false;
      return this.#anyValue(record) || this.#get(record, MATCH) === BigInt.asUintN(8 * bytes, value);
    });
    if (at < 0) return -1;
    const fd: Fd = load(this.#words, at + FD);
    return this.#fds.stateOf(fd) === load(this.#words, at + FD_STATE) ? fd : -1;
  }

  #remove({ addr, len, fd, flags, datamatch }: IoEventFd): void {
    const wildcard = (flags & IOEVENTFD_DATAMATCH) === 0;
    const at = this.#find((record) => {
      const same = this.#get(record, ADDRESS) === addr && load(this.#words, record + LENGTH) === len;
      const matches = wildcard ? this.#anyValue(record) : this.#get(record, MATCH) === datamatch;
      return same && load(this.#words, record + FD) === fd && matches && this.#anyValue(record) === wildcard;
    });
    if (at < 0)
      throw new KvmError(CALL, 'ENOENT', `eventfd ${fd} is not rung by address 0x${addr.toString(16)}`);
    store(this.#words, at + USED, 0);
    add(this.#words, this.#count, -1);
  }

  #collides(record: number, { addr, len, flags, datamatch }: IoEventFd): boolean {
    if (this.#get(record, ADDRESS) !== addr) return false;
    const length = load(this.#words, record + LENGTH);
    if (length === 0 || len === 0) return true;
    const wildcard = this.#anyValue(record) || (flags & IOEVENTFD_DATAMATCH) === 0;
    return length === len && (wildcard || this.#get(record, MATCH) === datamatch);
  }

  #find(matches: (at: number) => boolean): number {
    for (let at = this.#at; at < this.#at + MOST_IOEVENTFDS * RECORD_WORDS; at += RECORD_WORDS)
      if (load(this.#words, at + USED) !== 0 && matches(at)) return at;
    return -1;
  }

  #free(): number {
    for (let at = this.#at; at < this.#at + MOST_IOEVENTFDS * RECORD_WORDS; at += RECORD_WORDS)
      if (load(this.#words, at + USED) === 0) return at;
    return -1;
  }

  #anyValue(record: number): boolean {
    return (load(this.#words, record + USED) & WILDCARD) !== 0;
  }

  #get(record: number, field: number): bigint {
    const high = BigInt(load(this.#words, record + field + 1) >>> 0);
    return (high << 32n) | BigInt(load(this.#words, record + field) >>> 0);
  }

  #put(record: number, field: number, value: bigint): void {
    store(this.#words, record + field, Number(BigInt.asIntN(32, value)));
    store(this.#words, record + field + 1, Number(BigInt.asIntN(32, value >> 32n)));
  }
}

/** @see kvm_assign_ioeventfd */
function check({ len, addr, flags }: IoEventFd): void {
  if (!LENGTHS.includes(len)) throw new KvmError(CALL, 'EINVAL', `len is 0, 1, 2, 4 or 8 bytes, not ${len}`);
  if (addr + BigInt(len) >= 1n << 64n) throw new KvmError(CALL, 'EINVAL', 'addr + len wraps');
  if ((flags & ~KNOWN_FLAGS) !== 0)
    throw new KvmError(CALL, 'EINVAL', `the flags are 1, 2, 4 and 8, not 0x${(flags >>> 0).toString(16)}`);
  if (len === 0 && (flags & IOEVENTFD_DATAMATCH) !== 0)
    throw new KvmError(CALL, 'EINVAL', 'a write of any length has no value to match: DATAMATCH needs len');
}
