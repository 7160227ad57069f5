import { InvalidArgumentError, Option } from 'commander';
import { MEMORY_MODELS, type MemoryModel } from '../boot/plan.ts';
import { wholeNumber } from './values.ts';

/** A guest's memory: its size, and the order in which its vCPUs see each other's stores. */
export type MemoryFlag = { readonly mebibytes: number; readonly model: MemoryModel };

/** Where nothing is said. */
export const DEFAULT_MEMORY: MemoryFlag = { mebibytes: 512, model: 'strong' };

/**
 * `--memory`, which takes a size or a model, and may be given twice. Commander has no default for the flag:
 * {@link DEFAULT_MEMORY} holds both.
 */
export function memoryOption(of = ''): Option {
  const { mebibytes, model } = DEFAULT_MEMORY;
  return new Option(
    '-m, --memory <MiB|model>',
    `${of}guest memory, by its size, or by its model: strong, or arm, where a store waits in its vCPU until the schedule, a barrier or a release lets it leave; may be given twice (default: ${mebibytes}, ${model})`,
  ).argParser(parse);
}

function parse(text: string, before: MemoryFlag = DEFAULT_MEMORY): MemoryFlag {
  const model = MEMORY_MODELS.find((name) => name === text);
  if (model !== undefined) return { ...before, model };
  if (!/^\d/.test(text))
    throw new InvalidArgumentError(`Give a number of MiB, or one of ${MEMORY_MODELS.join(', ')}.`);
  return { ...before, mebibytes: wholeNumber(2, 3072, 'MiB')(text) };
}
