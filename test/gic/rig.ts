import { gicd, gicr } from '../../src/arch/registers.ts';
import { Gic, type GicConfig, gicRegions } from '../../src/gic/gic.ts';
import { GuestMemory, guestMemoryRegion } from '../../src/memory/guest-memory.ts';
import { Layout } from '../../src/memory/layout.ts';
import type { Words } from '../../src/memory/word.ts';

export const RAM = 0x4000_0000;
export const CONFIG_TABLE = 0x4000_0000;
export const pendingTableOf = (vcpu: number) => RAM + 0x1_0000 * (1 + vcpu);

/** An interrupt controller with guest memory, and without an ITS in front of it. */
export type Rig = {
  readonly gic: Gic;
  readonly memory: GuestMemory;
  readonly words: Words;
  /** The vCPUs whose LPIs were disabled, in order: what an ITS would have been told. */
  readonly disabled: number[];
};

export function makeRig(options: Partial<GicConfig> = {}): Rig {
  const config: GicConfig = { vcpus: 2, spis: 64, idBits: 14, its: true, personality: 'kvm', ...options };
  const slots = [{ base: RAM, bytes: 0x1_0000 * (1 + config.vcpus) }];
  const layout = new Layout();
  const regions = gicRegions(layout, config);
  const ram = guestMemoryRegion(layout, slots);
  const words = new Int32Array(new SharedArrayBuffer(layout.words * 4));
  const memory = new GuestMemory(words, ram, slots);
  const disabled: number[] = [];
  const gic = new Gic(words, regions, memory, { lpisDisabled: (vcpu) => disabled.push(vcpu) });
  gic.reset();
  return { gic, memory, words, disabled };
}

/** Turns the distributor and the CPU interfaces on, with both groups and all priorities let through. */
export function turnOn({ gic }: Rig): void {
  gic.distributor.write(gicd.CTLR, 4, 3n);
  for (const cpu of gic.cpuInterfaces) {
    cpu.priorityMask = 0xff;
    cpu.groupEnable0 = true;
    cpu.groupEnable1 = true;
  }
}

/** Maps LPIs as an ITS would, without asking any table. */
export function mapLpi({ gic }: Rig, lpi: number, vcpu: number, config = 0xa1): void {
  gic.lpis.map(lpi);
  gic.lpis.retarget(lpi, vcpu);
  gic.lpis.configure(lpi, config);
}

/** Writes the table registers of a vCPU and turns its LPIs on. */
export function enableLpis({ gic }: Rig, vcpu: number, pendingTableZero = false): void {
  const redistributor = gic.redistributor(vcpu);
  redistributor.write(gicr.PROPBASER, 8, BigInt(CONFIG_TABLE) | BigInt(gic.config.idBits - 1));
  redistributor.write(gicr.PENDBASER, 8, BigInt(pendingTableOf(vcpu)) | (pendingTableZero ? 1n << 62n : 0n));
  redistributor.write(gicd.CTLR, 4, 1n);
}

/** Acknowledges and ends group 1 interrupts until there are none, or 64 were taken; the INTIDs in order. */
export function drain({ gic }: Rig, vcpu: number): number[] {
  const cpu = gic.cpuInterface(vcpu);
  const taken: number[] = [];
  for (let intid = cpu.acknowledge(); intid !== 1023; intid = cpu.acknowledge()) {
    if (taken.length === 64) break;
    taken.push(intid);
    cpu.endOfInterrupt(intid);
  }
  return taken;
}
