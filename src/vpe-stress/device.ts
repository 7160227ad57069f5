import type { Intid } from '../arch/intid.ts';
import { gits } from '../arch/registers.ts';
import type { Machine } from '../board/machine.ts';
import { deviceLoad } from '../stress/index.ts';
import { threadProgram } from '../threads/programs.ts';
import type { VpePlan } from './plan.ts';

/** Makes a vSGI pending: a write to GITS_SGIR. Any thread. */
export function sendSgi({ bus, config }: Machine, plan: VpePlan, sgi: Intid): void {
  const vpe = plan.sources.find(({ kind, intid }) => kind === 'level' && intid === sgi)?.vcpu ?? 0;
  bus.write(config.itsBase + gits.SGIR, 8, (BigInt(vpe) << 32n) | BigInt(sgi));
}

/** A device of the run: vLPIs by irqfds, vSGIs by GITS_SGIR, as another vCPU of the guest would send them. */
export function vpeDevice(machine: Machine, { plan, device }: { plan: VpePlan; device: number }) {
  return deviceLoad(machine, { plan, device }, (sgi) => sendSgi(machine, plan, sgi));
}

export const vpeDeviceProgram = threadProgram(import.meta.url, vpeDevice);
