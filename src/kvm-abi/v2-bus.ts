import type { VcpuId } from '../arch/intid.ts';
import type { V2Frame, V2Registers } from '../gic/v2/gic-v2.ts';
import type { VgicState } from '../kvm/vgic/vgic-state.ts';
import type { RegisterBus } from './vm-board.ts';

/** Sizes of a GICv2's frames. */
export const V2_GICD_BYTES = 0x1000;
export const V2_CPU_BYTES = 0x2000;

/** The accesses of one vCPU of a VM with a GICv2: its registers depend on the vCPU that accesses them. The vCPU's thread. */
export class V2Bus implements RegisterBus {
  readonly #bus: RegisterBus;
  readonly #v2: V2Registers;
  readonly #vgic: VgicState;
  readonly #vcpu: VcpuId;
  readonly #frame: V2Frame | undefined;

  /** @param bus - for all other addresses */
  constructor(bus: RegisterBus, v2: V2Registers, vgic: VgicState, vcpu: VcpuId) {
    this.#bus = bus;
    this.#v2 = v2;
    this.#vgic = vgic;
    this.#vcpu = vcpu;
    this.#frame = v2.frames[vcpu];
  }

  read(address: number, bytes: number): bigint {
    const inDistributor = address - this.#vgic.distributorV2;
    if (inDistributor >= 0 && inDistributor < V2_GICD_BYTES)
      return this.#v2.distributor.read(this.#vcpu, inDistributor | 0, bytes);
    const inFrame = address - this.#vgic.cpuInterface;
    if (!(inFrame >= 0 && inFrame < V2_CPU_BYTES)) return this.#bus.read(address, bytes);
    return BigInt(bytes === 4 ? (this.#frame?.read(inFrame) ?? 0) : 0);
  }

  write(address: number, bytes: number, value: bigint): void {
    const inDistributor = address - this.#vgic.distributorV2;
    const inFrame = address - this.#vgic.cpuInterface;
    if (inDistributor >= 0 && inDistributor < V2_GICD_BYTES)
      this.#v2.distributor.write(this.#vcpu, inDistributor | 0, bytes, value);
    else if (!(inFrame >= 0 && inFrame < V2_CPU_BYTES)) this.#bus.write(address, bytes, value);
    else if (bytes === 4) this.#frame?.write(inFrame, Number(BigInt.asUintN(32, value)));
  }

  readWord(address: number): number {
    return Number(this.read(address, 4));
  }

  writeWord(address: number, value: number): void {
    this.write(address, 4, BigInt(value >>> 0));
  }
}
