/**
 * Every error code of irqloom with its meaning. A code is part of the public interface: programs may match on a code,
 * and no code is reused with another meaning. `exit` is the CLI's exit status when such an error ends a command: 1 a property
 * failed, 2 wrong usage or input, 3 ended without an answer.
 */
export const ERRORS = {
  // The user's input.
  ERR_USAGE: {
    exit: 2,
    means: 'a command line or a call is wrong: an unknown flag or option, or a value outside its range',
  },
  ERR_CONFIG: { exit: 2, means: 'a machine was asked for that cannot be built' },
  ERR_FILE: { exit: 2, means: 'a file cannot be read or written' },
  ERR_TRACE_FORMAT: { exit: 2, means: 'a recorded guest has a line that cannot be understood' },
  ERR_VECTOR_FORMAT: { exit: 2, means: 'a conformance vector has a line that cannot be understood' },
  ERR_SCENARIO: { exit: 2, means: 'a scenario module does not have the shape of one' },
  ERR_TOKEN: { exit: 2, means: 'a schedule token is damaged, or belongs to another scenario or version' },
  ERR_RESULT_FORMAT: { exit: 2, means: 'a saved result is not one of irqloom, or of another version' },
  ERR_GUEST_IMAGE: {
    exit: 2,
    means: 'a file is no kernel that this board can load, or does not fit its memory',
  },
  ERR_IOCTL_BYTES: { exit: 2, means: 'the bytes are not an argument of that ioctl' },

  // The shared buffer.
  ERR_LAYOUT: { exit: 2, means: 'a buffer is not a machine of this version, or is damaged' },
  ERR_SNAPSHOT: { exit: 2, means: 'a snapshot is damaged, or of another machine' },
  ERR_HANDLE_STALE: { exit: 1, means: 'a handle outlived its object' },
  ERR_EVENTFD_VALUE: { exit: 2, means: 'a value was written to an eventfd that is not 0 to 2^64 - 2' },
  ERR_SLOTS_FULL: { exit: 2, means: 'a table of fixed size has no free slot' },

  // Calls of the machine.
  ERR_KVM: { exit: 2, means: 'a KVM call failed; the error has its errno' },
  ERR_GUEST_ADDRESS: { exit: 2, means: 'an address is outside the guest memory' },
  ERR_GUEST_STUCK: {
    exit: 3,
    means:
      'a guest makes no headway: the guest only takes exceptions, sleeps for ever, or does not do its part within the bound',
  },

  // Waiting and threads.
  ERR_LOCK_TIMEOUT: { exit: 3, means: 'a lock was not released within its bound' },
  ERR_GRACE_TIMEOUT: { exit: 3, means: 'a reader did not leave its section within the bound' },
  ERR_WAIT_ABORTED: { exit: 3, means: 'a wait was given up because the machine is stopping' },
  ERR_DELIVERY: { exit: 1, means: 'an interrupt was lost, delivered twice, or delivered to the wrong vCPU' },
  ERR_THREAD_DIED: { exit: 3, means: 'a worker thread ended, or threw, while the machine needed the thread' },
  ERR_THREAD_SILENT: { exit: 3, means: 'a worker thread did not answer within its bound' },
  ERR_REDIS: {
    exit: 3,
    means: 'a Redis server cannot be reached, or does not take the name or the password',
  },
  ERR_UNSUPPORTED: {
    exit: 2,
    means: 'the request is for an operation that irqloom cannot control or does not model',
  },
} as const satisfies Record<`ERR_${string}`, { exit: 1 | 2 | 3; means: string }>;

/** The union of every code; see `ERRORS` for their meanings. */
export type ErrorCode = keyof typeof ERRORS;
