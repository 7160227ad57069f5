import type { GuestMemory } from '../../memory/guest-memory.ts';
import type { Chain } from './queue.ts';

/** What a device does for its queues. */
export type QueueAccess = {
  readonly memory: GuestMemory;
  /** Takes the next request of a queue; `undefined` where there is none. */
  take(queue: number): Chain | undefined;
  /** Returns a request, with how many bytes were written to it, and interrupts the driver if it wants that. */
  complete(queue: number, chain: Chain, written: number): void;
};

/** The sectors of a disk, and the shared word that counts what was written to them since the board was made. */
export type Storage = { readonly sectors: Uint8Array<SharedArrayBuffer>; readonly changesAt: number };

/** A kind of virtio device. It has no state of its own: its state lies in shared memory. */
export type VirtioModel = {
  /** The device type. @see VIRTIO 1.2, section 5 */
  readonly type: number;
  readonly name: string;
  /** Class code of the PCI function. */
  readonly classCode: number;
  readonly queues: number;
  /** Feature bits 0 to 31 that it offers. */
  readonly features: number;
  /** Its configuration structure. */
  readonly config: Uint8Array;
  /** Its storage, where it has some. */
  readonly storage?: Storage;
  /** Where its behaviour is drawn from the run's seed. Before any thread runs. */
  readonly seed?: (seed: number) => void;
  /** Serves the queues in `notified`, a bit each; the thread of the device. @throws QueueBroken */
  serve(access: QueueAccess, notified: number): void;
};
