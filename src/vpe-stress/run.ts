import { type OwnThreads, runStress, type StressResult, type StressWatch } from '../stress/index.ts';
import { vpeDeviceProgram } from './device.ts';
import { vpeDriverProgram } from './driver.ts';
import { buildVpeStress, hostOf, type VpeStressOptions } from './plan.ts';
import { vpeHostProgram } from './vcpu.ts';

/**
 * The main job with a GICv4.1: signals vLPIs and vSGIs from many threads, while the vCPU threads run more vPEs than there are vCPUs and the
 * driver changes vPEs and mappings; proves that each was taken, and that each vPE that slept was woken by one doorbell.
 * @throws IrqError `ERR_CONFIG` for the topology; `ERR_THREAD_DIED`, `ERR_THREAD_SILENT`
 */
export async function runVpeStress(
  options: VpeStressOptions,
  watch: StressWatch = {},
): Promise<StressResult> {
  const { machine, plan } = buildVpeStress(options);
  const devices = Array.from({ length: plan.devices }, (_, device) => [
    `device${device}`,
    vpeDeviceProgram({ plan, device }),
  ]);
  const own: OwnThreads = {
    words: 0,
    built: { machine, plan },
    cast: () => ({
      guest: vpeHostProgram(plan),
      programs: { ...Object.fromEntries(devices), driver: vpeDriverProgram(plan) },
    }),
  };
  const result = await runStress({ ...options, spis: 0, lines: 'irq-line' }, watch, own);
  const vsgis = plan.sources.filter(({ kind }) => kind === 'level').length;
  return {
    ...result,
    config: { ...result.config, events: plan.sources.length - vsgis, eventsAs: 'vlpi' },
    coverage: null,
    vpes: { vpes: plan.vpes, vsgis, ...hostOf(machine, plan).figures },
  };
}
