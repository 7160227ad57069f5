import type { ItsNumber } from '../../src/conformance/vectors/vector-layout.ts';
import type { RegisterPlace } from '../../src/conformance/vectors/vector-registers.ts';
import type { VectorMachine, VmNumber, Wire } from '../../src/conformance/vectors/vector-step.ts';
import type { VectorTarget } from '../../src/conformance/vectors/vector-target.ts';
import type { VmAnswer, VmCall } from '../../src/conformance/vectors/vector-vm.ts';
import * as command from './kernel-commands.ts';
import type { LiveKernel } from './live-kernel.ts';

/** What userland keeps for a VM. */
class UserlandOfVm {
  readonly fds = new Map<number, number>();
  readonly routes: command.RouteTo[] = [];
}

/**
 * A real kernel as the target of a vector: register accesses are instructions of the vCPU concerned, wires and MSIs are
 * ioctls.
 */
export class KernelTarget implements VectorTarget {
  readonly #kernel: LiveKernel;
  /** Numbers in /init of the vector's eventfds, and the routes of the steps so far, of each VM. */
  readonly #vms = [new UserlandOfVm(), new UserlandOfVm()] as const;
  #vm: VmNumber = 0;
  #its: ItsNumber = 0;

  /** Begins VMs of its own. */
  constructor(kernel: LiveKernel, machine: VectorMachine) {
    this.#kernel = kernel;
    this.#send(command.newVms(machine));
  }

  use(vm: VmNumber, its: ItsNumber): void {
    if (vm !== this.#vm) this.#send(command.useVm(vm));
    this.#vm = vm;
    this.#its = its;
  }

  copyRam(from: VmNumber): void {
    this.#send(command.copyRam(from));
  }

  read(place: RegisterPlace, bytes: 1 | 2 | 4 | 8): bigint {
    return this.#ask(command.read(place, bytes, this.#its));
  }

  write(place: RegisterPlace, bytes: 1 | 2 | 4 | 8, value: bigint): void {
    this.#send(command.write(place, bytes, value, this.#its));
  }

  ramRead(address: number, bytes: number): Uint8Array {
    return this.#ask(command.ramRead(address, bytes));
  }

  ramWrite(address: number, data: Uint8Array): void {
    this.#send(command.ramWrite(address, data));
  }

  msi(deviceId: number, eventId: number): void {
    this.#ask(command.msi(deviceId, eventId, this.#its));
  }

  line(wire: Wire, level: 0 | 1): void {
    this.#ask(command.line(wire, level));
  }

  lpiPending(cpu: number, lpi: number): boolean | undefined {
    return this.lpiPendingAll()?.some(([target, pending]) => target === cpu && pending === lpi);
  }

  lpiPendingAll(): readonly (readonly [cpu: number, lpi: number])[] | undefined {
    return this.#ask(command.lpiPendingAll());
  }

  iccRead(cpu: number, register: string): bigint | undefined {
    return this.#ask(command.iccRead(cpu, register));
  }

  iccWrite(cpu: number, register: string, value: bigint): void {
    this.#send(command.iccWrite(cpu, register, value));
  }

  take(cpu: number, most: number): readonly number[] {
    return this.#ask(command.take(cpu, most));
  }

  irq(cpu: number): boolean {
    return (this.#ask(command.signals(cpu)) & command.IRQ_SIGNAL) !== 0n;
  }

  fiq(cpu: number): boolean {
    return (this.#ask(command.signals(cpu)) & command.FIQ_SIGNAL) !== 0n;
  }

  vm(call: VmCall): VmAnswer {
    const { fds, routes } = this.#vms[this.#vm];
    const fdOf = (fd: number) => {
      const known = fds.get(fd) ?? this.#ask(command.newEventFd());
      fds.set(fd, known);
      return known;
    };
    const answer = this.#ask(command.vmCall(call, this.#its, fdOf, routes));
    if (call.op === 'route' && answer.errno === 0) routes.push({ route: call, its: this.#its });
    return answer;
  }

  #send(lines: command.Send): void {
    for (const each of lines) this.#kernel.send(each);
  }

  #ask<T>({ lines, decode }: command.Ask<T>): T {
    this.#send(lines);
    return decode(this.#kernel.answer(lines.at(-1) ?? ''));
  }
}
