import { FIRST_LPI, type Intid, type VcpuId } from '../arch/intid.ts';
import type { VirtualCommand } from '../arch/its-command.ts';
import type { Source } from '../guest/index.ts';
import type { DriverContext, DriverParts } from '../stress/index.ts';
import { sendSgi } from './device.ts';
import type { VpeHost } from './host.ts';
import { enableSgis, hostOf, IPI, mapEvent, mapVpe, spareVlpis, type VpePlan, vlpiConfig } from './plan.ts';

/**
 * The changes of vPEs, vLPIs and vSGIs by a hypervisor, while devices signal and PEs run the vPEs. Each change tells the proof when it
 * begins and when it is complete: from there on no take that begins can be of the old vPE or the old INTID. The driver's thread.
 */
export class VpeChanges {
  readonly #context: DriverContext;
  readonly #plan: VpePlan;
  readonly #host: VpeHost;
  readonly #parts: DriverParts;
  readonly #spare: Intid[];

  constructor(context: DriverContext, plan: VpePlan, parts: DriverParts) {
    this.#context = context;
    this.#plan = plan;
    this.#parts = parts;
    this.#host = hostOf(context.machine, plan);
    this.#spare = spareVlpis(plan);
  }

  /** VMOVI: an event to another vPE. */
  move(which: number, source: Source): boolean {
    if (source.kind !== 'msi') return false;
    const { proof } = this.#context.views;
    const { deviceId, eventId } = source;
    const vcpu: VcpuId = this.#anyVpe();
    proof.beginMove(which, source.intid, vcpu);
    this.#send({ name: 'VMOVI', deviceId, eventId, vpe: vcpu }, { name: 'VSYNC', vpe: source.vcpu });
    proof.endMove(which);
    this.#context.rename(which, { ...source, vcpu });
    this.#context.count('moves');
    return true;
  }

  /** VMOVP: a vPE to another PE, with its doorbell. The ITS refuses a vPE that is resident, which the ITS may still be. */
  moveVpe(): boolean {
    const vpe = this.#anyVpe();
    const pe = this.#anyPe();
    this.#host.moves(vpe, pe);
    this.#send(
      { name: 'VMOVP', vpe, rdbase: pe, hasDoorbell: false, movedDoorbell: 0 },
      { name: 'INVDB', vpe },
      { name: 'VSYNC', vpe },
    );
    // Until then, a handler may run for a doorbell that rang where the vPE was.
    if (this.#context.waitForHandlers()) this.#host.moved(vpe);
    this.#context.count('collections');
    return true;
  }

  /** Disables a vLPI in the configuration table and enables the vLPI again, each with INV or with VINVALL. */
  configure(_which: number, source: Source): boolean {
    if (source.kind !== 'msi') return false;
    const isWhole = this.#context.chance.below(4) === 0;
    this.#setConfig(source, false, isWhole);
    this.#context.spin();
    this.#setConfig(source, true, isWhole);
    this.#context.count('configs');
    return true;
  }

  #setConfig({ intid, deviceId, eventId, vcpu }: Source, enabled: boolean, isWhole: boolean): void {
    const { its, machine } = this.#context;
    machine.memory.setByte(this.#plan.vpeConfigTable + intid - FIRST_LPI, vlpiConfig(enabled));
    if (isWhole) this.#send({ name: 'VINVALL', vpe: vcpu });
    else its.send({ name: 'INV', deviceId, eventId });
  }

  /** VSGI: disables a vSGI and enables the vSGI again. */
  toggle(_which: number, { kind, intid, vcpu }: Source): boolean {
    if (kind === 'msi') return false;
    const vsgi = { name: 'VSGI', vpe: vcpu, sgi: intid, clear: false } as const;
    this.#send({ ...vsgi, enable: false });
    this.#context.spin();
    this.#send({ ...vsgi, enable: true });
    this.#context.count('toggles');
    return true;
  }

  /** Detaches the irqfd of a source and attaches the irqfd again: signals that come meanwhile wait in the eventfd. */
  mask(_which: number, source: Source): boolean {
    if (source.kind !== 'msi') return false;
    const { userland } = this.#context;
    userland.mask(source.fd);
    this.#context.spin();
    userland.unmask(source.fd);
    this.#context.count('masks');
    return true;
  }

