import { type LinuxStressResult, linuxHeld } from '../guest-stress/linux.ts';
import { table } from './table.ts';
import { count, plural, time } from './units.ts';

/** How many lines of the kernel's are printed. */
const SHOWN = 10;

/** A stress run with Linux as text for people. */
export function linuxStressText(result: LinuxStressResult): string {
  const { config, devices, churn, reads, lost, spurious, misrouted, stranded, misroutes, alarms } = result;
  const rows = devices.map(({ name, requests, signalled, counted }) => [
    name,
    count(requests),
    count(signalled),
    count(counted),
  ]);
  return [
    `Linux on ${plural(config.vcpus, 'vCPU')}; dispatch ${config.dispatch}, fault ${config.fault}, seed ${config.seed}; ${bootOf(result)}`,
    '',
    table(['device', 'requests', 'signalled', 'counted by Linux'], rows, [1]),
    '',
    `in ${time(result.seconds * 1e9)}: ${count(reads.rng)} reads of /dev/hwrng, ${count(reads.block)} of the disk; ${count(result.instructions)} instructions in all`,
    `meanwhile: ${plural(churn.moves, 'affinity change')}, ${plural(churn.hotplugs, 'CPU taken off or on', 'CPUs taken off and on')}, ${plural(churn.rebinds, 'driver bound anew', 'drivers bound anew')}`,
    `lost ${lost}, spurious ${spurious}, misrouted ${misrouted}, stranded ${stranded}, kernel complaints ${alarms.length}${verdictOf(result)}`,
    ...misroutes.slice(0, SHOWN).map((line) => `misrouted: ${line}`),
    ...alarms.slice(0, SHOWN).map((line) => `kernel: ${line}`),
    '',
  ].join('\n');
}

function bootOf({ bootSeconds }: LinuxStressResult): string {
  return bootSeconds === null
    ? 'the run ended before Linux was at its init'
    : `at its init after ${time(bootSeconds * 1e9)}`;
}

/** The finding of a run without a fault. */
function verdictOf(result: LinuxStressResult): string {
  if (!linuxHeld(result)) return '';
  if (result.devices.some(({ counted }) => counted > 0))
    return ': Linux counted every interrupt that was sent';
  if (result.bootSeconds === null) return ': but no device was used, so the run shows nothing';
  return ': but Linux took no interrupt of any device, so the run shows nothing; does --modules have the virtio modules of this kernel?';
}
