import type { Progress } from '../explore/search/progress.ts';
import { count, plural, rate } from './units.ts';

/** How far a search has come, in one line. `bound`: how long the search may take, s. */
export function progressText(progress: Progress, bound: number): string {
  const { stage, scenario, phase, schedules, seconds, fraction } = progress;
  if (stage === 'load') return 'loading';
  if (stage === 'shrink') return `${scenario}: a schedule fails; looking for the smallest that does`;
  const speed = seconds > 0 ? `, ${rate(schedules / seconds)}` : '';
  const done =
    fraction === undefined ? '' : `, ${(fraction * 100).toFixed(fraction < 0.1 ? 2 : 0)} % of ${phase}`;
  const left = leftOf(seconds, fraction, bound);
  return `${scenario}: ${phase}, ${plural(schedules, 'schedule')}${speed}${done}${left}`;
}

function leftOf(seconds: number, fraction: number | undefined, bound: number): string {
  const untilBound = Math.max(0, bound - seconds);
  const untilEnd = fraction === undefined || fraction <= 0 ? Infinity : (seconds * (1 - fraction)) / fraction;
  return untilEnd < untilBound
    ? `, about ${count(Math.ceil(untilEnd))} s left`
    : `, at most ${count(Math.ceil(untilBound))} s left`;
}