  /** The route of a source once more. */
  reroute(_which: number, source: Source): boolean {
    if (source.kind !== 'msi') return false;
    this.#context.tellUserland(source);
    this.#context.count('routeUpdates');
    return true;
  }

  /**
   * Maps an event anew, to another vLPI of another vPE.
   * @param live - while its device signals: a signal between DISCARD and VMAPTI is lost by the rules, so an INT follows. Else masked, once
   * the vLPI was taken.
   */
  remap(which: number, source: Source, live: boolean): boolean {
    const context = this.#context;
    if (source.kind !== 'msi') return false;
    const intid = this.#spare.shift();
    if (intid === undefined) return false;
    if (!live) context.userland.mask(source.fd);
    const isQuiet = live || this.#waitUntilTaken(source);
    if (isQuiet) {
      const { proof } = context.views;
      const vcpu: VcpuId = this.#anyVpe();
      const renamed = { ...source, intid, vcpu };
      proof.beginMove(which, intid, vcpu);
      context.its.send({ name: 'DISCARD', deviceId: source.deviceId, eventId: source.eventId });
      this.#send(mapEvent(renamed), { name: 'VSYNC', vpe: vcpu });
      proof.endMove(which);
      context.rename(which, renamed);
      if (context.waitForHandlers()) this.#spare.push(source.intid);
      if (live) this.raise(which, renamed);
      context.count(live ? 'swaps' : 'remaps');
    } else {
      this.#spare.unshift(intid);
    }
    if (!live) context.userland.unmask(source.fd);
    return true;
  }

  /**
   * VMAPP: ends a vPE and maps the vPE anew. Its pending vLPIs go by way of its table in memory; the irqfds of its events are detached
   * meanwhile. Its pending vSGIs are lost with the vPE, so they are sent again.
   */
  remapVpe(): boolean {
    const context = this.#context;
    const vpe = this.#anyVpe();
    const host = this.#host;
    host.want(vpe, true);
    for (let pe: VcpuId = 0; pe < this.#plan.vcpus; pe++) this.#interrupt(pe);
    if (context.until(() => !host.isRunning(vpe))) {
      const mine = context.sources.flatMap((source, which) =>
        source.vcpu === vpe ? [{ source, which }] : [],
      );
      const events = mine.filter(({ source }) => source.kind === 'msi');
      context.spin();
      for (const { source } of events) context.userland.mask(source.fd);
      const pe = this.#anyPe();
      this.#send(mapVpe(this.#plan, vpe, pe, false));
      context.waitForHandlers();
      host.settle(vpe);
      host.moves(vpe, pe);
      this.#send(mapVpe(this.#plan, vpe, pe, true), ...enableSgis(this.#plan, vpe));
      for (const { source } of events) context.userland.unmask(source.fd);
      for (const { source, which } of mine) if (source.kind !== 'msi') this.raise(which, source);
      host.wake(vpe);
      context.count('switches');
    }
    host.want(vpe, false);
    this.#interrupt(this.#anyPe());
    return true;
  }

  /** Makes a source pending: INT, or a write to GITS_SGIR. */
  raise(which: number, source: Source): boolean {
    const { its, machine, views } = this.#context;
    views.proof.raise(which);
    if (source.kind === 'msi') its.send({ name: 'INT', deviceId: source.deviceId, eventId: source.eventId });
    else sendSgi(machine, this.#plan, source.intid);
    this.#context.count('raises');
    return true;
  }

  /** A reschedule IPI: the PE looks for runnable vPEs, and leaves one that is wanted. */
  #interrupt(pe: VcpuId): void {
    this.#parts.gic.setSgisPending(pe, 1 << IPI);
  }

  #waitUntilTaken({ intid, vcpu }: Source): boolean {
    const vpe = this.#context.machine.gic.vpes?.at(vcpu);
    return this.#context.until(() => !vpe?.isPending(intid));
  }

  #anyVpe(): number {
    return this.#context.chance.below(this.#plan.vpes);
  }

  #anyPe(): VcpuId {
    return this.#context.chance.below(this.#plan.vcpus);
  }

  #send(...commands: readonly VirtualCommand[]): void {
    this.#parts.its.sendVirtual(commands);
  }
}
