/** Lines of a vector that are no steps. */
const HEADING = /^(title|machine)\b/;

/**
 * The shortest vector that shrinking finds for which `differs` still holds: the steps after the last one that matters are
 * cut off, then halves, quarters and so on down to single steps are left out.
 * @param last - the last line that counts, from 1
 * @param differs - asks again
 */
export function shrink(text: string, last: number, differs: (candidate: string) => boolean): string {
  const all = text.split('\n').slice(0, last);
  const heading = all.filter((line) => HEADING.test(line));
  let steps = all.filter((line) => line !== '' && !HEADING.test(line));
  const textOf = (lines: readonly string[]) => `${[...heading, ...lines].join('\n')}\n`;
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < steps.length; ) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
      if (fewer.length > 0 && differs(textOf(fewer))) steps = fewer;
      else at += size;
    }
  }
  return textOf(steps);
}
