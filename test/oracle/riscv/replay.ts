/** The commands of the RISC-V oracle (`test/oracle/riscv/init.c`), obeyed by this code in the place of a kernel. */
import { AiaBoard } from '../../../src/board/aia-board.ts';
import { ERRNO } from '../../../src/kvm/errno.ts';
import { KvmError } from '../../../src/kvm/kvm-error.ts';
import type { Device } from '../../../src/kvm-abi/devices/attribute.ts';
import type { RoutingEntry } from '../../../src/kvm-abi/routing-entry.ts';

/** The first descriptor that the kernel's side gives an eventfd. */
const FIRST_FD = 0x40;
/** As the emulated host: its highest identity is 255. */
const CONFIG = { eventfds: 8, threads: 1, dispatch: 'inline', ids: 255 } as const;
const ALL = 2n ** 64n - 1n;
/** scause of an illegal instruction, as the vCPU's answer. */
const ILLEGAL = ALL - 2n;

const SIRESELECT = 0x150;
const SIREG = 0x151;
const STOPEI = 0x15c;
const SIP = 0x144;

export class KernelReplay {
  readonly #Board: typeof AiaBoard;
  #board: AiaBoard;
  #device: Device | undefined;
  #fds = 0;
  #selected = new Map<number, number>();

  /** @param Board - the real one, or one with a line of its code broken */
  constructor(Board = AiaBoard) {
    this.#Board = Board;
    this.#board = Board.create({ ...CONFIG, vcpus: 1 });
  }

  /** The answer to a command, as the kernel's /init prints it; undefined for a command without an answer that says something. */
  answer(command: string): string | undefined {
    const [name = '', ...words] = command.split(' ');
    const at = (index: number) => Number.parseInt(words[index] ?? '0', 16);
    const { kvm, vm } = this.#board;
    switch (name) {
      case 'N':
        this.#board = this.#Board.create({ ...CONFIG, vcpus: at(0) });
        this.#device = undefined;
        this.#fds = 0;
        this.#selected = new Map();
        return undefined;
      case 'C':
        return this.#errno(() => {
          this.#device = kvm.createDevice({ type: at(0), flags: 0 });
        });
      case 'A':
        return this.#attribute(words);
      case 'L':
        return this.#errno(() => kvm.irqLine(at(0), at(1)));
      case 'I':
        return this.#errno(
          () => kvm.signalMsi({ address: at(0), data: at(1), flags: at(2), deviceId: 0 }),
          (result) => ` ${result ?? 0}`,
        );
      case 'T':
        return this.#errno(() => kvm.setGsiRouting({ flags: 0, entries: entriesOf(words) }));
      case 'E':
        return (FIRST_FD + this.#fds++).toString(16);
      case 'K':
        return this.#errno(() =>
          kvm.irqfd({ fd: at(0) - FIRST_FD, gsi: at(1), flags: at(2), resamplefd: at(3) - FIRST_FD }),
        );
      case 'D':
        return this.#errno(() => {
          kvm.write(at(0) - FIRST_FD);
          vm.irqfds.dispatchPending();
        });
      case 'U': {
        const value = vm.irqfds.eventfd(at(0) - FIRST_FD).tryRead();
        return value === undefined || value === 0n ? `${ERRNO.EAGAIN} 0` : `0 ${value.toString(16)}`;
      }
      case 'G':
        return this.#step(at(0), at(1), BigInt(`0x${words[2]}`), BigInt(`0x${words[3]}`))?.toString(16);
      default:
        throw new Error(`the oracle has no command "${command}"`);
    }
  }

  #errno<T>(act: () => T, more: (result?: T) => string = () => ''): string {
    try {
      return `0${more(act())}`;
    } catch (error) {
      if (error instanceof Error && 'number' in error) return `${error.number}${more()}`;
      throw error;
    }
  }

  #attribute([call = '', group = '', attr = '', value = '']: readonly string[]): string {
    const name = { group: Number.parseInt(group, 16), attr: BigInt(`0x${attr}`) };
    const given = BigInt(`0x${value}`);
    const device = this.#device;
    if (!device) return `${ERRNO.EBADF} ${value}`;
    return this.#errno(
      () => {
        if (call === 'g') return device.get(name, given);
        if (call === 's') device.set(name, given);
        else if (!device.has(name)) throw new KvmError('KVM_HAS_DEVICE_ATTR', 'ENXIO', 'unknown');
        return given;
      },
      (result) => ` ${(result ?? given).toString(16)}`,
    );
  }

  /** One instruction of a vCPU: a CSR's read, write, set or clear. */
  #step(vcpu: number, opcode: number, a1: bigint, a2: bigint): bigint | undefined {
    const file = this.#board.file(vcpu);
    const csr = opcode >>> 20;
    const operation = (opcode >>> 12) & 3;
    const operand = (opcode >>> 15) & 31;
    if (csr === SIRESELECT) {
      this.#selected.set(vcpu, Number(a1));
      return undefined;
    }
    if (csr === SIP) return file.signalled ? 0x200n : 0n;
    if (csr === STOPEI) {
      const identity = BigInt(operand === 0 ? file.top : file.claim());
      return (identity << 16n) | identity;
    }
    if (csr !== SIREG) throw new Error(`opcode 0x${opcode.toString(16)} is no access to a file`);
    const isWrite = operation === 1 || operand !== 0;
    const mask = !isWrite ? 0n : operation === 1 ? ALL : a2;
    const old = file.access(this.#selected.get(vcpu) ?? 0, operation === 3 ? 0n : a2, mask);
    return old === undefined || old < 0n ? ILLEGAL : old;
  }
}

/** KVM_SET_GSI_ROUTING's entries: count, then gsi, type, four words of the union, and flags of each. */
function entriesOf([, ...words]: readonly string[]): RoutingEntry[] {
  const entries: RoutingEntry[] = [];
  for (let at = 0; at + 7 <= words.length; at += 7) {
    const [gsi = 0, type = 0, a = 0, b = 0, c = 0, d = 0, flags = 0] = words
      .slice(at, at + 7)
      .map((word) => Number.parseInt(word, 16));
    const fields =
      type === 2 ? { address: b * 2 ** 32 + a, data: c, devid: d } : type === 1 ? { irqchip: a, pin: b } : {};
    entries.push({ gsi, type, flags, ...fields });
  }
  return entries;
}
