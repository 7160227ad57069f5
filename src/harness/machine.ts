import { PRIVATE_INTIDS } from '../arch/intid.ts';
import type { ItsCommand } from '../arch/its-command.ts';
import { gits } from '../arch/registers.ts';
import { IrqError } from '../base/irq-error.ts';
import type { Machine } from '../board/machine.ts';
import { takeSnapshot } from '../board/snapshot.ts';
import { ItsDriver } from '../guest/index.ts';
import { type Gsi, MAX_IRQ_ROUTES } from '../kvm/gsi.ts';
import { MSI_VALID_DEVID, type Route } from '../kvm/route.ts';
import { IRQ_TYPE_PPI, IRQ_TYPE_SPI, packIrqLine } from '../kvm/vgic/irq-line.ts';
import type { Harness } from '../threads/harness.ts';
import { type Built, eventOf, type MachineEvent } from './build.ts';
import type { HarnessViews } from './plan.ts';
import type { Run, RunResult } from './run.ts';
import type { MachineStats } from './stats.ts';

/** An MSI, as a device writes it. */
export type GivenMsi = {
  readonly deviceId: number;
  /** The EventID. */
  readonly data: number;
  /** Guest-physical; the doorbell of the machine's ITS where it is left out. */
  readonly address?: number;
  /** KVM_MSI_VALID_DEVID where it is left out. */
  readonly flags?: number;
};

/** An entry of the routing table. GSIs are 0 to 4,095, pins 0 to 987, the irqchip is 0. */
export type GivenRoute =
  | { readonly type: 'irqchip'; readonly gsi: number; readonly pin: number; readonly irqchip?: number }
  | ({ readonly type: 'msi'; readonly gsi: number } & GivenMsi);

/** Numbers that are free, the last excluded. */
export type Spare = { readonly first: number; readonly end: number };

/**
 * A booted machine with its threads. Used on the main thread, and always to be closed: `await using machine = await boot(…)`
 * does that. KVM's calls are those of KVM, and throw `KvmError` (code `ERR_KVM`) where KVM refuses.
 */
export class BootedMachine implements AsyncDisposable {
  /** All parts of the machine, as the main thread sees them. */
  readonly board: Machine;
  /** Every event of every device, with its names at boot. */
  readonly events: readonly MachineEvent[];
  /** Open eventfds, and GSIs, that no event uses. */
  readonly spare: { readonly fds: Spare; readonly gsis: Spare };
  readonly #harness: Harness;
  readonly #views: HarnessViews;
  readonly #run: Run;
  readonly #its: ItsDriver;
  #routes: readonly GivenRoute[];
  #started: Promise<RunResult> | undefined;
  #hasFinished = false;
  #closed: Promise<void> | undefined;
  #snapshots: Promise<unknown> = Promise.resolve();
  readonly #finished: Promise<RunResult>;
  #finish: (result: RunResult | Promise<never>) => void = () => undefined;

  constructor({ machine, plan, routes }: Built, harness: Harness, run: Run, views: HarnessViews) {
    this.board = machine;
    this.events = plan.sources.map(eventOf);
    const { spis, eventfds } = machine.config;
    const used = this.events.length;
    this.spare = {
      fds: { first: used, end: eventfds },
      gsis: { first: spis + used, end: MAX_IRQ_ROUTES },
    };
    this.#harness = harness;
    this.#run = run;
    this.#views = views;
    this.#routes = routes;
    this.#its = new ItsDriver(machine.bus, machine.memory, machine.config.itsBase);
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#finished.catch(() => undefined);
  }

