import { FIRST_LPI, FIRST_SPI } from '../arch/intid.ts';
import type { Source } from '../guest/index.ts';
import type { Fd } from '../kvm/gsi.ts';
import type { Region } from '../memory/layout.ts';
import { Meeting, type Role } from '../memory/perturbation/meeting.ts';
import { type Plan, type StressMachine, stressViews } from './stress-plan.ts';

/** Words of the hook of an eventfd. @see kvm/hooks.ts */
const HOOK_WORDS = 4;

const EVENTFD_NAME = /^eventfd(\d+)$/;

type Place = { readonly region: Region; readonly sourceAt: (offset: number) => number };

/** Threads that stop, and the sources that they deal with. One for each thread that comes by. */
export class Meetings {
  readonly meeting: Meeting;
  readonly #places: readonly Place[];

  /** @param thread - the calling thread's number among the machine's threads */
  constructor(machine: StressMachine, plan: Plan, thread: number, role: Role) {
    const { perturbation, proof } = stressViews(machine, plan);
    this.meeting = new Meeting(machine.words, perturbation.meeting, thread, role);
    const ofFd = (fd: Fd) =>
      plan.sources.findIndex(({ fd: own, resamplefd }: Source) => own === fd || resamplefd === fd);
    this.#places = [...machine.layout.regions()].flatMap(([name, region]): Place[] => {
      const fd = EVENTFD_NAME.exec(name)?.[1];
      if (fd !== undefined) return [{ region, sourceAt: () => ofFd(Number(fd)) }];
      if (name === 'irqfd.hooks')
        return [{ region, sourceAt: (offset) => ofFd(Math.floor(offset / HOOK_WORDS)) }];
      const first = name === 'lpi' ? FIRST_LPI : FIRST_SPI;
      if (name !== 'lpi' && name !== 'spi') return [];
      return [{ region, sourceAt: (offset) => proof.ownerOf(first + offset) }];
    });
  }

  /** The source that the stopped thread deals with, or -1 where that cannot be told. */
  get source(): number {
    const { subject } = this.meeting;
    for (const { region, sourceAt } of this.#places)
      if (subject >= region.at && subject < region.at + region.words) return sourceAt(subject - region.at);
    return -1;
  }
}
