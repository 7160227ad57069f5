import { IrqError } from '../base/irq-error.ts';
import { ExploredGuest, type GuestOptions } from './explored-guest.ts';
import type { Wrong } from './failure.ts';
import { type Lane, showSchedule } from './lanes.ts';
import { following } from './run-schedule.ts';
import { NO_SYMBOLS, type Symbols } from './symbols.ts';
import { decodeGuestToken, hashOf } from './token.ts';

/** A schedule of a guest, done again. The JSON of `irqloom replay --guest`. */
export type GuestReplay = {
  readonly guest: string;
  readonly verdict: 'fail' | 'pass' | 'unknown';
  readonly failure: Wrong | null;
  readonly preemptions: number;
  readonly instructions: number;
  /** Where each vCPU was at the end: 16 hexadecimal digits, and the instructions that it had run since its first. */
  readonly vcpus: readonly { readonly pc: string; readonly instructions: number }[];
  readonly lanes: readonly Lane[];
  readonly console: readonly string[];
};

/** The files that a token is of. */
export type GuestFiles = Pick<GuestOptions, 'kernel' | 'initrd' | 'devices'> & {
  readonly name: string;
  readonly symbols?: Symbols | undefined;
};

/** Boots a guest as a token says, and runs its schedule. @throws IrqError `ERR_TOKEN` where it is of other files */
export function replayGuestToken(text: string, files: GuestFiles): GuestReplay {
  const token = decodeGuestToken(text);
  const { kernel, initrd, devices, symbols = NO_SYMBOLS } = files;
  const hash = hashOf(initrd ? [kernel, initrd] : [kernel], devices);
  if (hash !== token.files)
    throw new IrqError(
      'ERR_TOKEN',
      `the token is of files with hash ${token.files}, and ${files.name} (with its --initrd and --device) has ${hash}: explore again`,
    );
  const guest = new ExploredGuest({ ...token, kernel, devices, ...(initrd ? { initrd } : {}) });
  const { lanes, outcome, preemptions } = showSchedule(guest, following(token.turns), token.limit, symbols);
  return {
    guest: files.name,
    verdict: outcome.wrong ? 'fail' : outcome.how === 'end' ? 'pass' : 'unknown',
    failure: outcome.wrong ?? null,
    preemptions,
    instructions: outcome.instructions,
    vcpus: guest.controlled.vcpus.map(({ core, instructions }) => ({
      pc: core.pc.toString(16).padStart(16, '0'),
      instructions,
    })),
    lanes,
    console: guest.lines.since,
  };
}
