import { IrqError, isIrqError } from '../base/irq-error.ts';
import { type Cast, Harness } from '../threads/harness.ts';
import { buildMachine } from './build.ts';
import { harnessGuestProgram } from './cpu.ts';
import { harnessDeviceProgram } from './device.ts';
import { BootedMachine } from './machine.ts';
import { type BootOptions, checkOptions, type Settings } from './options.ts';
import { type HarnessPlan, type HarnessViews, harnessViews } from './plan.ts';
import { Run } from './run.ts';

/**
 * Boots a machine: a worker thread for each vCPU, which runs the guest module, and one for each device, which runs the
 * device module. The guest's drivers have brought the GIC and the ITS up, and every event of a device has an LPI, an MSI route and an
 * irqfd. Nothing is signalled and no interrupt taken before `machine.run()`. The main thread.
 * @throws IrqError `ERR_USAGE` for a wrong option; `ERR_FILE` for a module that is not there; `ERR_SCENARIO` for a module without the
 * function; `ERR_CONFIG` for an impossible machine; `ERR_THREAD_DIED`, `ERR_THREAD_SILENT` for a guest whose `start` fails
 */
export async function boot(options: BootOptions): Promise<BootedMachine> {
  const settings = checkOptions(options);
  const built = buildMachine(settings);
  const views = harnessViews(built.machine, built.plan);
  const booting = Harness.boot(built.machine, castOf(settings, built.plan), settings.bootMs);
  const harness = await named(booting, views);
  return new BootedMachine(built, harness, new Run(harness, built.plan, views, settings.boundMs), views);
}

function castOf({ guest, device, devices, shared, boundMs }: Settings, plan: HarnessPlan): Cast {
  const names = Array.from({ length: devices }, (_, index) => `device${index}`);
  return {
    guest: harnessGuestProgram({ plan, module: guest, shared, boundMs, isStressed: false }),
    programs: Object.fromEntries(
      names.map((name, index) => [
        name,
        harnessDeviceProgram({ plan, module: device, shared, boundMs, isStressed: false, device: index }),
      ]),
    ),
  };
}

/** Says which guests have not returned from `start` where the boot takes too long. */
async function named(booting: Promise<Harness>, { places }: HarnessViews): Promise<Harness> {
  try {
    return await booting;
  } catch (error) {
    const { calls } = places;
    if (!isIrqError(error, 'ERR_THREAD_SILENT') || calls.length === 0) throw error;
    throw new IrqError('ERR_THREAD_SILENT', `${(error as IrqError).message}: ${calls.join(', ')}`, {
      cause: error,
    });
  }
}
