import type { BootResult } from '../boot/result.ts';
import { table } from './table.ts';
import { count, plural, rate, time } from './units.ts';

const ENDS = {
  'power-off': 'powered off',
  reset: 'asked for a reset',
  halted: 'halted: every vCPU waits, no timer is set and no device works',
  limit: 'was ended by a limit',
  panic: 'panicked',
  interrupted: 'was interrupted',
} as const satisfies Record<BootResult['end'], string>;

/** The outcome of a boot, as text for people. */
export function bootText(result: BootResult): string {
  const { end, exitStatus, instructions, seconds, vcpus, console } = result;
  const rows = vcpus.map(({ instructions: ran, interrupts, exceptions, pc }, vcpu) => [
    String(vcpu),
    count(ran),
    count(Object.values(interrupts).reduce((sum, taken) => sum + taken, 0)),
    count(exceptions),
    `0x${pc}`,
  ]);
  return [
    `the guest ${ENDS[end]}${exitStatus === null ? '' : `, exit status ${exitStatus}`}`,
    '',
    table(['vCPU', 'instructions', 'interrupts', 'exceptions', 'pc'], rows),
    '',
    `${count(instructions)} instructions in ${time(seconds * 1e9)} (${rate(instructions / seconds)}); ${plural(console.lines, 'console line')}, sha256 ${console.sha256}`,
    `scheduler ${result.scheduler}, seed ${result.seed}`,
    '',
  ].join('\n');
}
