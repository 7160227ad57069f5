import { excerpt } from '../../base/input-file.ts';
import type { Mark } from './vector-step.ts';
import type { VectorWords } from './vector-words.ts';

/** Reads `!WHO WHY` or `!WHO={json} WHY`. */
export function parseMark(words: VectorWords, text: string): Mark {
  const [, who, rest = ''] = /^!(\w+(?::[\w.]+)?)(.*)$/.exec(text) ?? [];
  if (who === undefined)
    throw words.error(`${excerpt(text)} is no mark; expected !WHO WHY or !WHO={json} WHY`);
  if (!rest.startsWith('=')) {
    if (!/^\s+\S/.test(rest)) throw words.error(`the mark has no reason; expected !${who} WHY`);
    return { who, why: rest.trim() };
  }
  const end = endOfObject(rest, 1);
  if (end < 0) throw words.error(`the answer ${excerpt(rest.slice(1))} has no end; expected {json}`);
  const json = rest.slice(1, end);
  const why = rest.slice(end);
  if (!/^\s+\S/.test(why)) throw words.error(`the mark has no reason; expected !${who}={json} WHY`);
  try {
    return { who, answer: JSON.parse(json), why: why.trim() };
  } catch (error) {
    throw words.error(`the answer ${excerpt(json)} is not JSON; expected one such as {"value":"0x0"}`, {
      cause: error,
    });
  }
}

/** Index after the brace that closes the brace at `start`, or -1. */
function endOfObject(text: string, start: number): number {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (quoted && character === '\\') at++;
    else if (character === '"') quoted = !quoted;
    else if (!quoted && character === '{') depth++;
    else if (!quoted && character === '}') depth--;
    if (depth === 0) return character === '}' ? at + 1 : -1;
  }
  return -1;
}

/** A mark as a line of a vector: the inverse of {@link parseMark}. */
export function formatMark({ who, answer, why }: Mark): string {
  return `!${who}${answer === undefined ? '' : `=${JSON.stringify(answer)}`} ${why}`;
}