  /**
   * Lets the vCPUs take interrupts and calls `run` of every device. Once: a second call returns the same promise. The vCPUs
   * go on afterwards, until {@link close}.
   * @returns {@link finished}
   */
  run(): Promise<RunResult> {
    if (this.#started === undefined && this.#closed === undefined) {
      this.#started = this.#run.start();
      this.#finish(
        this.#started.then((result) => {
          this.#hasFinished = true;
          return result;
        }) as Promise<never>,
      );
    }
    return this.#finished;
  }

  /**
   * Resolves once every device has returned and a delivery has followed every signal.
   *
   * Rejects with an IrqError: `ERR_LOST` for a signal without delivery; `ERR_THREAD_DIED` where a function of the guest or
   * of a device throws, or its thread dies; `ERR_THREAD_SILENT` past the bound; `ERR_WAIT_ABORTED` where the machine is closed first.
   */
  get finished(): Promise<RunResult> {
    return this.#finished;
  }

  /** Counts since boot; also while the machine runs. */
  stats(): MachineStats {
    return this.#run.stats;
  }

  /** write(2) of an eventfd. False where the count has no room for it. @throws KvmError EBADF, EINVAL */
  write(fd: number, value: number | bigint = 1): boolean {
    return this.board.write(fd, value);
  }

  /**
   * KVM_IRQFD: puts an irqfd on an eventfd, or takes it away.
   * @param fd - an open eventfd: one of {@link spare}, or of an event whose irqfd was deassigned
   * @throws KvmError EBADF, EINVAL, EBUSY, ENOMEM
   */
  irqfd(fd: number, gsi: number, { deassign = false }: { readonly deassign?: boolean } = {}): void {
    if (deassign) this.board.vm.deassignIrqFd(fd, gsi);
    else this.board.vm.assignIrqFd(fd, gsi);
    const event = this.events.findIndex((each) => each.fd === fd);
    if (event >= 0) this.#run.unjudged.add(event);
  }

  /** The routing table in force. */
  get routes(): readonly GivenRoute[] {
    return this.#routes;
  }

  /**
   * KVM_SET_GSI_ROUTING: replaces the whole table, `[...machine.routes, …]` to add to it. The machine's proof no longer
   * judges an event whose route changes.
   * @throws KvmError EINVAL
   */
  setGsiRouting(routes: readonly GivenRoute[]): void {
    const table = routes.map((route) => this.#route(route));
    for (const [event, { gsi, deviceId, event: eventId }] of this.events.entries()) {
      const route = table.find((each) => each.gsi === gsi);
      const isAsBooted = route?.type === 'msi' && route.deviceId === deviceId && route.data === eventId;
      if (!isAsBooted) this.#run.unjudged.add(event);
    }
    this.board.vm.setGsiRouting(table);
    this.#routes = table;
  }

  /** KVM_SIGNAL_MSI: 1 delivered, 0 blocked by the guest. @throws KvmError EINVAL, EBUSY */
  signalMsi(msi: GivenMsi): number {
    return this.board.vm.signalMsi({ address: this.doorbell, flags: MSI_VALID_DEVID, ...msi });
  }

  /** Guest-physical address of the ITS's doorbell, GITS_TRANSLATER. */
  get doorbell(): number {
    return this.board.config.itsBase + gits.TRANSLATER;
  }

  /**
   * KVM_IRQ_LINE: moves a wire. SPIs are edge-triggered at boot.
   * @param intid - of an SPI, or of a PPI
   * @param vcpu - whose PPI; of no meaning for an SPI
   * @throws KvmError EINVAL, ENXIO
   */
  irqLine(intid: number, level: boolean, vcpu = 0): void {
    const type = intid < PRIVATE_INTIDS ? IRQ_TYPE_PPI : IRQ_TYPE_SPI;
    this.board.vm.irqLine(packIrqLine({ type, vcpu, intid }), level);
  }

  /** Sends commands to the ITS by its queue, as the guest's driver does. @throws IrqError `ERR_CONFIG` where the ITS stops */
  sendIts(...commands: readonly ItsCommand[]): void {
    this.#its.sendAll(commands);
  }

  /**
   * Copies the whole machine; `restoreSnapshot` makes a machine of it. vCPUs that run are paused meanwhile.
   * @throws IrqError `ERR_SNAPSHOT` while devices run; `ERR_THREAD_SILENT` where a vCPU does not leave its guest
   */
  snapshot(): Promise<Uint8Array> {
    const taken = this.#snapshots.then(() => this.#snapshot());
    this.#snapshots = taken.catch(() => undefined);
    return taken;
  }

  async #snapshot(): Promise<Uint8Array> {
    const { runningDevices } = this.#run;
    if (runningDevices.length > 0 || (this.#started !== undefined && !this.#hasFinished)) {
      const who = runningDevices.length > 0 ? runningDevices.join(', ') : 'the machine';
      throw new IrqError('ERR_SNAPSHOT', `${who} still runs: await machine.finished first`);
    }
    await this.#run.pauseAll();
    try {
      return takeSnapshot(this.board);
    } finally {
      if (this.#started !== undefined && this.#closed === undefined) this.#run.enterAll();
    }
  }

  /**
   * Ends every thread, those that do not return by force, within a few seconds. Further calls return the same promise.
   * @throws IrqError `ERR_THREAD_SILENT` that names what was ended by force, or the failure of a thread after the run had finished, unless {@link finished} has rejected
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { failure } = this.#run;
    this.#run.end();
    if (this.#started === undefined) this.#finish(Promise.reject(this.#run.failure));
    const forced = await this.#harness.close();
    if (failure !== undefined && !this.#hasFinished) return;
    if (failure !== undefined) throw failure;
    if (forced.length === 0) return;
    const named = forced.map((name) => {
      const vcpu = this.#harness.vcpus.findIndex((thread) => thread.name === name);
      const call = vcpu < 0 ? 'run(device)' : this.#views.places.callOf(vcpu);
      return call === undefined ? name : `${name} in ${call}`;
    });
    throw new IrqError(
      'ERR_THREAD_SILENT',
      `close: ${named.join(', ')} did not return, and was ended by force`,
    );
  }

  #route(route: GivenRoute): Route {
    const gsi = route.gsi as Gsi;
    if (route.type === 'irqchip') return { irqchip: 0, ...route, gsi };
    return { address: this.doorbell, flags: MSI_VALID_DEVID, ...route, gsi };
  }
}
