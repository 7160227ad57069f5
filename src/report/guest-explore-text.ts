import type { GuestExploreResult, GuestReplay, Lane } from '../guest-explore/index.ts';
import { textWidth } from './text-width.ts';
import { count, plural } from './units.ts';

/** Wider than this, lanes are indented instead of standing side by side. */
const MOST = 150;
const INDENT = 4;
const MOST_LINES = 12;

/** The result of `irqloom explore --guest`. @param repeat - the whole command that repeats a failure */
export function guestExploreText(result: GuestExploreResult, repeat: string | undefined): string {
  const { guest, failure, statement, schedulesPerSecond, strategy, seed, sharedPlaces, instructions } =
    result;
  const speed = `${count(schedulesPerSecond)} schedules/s, ${count(instructions)} instructions; strategy ${strategy}, seed ${seed}`;
  const places =
    sharedPlaces > 0 ? `vCPUs communicate through ${plural(sharedPlaces, 'place')} of 8 bytes` : undefined;
  if (!failure) return `${[`${guest}: ${statement}`, places, speed].filter(Boolean).join('\n')}\n`;
  const size = `${plural(failure.turns, 'turn')}, ${plural(failure.preemptions, 'preemption')}, ${count(failure.instructions)} instructions; found by ${failure.strategy}`;
  return [
    `${guest}: ${failure.kind}: ${failure.message}`,
    '',
    ...laneLines(failure.lanes),
    '',
    ...consoleLines(failure.console),
    size,
    `${statement}; ${speed}`,
    `repeat  ${repeat ?? failure.token}`,
    '',
  ].join('\n');
}

/** The result of `irqloom replay --guest`. */
export function guestReplayText(result: GuestReplay): string {
  const { guest, verdict, failure, preemptions, instructions, lanes, vcpus } = result;
  const head = failure
    ? `${failure.kind}: ${failure.message}`
    : verdict === 'pass'
      ? 'holds'
      : 'stopped at its bound';
  return [
    `${guest}: ${head}`,
    '',
    ...laneLines(lanes),
    '',
    ...consoleLines(result.console),
    `${plural(preemptions, 'preemption')}, ${count(instructions)} instructions; at the end ${vcpus.map(({ pc }, vcpu) => `vCPU ${vcpu} at 0x${pc}`).join(', ')}`,
    '',
  ].join('\n');
}

function consoleLines(lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  return [...lines.slice(-MOST_LINES).map((line) => `console  ${line}`), ''];
}

/** A schedule as columns, one for each actor, and a line or more for each turn; `▶` marks a preemption. */
export function laneLines(lanes: readonly Lane[]): string[] {
  const actors = [...new Set(lanes.map(({ actor }) => actor))].sort();
  const cells = lanes.map((lane) => cellOf(lane));
  const widths = actors.map((actor) =>
    Math.max(
      actor.length,
      ...cells.flatMap((lines, index) =>
        lanes[index]?.actor === actor ? lines.map((line) => line.length) : [],
      ),
    ),
  );
  const isWide = widths.reduce((sum, width) => sum + width + 2, 0) > Math.min(MOST, textWidth());
  const startOf = (column: number) =>
    isWide ? column * INDENT : widths.slice(0, column).reduce((sum, width) => sum + width + 2, 0);
  const digits = String(lanes.length).length;
  const head = isWide
    ? []
    : [
        `${' '.repeat(digits + 2)}${actors.map((actor, column) => actor.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
      ];
  return [
    ...head,
    ...lanes.flatMap((lane, index) => {
      const indent = ' '.repeat(startOf(actors.indexOf(lane.actor)));
      return (cells[index] ?? []).map((line, row) => {
        const number = row === 0 ? String(index + 1).padStart(digits) : ' '.repeat(digits);
        const name = isWide && row === 0 ? `${lane.actor}: ` : '';
        return `${number}  ${indent}${name}${line}`.trimEnd();
      });
    }),
  ];
}

function cellOf({ does, instructions, accesses, end }: Lane): string[] {
  const ran = instructions > 0 ? `${count(instructions)}: ` : '';
  const how = end === 'preempted' ? '  ▶ preempted' : end === '' ? '' : `  (${end})`;
  return [`${ran}${does}${how}`, ...accesses.map((access) => `  ${access}`)];
}
