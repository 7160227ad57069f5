import { createVms } from '../../src/board/create-vm.ts';
import { ERRNO } from '../../src/kvm/errno.ts';
import { KvmError } from '../../src/kvm/kvm-error.ts';
import type { KvmVm } from '../../src/kvm-abi/kvm-vm.ts';
import { encodingOf } from './abi.ts';

/** Descriptors of eventfds in /init begin here; in the model they begin at 0. */
const FIRST_EVENTFD = 0x40;
const RAM = 0x4000_0000;

/** The model's answers to the commands of a probe, in the form of /init's. */
export class AbiModel {
  #vm: KvmVm | undefined;
  readonly #devices: number[] = [];

  /** The answer to a command; undefined for one that has none. */
  obey(command: string): string | undefined {
    const [op = '', ...words] = command.split(' ');
    const numbers = words.map((word) => BigInt(/^[0-9a-f]+$/i.test(word) ? `0x${word}` : 0));
    const at = (index: number) => Number(numbers[index] ?? 0n);
    switch (op) {
      case 'B':
        return void this.#begin(at(0));
      case 'N':
        return void this.#complete(at(0));
      case 'V':
        return this.#errno(() => void this.#machine.createVcpu());
      case 'C':
        return this.#device(at(0));
      case 'A':
        return this.#attribute(words[0] ?? '', at(1), at(2), numbers[3] ?? 0n, numbers[4] ?? 0n);
      case 'W':
        return void this.#inGuest(at(0), () =>
          this.#machine.busOf(at(0)).write(at(1), at(2), numbers[3] ?? 0n),
        );
      case 'R':
        return this.#inGuest(at(0), () => this.#machine.busOf(at(0)).read(at(1), at(2)).toString(16));
      case 'S':
        return void this.#inGuest(at(0), () => this.#writeRegister(at(0), words[1] ?? '', numbers[2] ?? 0n));
      case 'G':
        return this.#inGuest(at(0), () => this.#readRegister(at(0), words[1] ?? '').toString(16));
      case 'J': {
        const errno = this.#errno(() => this.#inGuest(at(0), () => {}));
        // An immediate exit: EINTR.
        return errno === '0' ? '4' : errno;
      }
      case 'H':
        return this.#vcpuAttribute(words[0] ?? '', at(1), at(2), numbers[3] ?? 0n, numbers[4] ?? 0n);
      case 'O':
        return this.#oneRegister(words[0] ?? '', at(1), numbers[2] ?? 0n, numbers[3] ?? 0n);
      case 'c':
        return this.#errno(() => this.#machine.setCounterOffset(numbers[0] ?? 0n, numbers[1]));
      case 'F':
        return void this.#machine.memory.fill(at(0), at(1), at(2));
      case 'M':
        return void this.#machine.memory.write(at(0), Buffer.from(words[1] ?? '', 'hex'));
      case 'Q':
        return Buffer.from(this.#machine.memory.read(at(0), at(1))).toString('hex');
      case 'L':
        return this.#errno(() => this.#machine.irqLine(at(0), at(1)));
      case 'I':
        return this.#signal(at(0), at(1), at(2), at(3));
      case 'E':
        return String(this.#machine.eventfd() + FIRST_EVENTFD);
      case 'D':
        return this.#errno(() => {
          if (!this.#machine.write(at(0) - FIRST_EVENTFD, numbers[1] ?? 0n))
            throw new KvmError('write', 'EAGAIN', 'full');
        });
      case 'U': {
        const count = this.#machine.read(at(0) - FIRST_EVENTFD);
        return count === 0n ? `${ERRNO.EAGAIN} 0` : `0 ${count.toString(16)}`;
      }
      case 'K':
        return this.#errno(() =>
          this.#machine.irqfd({
            fd: at(0) - FIRST_EVENTFD,
            gsi: at(1),
            flags: at(2),
            resamplefd: at(3) - FIRST_EVENTFD,
          }),
        );
      default:
        throw new Error(`the model has no answer to "${command}"`);
    }
  }

  get #machine(): KvmVm {
    if (!this.#vm) throw new Error('there is no VM yet: begin the probe with N or B');
    return this.#vm;
  }

  #begin(vcpus: number): void {
    const [vm] = createVms(1, {
      vcpus: 8,
      vcpusLater: true,
      gicV2: true,
      memory: [{ base: RAM, bytes: 0x200_0000 }],
    });
    this.#vm = vm;
    this.#devices.length = 0;
    for (let id = 0; id < vcpus; id++) vm?.createVcpu();
  }

  /** As /init's new_vm(): a vGIC with 256 INTIDs, and an ITS. */
  #complete(vcpus: number): void {
    this.#begin(vcpus);
    for (const command of [
      ...['C 7', 'A s 0 0 2 8000000', 'A s 0 0 3 80a0000', 'A s 0 3 0 100', 'A s 0 4 0 0'],
      ...['C 8', 'A s 1 0 4 8080000', 'A s 1 4 0 0'],
    ])
      this.obey(command);
  }

  /** One instruction of a vCPU: KVM_RUN, and out again. */
  #inGuest<T>(vcpu: number, act: () => T): T {
    this.#machine.enterGuest(vcpu);
    try {
      return act();
    } finally {
      this.#machine.leaveGuest(vcpu);
    }
  }

  #readRegister(vcpu: number, name: string): bigint {
    const encoding = encodingOf(name);
    const value = this.#machine.timer(vcpu).read(encoding);
    return value ?? this.#machine.gic.systemRegisters[vcpu]?.readSystemRegister(encoding) ?? 0n;
  }

  #writeRegister(vcpu: number, name: string, value: bigint): void {
    const encoding = encodingOf(name);
    if (this.#machine.timer(vcpu).write(encoding, value)) return;
    this.#machine.gic.systemRegisters[vcpu]?.writeSystemRegister(encoding, value);
  }

  #vcpuAttribute(call: string, vcpu: number, group: number, attr: bigint, value: bigint): string {
    let read = value;
    const errno = this.#errno(() => {
      if (call === 's') this.#machine.setVcpuAttr(vcpu, { group, attr }, value);
      else if (call === 'g') read = this.#machine.getVcpuAttr(vcpu, { group, attr });
      else this.#machine.hasVcpuAttr(vcpu, { group, attr });
    });
    return `${errno} ${read.toString(16)}`;
  }

  #oneRegister(call: string, vcpu: number, id: bigint, value: bigint): string {
    let read = value;
    const errno = this.#errno(() => {
      if (call === 's') this.#machine.setOneReg(vcpu, id, value);
      else read = this.#machine.getOneReg(vcpu, id);
    });
    return `${errno} ${read.toString(16)}`;
  }

  #device(type: number): string {
    try {
      this.#devices.push(this.#machine.createDevice({ type, flags: 0 }));
      return `0 ${this.#devices.length - 1}`;
    } catch (error) {
      const number = numberOf(error);
      return `${number} ${-number}`;
    }
  }

  #attribute(call: string, device: number, group: number, attr: bigint, value: bigint): string {
    const fd = this.#devices[device];
    if (fd === undefined) return `${ERRNO.EBADF} ${value.toString(16)}`;
    let read = value;
    const errno = this.#errno(() => {
      if (call === 's') this.#machine.setDeviceAttr(fd, { group, attr }, value);
      else if (call === 'g') read = this.#machine.getDeviceAttr(fd, { group, attr }, value);
      else this.#machine.hasDeviceAttr(fd, { group, attr });
    });
    return `${errno} ${read.toString(16)}`;
  }

  #signal(address: number, data: number, devid: number, flags: number): string {
    let result = 0;
    const errno = this.#errno(() => {
      const msi = { address, data, deviceId: devid, flags };
      result = this.#machine.signalMsi(msi);
    });
    return `${errno} ${result}`;
  }

  #errno(act: () => void): string {
    try {
      act();
      return '0';
    } catch (error) {
      return String(numberOf(error));
    }
  }
}

function numberOf(error: unknown): number {
  if (error instanceof KvmError) return error.number;
  throw error;
}
