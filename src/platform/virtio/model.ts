import type { GuestMemory } from '../../memory/guest-memory.ts';
import type { Chain } from './queue.ts';

/** A model's access to its device's queues. */
export type QueueAccess = {
  readonly memory: GuestMemory;
  /** Takes the next request of a queue; `undefined` if it has none. */
  take(queue: number): Chain | undefined;
  /** Returns a request with `written` bytes, and interrupts the driver unless it has disabled interrupts. */
  complete(queue: number, chain: Chain, written: number): void;
};

/** A kind of virtio device. All its state is in shared memory. */
export type VirtioModel = {
  /** The device type. @see VIRTIO 1.2, section 5 */
  readonly type: number;
  readonly name: string;
  /** Class code of the PCI function. */
  readonly classCode: number;
  readonly queues: number;
  /** Offered feature bits 0 to 31. */
  readonly features: number;
  /** The device's configuration structure. */
  readonly config: Uint8Array;
  /** The device's storage, if any. */
  readonly sectors?: Uint8Array<SharedArrayBuffer>;
  /** Sets the seed of random behaviour. Called before any thread runs. */
  readonly seed?: (seed: number) => void;
  /** Serves the queues in `notified`, a bit each; the thread of the device. @throws QueueBroken */
  serve(access: QueueAccess, notified: number): void;
};
