import type { VcpuId } from '../arch/intid.ts';
import type { Its } from '../its/its.ts';
import { readHeader } from '../memory/header.ts';
import { Board, createBoards } from './board.ts';
import { checkConfig, decodeConfig, type MachineConfig } from './config.ts';
import { layOut } from './layout.ts';

/**
 * A board whose userland has done its work: the VM of a machine that is ready for its guest. This object is a view of it for
 * one thread, and holds no state of its own; any number of threads make one each with {@link attach}.
 */
export class Machine extends Board {
  /** Bytes that a machine takes from the start of its buffer. @throws IrqError `ERR_CONFIG` */
  static bytes(config: MachineConfig): number {
    checkConfig(config);
    return layOut(config).layout.words * 4;
  }

  /** Byte offset of the guest's memory in the buffer: its slots one behind the other. */
  static ramAt(config: MachineConfig): number {
    const [vm] = layOut(config).vms;
    if (!vm) throw new RangeError('a process has a VM');
    return vm.ram.at * 4;
  }

  /**
   * Makes a machine in its reset state. The calling thread is its main thread.
   * @param buffer - zeroed, and at least {@link Machine.bytes} long: that of a WebAssembly.Memory, where a core runs the
   * guest. The bytes after the machine belong to the caller. Left out: a buffer of its own.
   * @throws IrqError `ERR_CONFIG`
   */
  static create(config: MachineConfig, buffer?: SharedArrayBuffer): Machine {
    checkConfig(config);
    const [machine] = createBoards(config, (words, _, thread) => new Machine(words, config, thread), buffer);
    if (!machine) throw new RangeError('a process has a VM');
    machine.initialise();
    return machine;
  }

  /**
   * A view of a machine that exists.
   * @param thread - the calling thread's number: see {@link MachineConfig.otherThreads}. No two threads share one.
   * @throws IrqError `ERR_LAYOUT` where the buffer is none of ours, or damaged
   */
  static attach(buffer: SharedArrayBuffer, thread: number): Machine {
    const words = new Int32Array(buffer);
    return new Machine(words, decodeConfig(readHeader(words)), thread);
  }

  get buffer(): SharedArrayBuffer {
    return this.words.buffer;
  }

  /** The first ITS. @throws RangeError in a machine without one */
  get its(): Its {
    const [its] = this.itses;
    if (!its) throw new RangeError('this machine has no ITS');
    return its;
  }

  /** The number, among the machine's threads, of the thread of `vcpu`. */
  static threadOfVcpu(vcpu: VcpuId): number {
    return 1 + vcpu;
  }

  /** The number of the `index`-th thread that is neither the main one nor a vCPU's. */
  otherThread(index: number): number {
    return 1 + this.config.vcpus + index;
  }
}
