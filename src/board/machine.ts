import type { VcpuId } from '../arch/intid.ts';
import type { Its } from '../its/its.ts';
import { readHeader } from '../memory/header.ts';
import { Board, createBoards } from './board.ts';
import { checkConfig, decodeConfig, type MachineConfig } from './config.ts';
import { checkFrames } from './frames.ts';
import { layOut } from './layout.ts';

/**
 * A board after userland's setup: the VM of a machine that is ready for its guest. A view without state for one thread;
 * any number of threads make one each with {@link attach}.
 */
export class Machine extends Board {
  /** Bytes of a machine in its buffer. @throws IrqError `ERR_CONFIG` */
  static bytes(config: MachineConfig): number {
    checkConfig(config);
    return layOut(config).layout.words * 4;
  }

  /** Byte offset of the guest's memory in the buffer; its slots are contiguous. */
  static ramAt(config: MachineConfig): number {
    const [vm] = layOut(config).vms;
    if (!vm) throw new RangeError('a process has a VM');
    return vm.ram.at * 4;
  }

  /**
   * Makes a machine in reset state. The calling thread is its main thread.
   * @param buffer - zeroed, at least {@link Machine.bytes} long: a WebAssembly.Memory's buffer, if a core runs the
   * guest. The bytes after the machine belong to the caller. Left out: a new buffer.
   * @throws IrqError `ERR_CONFIG`
   */
  static create(config: MachineConfig, buffer?: SharedArrayBuffer): Machine {
    checkConfig(config);
    checkFrames(config);
    const [machine] = createBoards(config, (words, _, thread) => new Machine(words, config, thread), buffer);
    if (!machine) throw new RangeError('a process has a VM');
    machine.initialise();
    return machine;
  }

  /**
   * Makes a view of an existing machine.
   * @param thread - the calling thread's number: see {@link MachineConfig.otherThreads}. No two threads share one.
   * @throws IrqError `ERR_LAYOUT` for a foreign or damaged buffer
   */
  static attach(buffer: SharedArrayBuffer, thread: number): Machine {
    const words = new Int32Array(buffer);
    return new Machine(words, decodeConfig(readHeader(words)), thread);
  }

  get buffer(): SharedArrayBuffer {
    return this.words.buffer;
  }

  /** The first ITS. @throws RangeError in a machine without ITS */
  get its(): Its {
    const [its] = this.itses;
    if (!its) throw new RangeError('this machine has no ITS');
    return its;
  }

  /** INTIDs are below this number. */
  get intids(): number {
    return this.gic.interrupts.idLimit;
  }

  /** The thread number of `vcpu`'s thread. */
  static threadOfVcpu(vcpu: VcpuId): number {
    return 1 + vcpu;
  }

  /** The thread number of the `index`-th thread that is neither the main thread nor a vCPU's. */
  otherThread(index: number): number {
    return 1 + this.config.vcpus + index;
  }
}
