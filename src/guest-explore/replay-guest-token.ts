import { IrqError } from '../base/irq-error.ts';
import { ExploredGuest, type GuestOptions } from './explored-guest.ts';
import type { Wrong } from './failure.ts';
import { type Lane, showSchedule } from './lanes.ts';
import { following } from './run-schedule.ts';
import { NO_SYMBOLS, type Symbols } from './symbols.ts';
import { decodeGuestToken, hashOf } from './token.ts';

/** The result of a replayed schedule: the JSON of `irqloom replay --guest`. */
export type GuestReplay = {
  readonly guest: string;
  readonly verdict: 'fail' | 'pass' | 'unknown';
  readonly failure: Wrong | null;
  readonly preemptions: number;
  readonly instructions: number;
  /** Each vCPU at the end: the pc, 16 hexadecimal digits, and its instructions since reset. */
  readonly vcpus: readonly { readonly pc: string; readonly instructions: number }[];
  readonly lanes: readonly Lane[];
  readonly console: readonly string[];
};

/** The files to which a token belongs. */
export type GuestFiles = Pick<GuestOptions, 'kernel' | 'initrd' | 'devices'> & {
  readonly name: string;
  readonly symbols?: Symbols;
};

/** Boots a guest with a token's settings, and runs its schedule. @throws IrqError `ERR_TOKEN` if the token belongs to other files */
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
