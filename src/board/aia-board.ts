import { Aia, type AiaRegions, aiaRegions } from '../aia/aia.ts';
import type { Imsic } from '../aia/imsic.ts';
import type { VcpuId } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import { RiscvVm, riscvVmRegions } from '../kvm/aia/riscv-vm.ts';
import { FdTable } from '../kvm/fds.ts';
import type { GenericVmRegions } from '../kvm/generic-vm.ts';
import { MAX_IRQ_ROUTES } from '../kvm/gsi.ts';
import { RiscvKvmVm } from '../kvm-abi/riscv-kvm-vm.ts';
import { Layout } from '../memory/layout.ts';
import { Readers } from '../memory/readers.ts';
import type { Words } from '../memory/word.ts';
import { checkSizes, type IrqchipBoardConfig } from './irqchip-board.ts';

/** `vcpus`: 1 to 512. */
export type AiaBoardConfig = IrqchipBoardConfig & {
  /** The highest interrupt identity that the host offers, 63 to 2047, one less than a multiple of 64; default 2047. */
  readonly ids?: number;
};

const MOST_VCPUS = 512;
const MOST_IDS = 2047;

type Places = { readonly layout: Layout; readonly aia: AiaRegions; readonly vm: GenericVmRegions };

function layOut(config: AiaBoardConfig): Places {
  const { vcpus, eventfds, threads, gsis = MAX_IRQ_ROUTES, spins = 100 } = config;
  const layout = new Layout(0, spins);
  return { layout, aia: aiaRegions(layout, vcpus), vm: riscvVmRegions(layout, { eventfds, threads, gsis }) };
}

/** @throws IrqError `ERR_CONFIG` for the first invalid value */
function check(config: AiaBoardConfig): void {
  checkSizes(config, MOST_VCPUS);
  const { ids = MOST_IDS } = config;
  if (!(ids >= 63 && ids <= MOST_IDS && ids % 64 === 63))
    throw new IrqError(
      'ERR_CONFIG',
      `ids is one less than a multiple of 64, from 63 to ${MOST_IDS}, not ${ids}`,
    );
}

/**
 * A VM of RISC-V as one thread sees it: APLIC, interrupt files, and KVM's calls, in one shared buffer. It shares KVM's generic code
 * with the boards of arm64 and x86. A view without state; any number of threads make one each over the same words.
 */
export class AiaBoard {
  readonly words: Words;
  readonly config: AiaBoardConfig;
  /** Names for the words of the buffer. */
  readonly layout: Layout;
  readonly aia: Aia;
  readonly vm: RiscvVm;
  /** The VM as userland calls it. */
  readonly kvm: RiscvKvmVm;
  readonly fds: FdTable;

  /** @param thread - the calling thread's number, below `config.threads`; no two threads share one */
  constructor(words: Words, config: AiaBoardConfig, thread: number) {
    const places = layOut(config);
    this.words = words;
    this.config = config;
    this.layout = places.layout;
    this.aia = new Aia(words, places.aia);
    this.vm = new RiscvVm(words, places.vm, {
      aia: this.aia,
      dispatch: config.dispatch,
      readers: new Readers(words, places.vm.readers),
      reader: thread,
    });
    this.kvm = new RiscvKvmVm(this.vm, config.ids ?? MOST_IDS);
    this.fds = new FdTable(words, places.vm.irqfds.fds);
  }

  /** A board in fresh memory and reset state: every eventfd open, no irqchip yet. @throws IrqError `ERR_CONFIG` */
  static create(config: AiaBoardConfig): AiaBoard {
    check(config);
    const words = new Int32Array(new SharedArrayBuffer(layOut(config).layout.words * 4));
    const board = new AiaBoard(words, config, 0);
    board.vm.init();
    board.aia.reset(config.ids ?? MOST_IDS);
    board.fds.openAll();
    return board;
  }

  /** The same VM, as another thread of this realm sees it. */
  seenBy(thread: number): AiaBoard {
    return new AiaBoard(this.words, this.config, thread);
  }

  get buffer(): SharedArrayBuffer {
    return this.words.buffer;
  }

  /** The interrupt file of a vCPU. Only the vCPU's thread may claim. */
  file(vcpu: VcpuId): Imsic {
    return this.aia.file(vcpu);
  }
}
