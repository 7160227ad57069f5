/** KVM's generic code over an IOAPIC, under every interleaving: a resampling irqfd that is raised while its level ends. */
import { describe, expect, test } from 'vitest';
import type { ApicBoard } from '../../../src/board/apic-board.ts';
import * as theBoard from '../../../src/board/apic-board.ts';
import type { Scenario } from '../../../src/explore/index.ts';
import type { Words } from '../../../src/memory/word.ts';
import { LEVEL, program } from '../../apic/rig.ts';
import { isCaught, passesEvery } from '../../exploring.ts';
import type { MistakeName } from '../../guards/index.ts';
import { loadMutated } from '../../mutate.ts';

type Module = Pick<typeof theBoard, 'ApicBoard'>;
type Story = {
  readonly name: string;
  readonly threads: Readonly<Record<string, (board: ApicBoard) => void>>;
  readonly finally: (board: ApicBoard) => void;
};

const VECTOR = 0x41;
const CONFIG = { vcpus: 1, eventfds: 4, threads: 3, dispatch: 'inline', gsis: 1, spins: 0 } as const;
/** Two devices share the line of GSI 0, each with its resamplefd. */
const ONE = { fd: 0, resamplefd: 1 };
const OTHER = { fd: 2, resamplefd: 3 };

/** The level of the first device is in service when the threads start. */
function scenarioOf({ name, threads, finally: last }: Story, ...mistakes: MistakeName[]): Scenario<Words> {
  const { ApicBoard }: Module =
    mistakes.length === 0
      ? theBoard
      : loadMutated<{ board: Module }>({ board: 'board/apic-board.ts' }, ...mistakes).board;
  const { layout } = ApicBoard.create(CONFIG);
  return {
    name,
    setup: () => {
      const board = ApicBoard.create(CONFIG);
      board.vm.createIrqchip();
      board.local(0).enable();
      program(board.apic, 0, VECTOR + LEVEL);
      for (const { fd, resamplefd } of [ONE, OTHER]) board.vm.assignIrqFd(fd, 0, { resamplefd });
      board.vm.irqfds.write(ONE.fd);
      board.vm.irqfds.dispatchPending();
      expect(board.local(0).acknowledge()).toBe(VECTOR);
      return board.words;
    },
    threads: Object.fromEntries(
      Object.entries(threads).map(([thread, run], number) => [
        thread,
        (words: Words) => run(new ApicBoard(words, CONFIG, number)),
      ]),
    ),
    finally: (words) => last(new ApicBoard(words, CONFIG, 0)),
    names: (_buffer, byteOffset) => layout.nameOf(byteOffset / 4),
  };
}

const isUp = ({ apic }: ApicBoard) => (apic.ioapic.pending & 1) !== 0;
const underWay = (board: ApicBoard) =>
  Number(board.local(0).isRequested(VECTOR)) + Number(board.local(0).isInService(VECTOR));
const told = (board: ApicBoard, { resamplefd }: typeof ONE) =>
  Number(board.vm.irqfds.eventfd(resamplefd).tryRead());

describe('a resampling irqfd of an IOAPIC pin that is raised while the level ends', () => {
  const story: Story = {
    name: 'ioapic-resample-against-eoi',
    threads: {
      // The device writes, and the main thread is at it at once.
      main: ({ vm }) => {
        vm.irqfds.write(OTHER.fd);
        vm.irqfds.dispatchPending();
      },
      vcpu: (board) => void board.endOfInterrupt(0),
    },
    finally: (board) => {
      expect(underWay(board), 'deliveries, of a line that is up or down').toBe(Number(isUp(board)));
      // Raised before the end: the line was lowered, and the device is told to raise it again.
      expect([told(board, ONE), told(board, OTHER)], 'ends that each device was told of').toEqual([1, 1]);
    },
  };
  /** The other device goes meanwhile. */
  const gone: Story = {
    name: 'ioapic-deassign-against-eoi',
    threads: {
      userland: ({ vm }) => vm.deassignIrqFd(OTHER.fd, 0),
      vcpu: (board) => void board.endOfInterrupt(0),
    },
    finally: (board) => {
      expect([underWay(board), isUp(board)], 'of a line that its device has not raised again').toEqual([
        0,
        false,
      ]);
      expect(told(board, ONE)).toBe(1);
    },
  };

  test.each([story, gone])(
    'is up and delivered, or down and its device told, whatever the order: $name',
    (of) => {
      expect(passesEvery(scenarioOf(of)).schedules).toBeGreaterThan(2);
    },
  );

  test.each([
    {
      title: 'an IOAPIC that passes the end on after it may have delivered again',
      of: gone,
      mistake: 'end-passed-on-before-rearm: passed on afterwards',
    },
    {
      title: 'an EOI that does not look at the line',
      of: story,
      mistake: 'rearm-sends-line-up: not delivered',
    },
    {
      title: 'a resampler that lowers the line of userland',
      of: gone,
      mistake: "resampler-has-own-source: userland's",
    },
  ] as const)('not so with $title', ({ of, mistake }) => {
    isCaught(scenarioOf(of, mistake), 'assertion');
  });
});
