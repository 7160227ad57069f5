import { expect, test } from 'vitest';
import { buildBoard } from '../../src/boot/build.ts';
import { Controlled } from '../../src/boot/controlled.ts';
import { runGuest } from '../../src/boot/run.ts';
import { program, runOptions } from './guests.ts';

/** mrs x0, cntvct_el0; mrs x1, cntpct_el0; b .-8 */
const READER = program(0xd53b_e040, 0xd53b_e021, 0x17ff_fffe);

test("a core that reads the counter by itself sees the board's time, past 2^32 ticks as well", () => {
  const board = buildBoard(runOptions({ kernel: READER, vcpus: 2 }));
  const controlled = new Controlled(board);
  const [vcpu] = controlled.vcpus;
  for (const time of [0, 1000, 2 ** 32 - 3, 2 ** 32 + 5, 3 * 2 ** 32]) {
    board.clock.catchUp(0, vcpu?.instructions ?? 0, time);
    const before = board.clock.now();
    controlled.stepAlone(0, 1);
    // Before the instruction that reads it.
    expect(Number(vcpu?.core.x(0))).toBe(before);
    controlled.stepAlone(0, 2);
    expect(Number(vcpu?.core.x(1))).toBe(before + 1);
  }
});

test('the counter is never behind the time that another vCPU has published', () => {
  const board = buildBoard(runOptions({ kernel: READER, vcpus: 2 }));
  const controlled = new Controlled(board);
  const [vcpu] = controlled.vcpus;
  controlled.stepAlone(0, 3);
  board.clock.catchUp(1, 0, 123_456);
  controlled.stepAlone(0, 1);
  expect(Number(vcpu?.core.x(0))).toBe(123_456);
});

/**
 * Sets the RTC's alarm to a second ahead, asks for its interrupt, and sleeps; then powers off. With SPI 2 routed and
 * enabled, a WFI ends when it comes, whatever is masked.
 */
const ALARM = program(
  // x1 = 0x09010000 (RTC), x2 = DR + 1, MR = x2, IMSC = 1
  ...[0xd2a1_2021, 0xb940_0022, 0x1100_0442, 0xb900_0422, 0x5280_0023, 0xb900_1023],
  // x4 = 0x08000000 (GICD): CTLR = 0x12, IGROUPR1 bit 2, ISENABLER1 bit 2
  ...[0xd2a1_0004, 0x5280_0245, 0xb900_0085, 0x5280_0086, 0xb900_8486, 0xb901_0486],
  // ICC_PMR_EL1 = 0xff, ICC_IGRPEN1_EL1 = 1; wfi
  ...[0xd280_1fe7, 0xd518_4607, 0xd280_0027, 0xd518_cce7, 0xd503_207f],
  // PSCI SYSTEM_OFF
  ...[0xd280_0100, 0xf2b0_8000, 0xd400_0002, 0x1400_0000],
);

test.each(['threads', 'controlled'] as const)(
  "a guest that sleeps until the RTC's alarm wakes up a second later by its own time (%s)",
  async (scheduler) => {
    const result = await runGuest(runOptions({ kernel: ALARM, vcpus: 2, scheduler }), {
      output: () => undefined,
    });
    expect(result).toMatchObject({ end: 'power-off', exitStatus: 0 });
    expect(result.instructions).toBe(20);
  },
);
