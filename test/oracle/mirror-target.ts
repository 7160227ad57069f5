import type { ItsNumber } from '../../src/conformance/vectors/vector-layout.ts';
import type { RegisterPlace } from '../../src/conformance/vectors/vector-registers.ts';
import type { VectorMachine, VmNumber, Wire } from '../../src/conformance/vectors/vector-step.ts';
import type { VectorTarget } from '../../src/conformance/vectors/vector-target.ts';
import type { VmAnswer, VmCall } from '../../src/conformance/vectors/vector-vm.ts';
import * as command from './kernel-commands.ts';
import type { LiveKernel } from './live-kernel.ts';

type Expected = { readonly command: string; readonly agrees: (answer: string) => boolean };

/**
 * Runs a vector on a model and writes down what the same calls are to a kernel, so that all of them can be sent at once: a
 * vector then costs one round trip and not one for each look. Valid as long as the kernel answers as the model did: the
 * first answer that differs may have led the vector another way, so then it must be asked again, step by step.
 */
export class MirrorTarget implements VectorTarget {
  readonly #model: VectorTarget;
  readonly #lines: string[] = [];
  readonly #expected: Expected[] = [];
  /** The vector's eventfds by number of VM and eventfd, and their numbers in /init. */
  readonly #fds = new Map<string, number>();
  readonly #routes: readonly [command.RouteTo[], command.RouteTo[]] = [[], []];
  #vm: VmNumber = 0;
  #its: ItsNumber = 0;

  constructor(model: VectorTarget, machine: VectorMachine) {
    this.#model = model;
    this.#lines.push(...command.newVms(machine));
  }

  use(vm: VmNumber, its: ItsNumber): void {
    this.#model.use(vm, its);
    if (vm !== this.#vm) this.#lines.push(...command.useVm(vm));
    this.#vm = vm;
    this.#its = its;
  }

  copyRam(from: VmNumber): void {
    this.#model.copyRam(from);
    this.#lines.push(...command.copyRam(from));
  }

  /** Sends what was written down; whether the kernel answers all of it as the model did. */
  agrees(kernel: LiveKernel): boolean {
    kernel.send(this.#lines.join('\n'));
    let same = true;
    // Every answer is read, also after one that differs: the next command must not be taken for it.
    for (const { command: asked, agrees } of this.#expected) same = agrees(kernel.answer(asked)) && same;
    return same;
  }

  read(place: RegisterPlace, bytes: 1 | 2 | 4 | 8): bigint | undefined {
    return this.#both(this.#model.read(place, bytes), command.read(place, bytes, this.#its));
  }

  write(place: RegisterPlace, bytes: 1 | 2 | 4 | 8, value: bigint): void {
    this.#model.write(place, bytes, value);
    this.#lines.push(...command.write(place, bytes, value, this.#its));
  }

  ramRead(address: number, bytes: number): Uint8Array {
    return this.#both(this.#model.ramRead(address, bytes), command.ramRead(address, bytes));
  }

  ramWrite(address: number, data: Uint8Array): void {
    this.#model.ramWrite(address, data);
    this.#lines.push(...command.ramWrite(address, data));
  }

  msi(deviceId: number, eventId: number): void {
    this.#model.msi(deviceId, eventId);
    this.#ignored(command.msi(deviceId, eventId, this.#its));
  }

  line(wire: Wire, level: 0 | 1): void {
    this.#model.line(wire, level);
    this.#ignored(command.line(wire, level));
  }

  lpiPending(cpu: number, lpi: number): boolean | undefined {
    const pending = this.#model.lpiPending(cpu, lpi);
    const { lines, decode } = command.lpiPendingAll();
    return this.#both(pending, {
      lines,
      decode: (answer) => decode(answer)?.some(([target, each]) => target === cpu && each === lpi),
    });
  }

  lpiPendingAll(): readonly (readonly [cpu: number, lpi: number])[] | undefined {
    return this.#both(this.#model.lpiPendingAll(), command.lpiPendingAll());
  }

  iccRead(cpu: number, register: string): bigint | undefined {
    return this.#both(this.#model.iccRead(cpu, register), command.iccRead(cpu, register));
  }

  iccWrite(cpu: number, register: string, value: bigint): void {
    this.#model.iccWrite(cpu, register, value);
    this.#lines.push(...command.iccWrite(cpu, register, value));
  }

  irq(cpu: number): boolean | undefined {
    return this.#signal(this.#model.irq(cpu), cpu, command.IRQ_SIGNAL);
  }

  fiq(cpu: number): boolean | undefined {
    return this.#signal(this.#model.fiq(cpu), cpu, command.FIQ_SIGNAL);
  }

  take(cpu: number, most: number): readonly number[] | undefined {
    return this.#both(this.#model.take(cpu, most), command.take(cpu, most));
  }

  vm(call: VmCall): VmAnswer | undefined {
    const routes = this.#routes[this.#vm];
    const asked = command.vmCall(call, this.#its, (fd) => this.#fdOf(fd), routes);
    const answer = this.#both(this.#model.vm(call), asked);
    if (call.op === 'route' && answer?.errno === 0) routes.push({ route: call, its: this.#its });
    return answer;
  }

  /** /init gives the lowest free number. */
  #fdOf(fd: number): number {
    const key = `${this.#vm} ${fd}`;
    const known = this.#fds.get(key);
    if (known !== undefined) return known;
    const next = command.FIRST_EVENTFD + this.#fds.size;
    this.#fds.set(key, next);
    this.#both(next, command.newEventFd());
    return next;
  }

  #signal(value: boolean | undefined, cpu: number, mask: bigint): boolean | undefined {
    const { lines, decode } = command.signals(cpu);
    return this.#both(value, { lines, decode: (answer) => (decode(answer) & mask) !== 0n });
  }

  #both<T>(value: T, { lines, decode }: command.Ask<T>): T {
    this.#lines.push(...lines);
    const agrees = (answer: string) => {
      const real = decode(answer);
      return real === undefined || keyOf(real) === keyOf(value);
    };
    this.#expected.push({ command: lines.at(-1) ?? '', agrees });
    return value;
  }

  #ignored({ lines }: command.Ask<string>): void {
    this.#lines.push(...lines);
    this.#expected.push({ command: lines.at(-1) ?? '', agrees: () => true });
  }
}

function keyOf(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value === 'bigint') return `${value}`;
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}` : part));
}
